"""The event stream between processes, presence, recovery and counts, in Redis. Only this package imports redis."""
