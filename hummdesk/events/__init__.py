"""Every event that clients and server exchange: see `table`."""
