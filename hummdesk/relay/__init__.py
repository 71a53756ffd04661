"""The relay: sends AI runs to the broker and publishes overdue events."""
