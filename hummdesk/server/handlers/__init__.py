"""The handlers of requests, one function each; see `table.HANDLERS`."""
