"""Socket.IO on Sanic. Nothing here knows HummDesk."""

from hummdesk.engine.server import SocketIOServer, Unreadable

__all__ = ["SocketIOServer", "Unreadable"]
