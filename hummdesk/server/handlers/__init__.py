"""What each request does: one function an event, found through the table in `hummdesk.events`."""
