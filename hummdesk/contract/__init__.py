"""What clients and server say to each other, printed for others from the tables and schemas in `hummdesk.events`."""
