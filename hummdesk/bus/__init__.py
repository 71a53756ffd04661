"""What is happening now, in Redis: the event stream between processes, and who is present."""
