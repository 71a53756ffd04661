"""The web process: Socket.IO, its handlers, and what it serves over HTTP."""
