"""Engine.IO v4 and Socket.IO v5 servers for Sanic, compatible with python-engineio and python-socketio.

Session handling, heartbeats, WebSockets and write coalescing are implemented here; handlers, rooms, namespaces and
acknowledgements have the interface of python-socketio. The package depends on nothing else of HummDesk.

What a server keeps for its clients is bounded in bytes, for each client and for all together (`max_buffered_bytes`,
`max_http_buffer_size`, `max_total_buffered_bytes`, `max_total_received_bytes`). `ConnectionLimits` bounds the number of
open sessions; an application that marks those it knows with `set_authenticated` can bound the others. An `Observer`
receives each opening, close and refusal with its reason. With `async_handlers`, python-socketio's default, the events
of one client are handled concurrently and without a limit; without it, or with `on_event`, a client that sends faster
than its events are handled is not read.

    from sanic import Sanic

    from hummdesk.engine import SocketIOServer

    app = Sanic("chat")
    server = SocketIOServer()
    server.attach(app)

    @server.on("join")
    async def join(sid: str, room: str) -> str:
        await server.enter_room(sid, room)
        server.deliver("joined", {"sid": sid}, rooms=[room])
        return "ok"

    if __name__ == "__main__":
        app.run(port=8000, single_process=True)
"""

from hummdesk.engine.connections import ConnectionLimits, network_of
from hummdesk.engine.engine_io import EngineIOServer
from hummdesk.engine.observer import CloseReason, ConnectionState, Observer, RefusalReason
from hummdesk.engine.packet import UnparsedPayload
from hummdesk.engine.recovery import MissedEvent, Recovery, RecoveryRequest
from hummdesk.engine.socket_io import SocketIOServer

__all__ = [
    "CloseReason",
    "ConnectionLimits",
    "ConnectionState",
    "EngineIOServer",
    "MissedEvent",
    "Observer",
    "Recovery",
    "RecoveryRequest",
    "RefusalReason",
    "SocketIOServer",
    "UnparsedPayload",
    "network_of",
]
