"""Engine.IO and Socket.IO on Sanic. Nothing here knows HummDesk."""

from hummdesk.engine.engine_io import EngineIOServer
from hummdesk.engine.packet import Unreadable
from hummdesk.engine.recovery import Claim, Missed, Return
from hummdesk.engine.socket_io import SocketIOServer

__all__ = ["Claim", "EngineIOServer", "Missed", "Return", "SocketIOServer", "Unreadable"]
