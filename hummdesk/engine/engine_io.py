"""An Engine.IO v4 server on Sanic: https://github.com/socketio/engine.io-protocol."""

import asyncio
from collections.abc import Awaitable, Callable, Collection, Coroutine
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import engineio
from engineio import packet
from sanic import HTTPResponse, Request, Sanic

from hummdesk.engine.deadlines import Deadlines
from hummdesk.engine.endpoint import METHODS, Endpoint
from hummdesk.engine.outbox import Outbox
from hummdesk.engine.parcel import PING, Parcel
from hummdesk.engine.peers import Peers
from hummdesk.engine.request import deflation, environ_of, take_over
from hummdesk.engine.session import Probe, Session
from hummdesk.engine.websocket import Receiver, Shared, WebSocket, quiet

Farewell = Callable[[], Awaitable[None]]

UPGRADE_SECONDS = 10.0
"""A WebSocket that wants to take over a polling session has so long to say that it does."""

CLOSE_SECONDS = 2.0
"""A closed client has so long to read what is left for it."""

DRAIN_SECONDS = 0.1
LOOK_SECONDS = 0.005


OWN_ORIGIN = SimpleNamespace(cors_allowed_origins=None)
"""Asked as a server that names none, engineio tells what the request's own origin is."""


class EngineIOServer(engineio.AsyncServer):  # type: ignore[misc]
    """engineio.AsyncServer with a transport of its own; `options` are the documented ones of that class."""

    def __init__(
        self,
        *,
        max_buffered_bytes: int = 1 << 20,
        compression: bool = False,
        kept_environ: Collection[str] | None = None,
        peers_directory: str | Path | None = None,
        **options: Any,
    ) -> None:
        """
        `max_buffered_bytes`: a client for which more is waiting is cut off; it can come back.
        `compression`: permessage-deflate on WebSockets, each message compressed once.
        `kept_environ`: what handlers see of the request's environ, kept for as long as the session; None is all of it.
        `peers_directory`: where workers of this machine that listen on one port find each other.
        """
        super().__init__(**{"logger": quiet} | options | {"async_mode": "sanic", "monitor_clients": False})
        self.max_buffered_bytes = max_buffered_bytes
        self.compression = compression
        self.kept_environ = kept_environ
        self.peers = Peers(Path(peers_directory)) if peers_directory is not None else None
        self.endpoint = Endpoint(self)
        self.outbox = Outbox()
        self.tasks: set[asyncio.Task[Any]] = set()
        self._shared = Shared(
            max_bytes=self.max_http_buffer_size, max_buffered_bytes=max_buffered_bytes, close_seconds=CLOSE_SECONDS
        )
        self._pings: Deadlines[Session] = Deadlines(self.ping_interval, self._ping)
        self._pongs: Deadlines[Session] = Deadlines(self.ping_timeout, self._miss)
        self._probes: Deadlines[Probe] = Deadlines(UPGRADE_SECONDS, Probe.give_up)
        self._left: dict[str, Session] = {}
        """Closed while polling: a last poll can fetch what there is to say."""
        self._farewells: Deadlines[str] = Deadlines(CLOSE_SECONDS, self._left.__delitem__)

    def _cors_allowed_origins(self, environ: dict[str, str]) -> list[str] | None:
        """Its own always, from which its pages come, besides those that are named."""
        named: list[str] | None = super()._cors_allowed_origins(environ)
        if named is None or self.cors_allowed_origins is None:
            return named
        return [*engineio.AsyncServer._cors_allowed_origins(OWN_ORIGIN, environ), *named]

    def attach(
        self, app: Sanic[Any, Any], engineio_path: str = "engine.io", *, farewell: Farewell | None = None
    ) -> None:
        """`farewell` is awaited when the server stops, before the connections close: Sanic orders no listeners."""
        path = f"/{engineio_path.strip('/')}/"

        async def engine_io(request: Request[Any, Any]) -> HTTPResponse | None:
            return await self.handle_request(request)

        async def start(app: Sanic[Any, Any]) -> None:
            if self.peers is not None:
                self.peers.open(app)

        async def stop(_: Sanic[Any, Any]) -> None:
            if farewell is not None:
                await farewell()
            self.close_all()
            if self.peers is not None:
                self.peers.close()

        engine_io.is_websocket = True  # type: ignore[attr-defined]  # it may answer nothing, having the connection
        app.add_route(engine_io, path, methods=METHODS, name=f"engine_io_{path.strip('/')}", stream=True)
        app.register_listener(start, "before_server_start")
        app.register_listener(stop, "before_server_stop")

    def generate_id(self) -> str:
        sid: str = super().generate_id()
        return sid if self.peers is None else self.peers.mark + sid

    # Sending and closing --------------------------------------------------------------------------------------------

    def post(self, sid: str, parcel: Parcel) -> None:
        """Send without waiting; to a session that is gone, nothing."""
        session = self.sockets.get(sid)
        if session is not None:
            session.post(parcel)

    async def send_packet(self, sid: str, pkt: packet.Packet) -> None:
        self.post(sid, Parcel(pkt.encode()))

    async def drained(self) -> None:
        """Return when no client has half of what it may leave unread, or soon: nobody waits for who does not read."""
        most = self.max_buffered_bytes / 2
        for _ in range(round(DRAIN_SECONDS / LOOK_SECONDS)):
            if all(session.unread_bytes <= most for session in self.sockets.values()):
                return
            await asyncio.sleep(LOOK_SECONDS)

    async def fetched(self) -> None:
        """Return when all that were closed have read what was left, or have had CLOSE_SECONDS for it.

        Who was between two polls asks once more. A WebSocket answers the closing handshake: a process that ends before
        it does resets the connection at its next frame, and what its client had not read yet is lost.
        """
        for _ in range(round(CLOSE_SECONDS / LOOK_SECONDS)):
            if not self._left and not self._shared.closing:
                return
            await asyncio.sleep(LOOK_SECONDS)

    def close(self, sid: str) -> None:
        session = self.sockets.get(sid)
        if session is not None:
            session.close(self.reason.SERVER_DISCONNECT)

    def close_all(self) -> None:
        for session in list(self.sockets.values()):
            session.close(self.reason.SERVER_DISCONNECT)

    async def disconnect(self, sid: str | None = None) -> None:
        """Close a session, or all; what was sent before still leaves. Its `disconnect` handler runs after this."""
        if sid is None:
            self.close_all()
        else:
            self.close(sid)

    async def settle(self) -> None:
        """Wait until every packet that has arrived is handled."""
        while self.tasks:
            await asyncio.wait(self.tasks)

    async def shutdown(self) -> None:
        """Close what is open, let the handlers of `disconnect` end, and stop every timer."""
        self.close_all()
        if self.tasks:
            await asyncio.wait(self.tasks, timeout=CLOSE_SECONDS)
        for timers in (self._pings, self._pongs, self._probes, self._farewells, self._shared.closing):
            timers.clear()

    # What sessions call ---------------------------------------------------------------------------------------------

    def spawn(self, coroutine: Coroutine[Any, Any, None]) -> None:
        task = asyncio.ensure_future(coroutine)
        self.tasks.add(task)
        task.add_done_callback(self.tasks.discard)

    async def handle(self, session: Session, message: Any) -> None:
        await self._trigger_event("message", session.sid, message, run_async=self.async_handlers)

    async def leave(self, session: Session, reason: str) -> None:
        """The last event of a session, after which nothing is left of it."""
        await self._trigger_event("disconnect", session.sid, reason, run_async=False)
        self._drop(session)

    def forget(self, session: Session) -> None:
        """Stop waiting for a session that ends."""
        self._pings.cancel(session)
        self._pongs.cancel(session)
        if session.reason == self.reason.SERVER_DISCONNECT and not session.upgraded and not session.is_polled:
            self._left[session.sid] = session
            self._farewells.start(session.sid)

    def forget_probe(self, probe: Probe) -> None:
        self._probes.cancel(probe)

    def beat(self, session: Session) -> None:
        """A pong has come."""
        if session.awaits_pong:
            session.awaits_pong = False
            self._pongs.cancel(session)
            self._pings.start(session)

    def _ping(self, session: Session) -> None:
        session.awaits_pong = True
        self._pongs.start(session)
        session.post(PING)

    def _miss(self, session: Session) -> None:
        if session.is_held_back:
            self._pongs.start(session)
        else:
            session.close(self.reason.PING_TIMEOUT)

    def _drop(self, session: Session) -> None:
        session.closing = session.closed = True
        if self.sockets.get(session.sid) is session:
            del self.sockets[session.sid]

    # What the endpoint calls ----------------------------------------------------------------------------------------

    async def handle_request(self, request: Request[Any, Any]) -> HTTPResponse | None:
        """The answer to a request; None when its connection has been taken from Sanic."""
        return await self.endpoint.handle(request)

    async def _handle_connect(self, request: Request[Any, Any], transport: str) -> Any:
        """A session, or what the application says to refuse it."""
        session = Session(self, self.generate_id())
        self.sockets[session.sid] = session
        session.post(self._open_packet(session.sid, transport))
        try:
            answer = await self._trigger_event("connect", session.sid, environ_of(request, self.kept_environ))
            _raise_if_cancelled(request)
        except asyncio.CancelledError:
            self._drop(session)
            raise
        if answer not in (None, True) or session.closing:
            self._drop(session)
            return answer
        self._pings.start(session)
        if transport == "websocket":
            websocket, extensions = self._websocket(request, session)
            take_over(request, websocket, extensions, session.use(websocket))
        return session

    def _open_packet(self, sid: str, transport: str) -> Parcel:
        can_upgrade = self.allow_upgrades and transport == "polling" and "websocket" in self.transports
        opening = {
            "sid": sid,
            "upgrades": ["websocket"] if can_upgrade else [],
            "pingInterval": round((self.ping_interval + self.ping_interval_grace_period) * 1000),
            "pingTimeout": round(self.ping_timeout * 1000),
            "maxPayload": self.max_http_buffer_size,
        }
        return Parcel(packet.Packet(packet.OPEN, opening).encode())

    def begin_upgrade(self, request: Request[Any, Any], session: Session) -> None:
        session.probe = probe = Probe(session)
        probe.websocket, extensions = self._websocket(request, probe)
        self._probes.start(probe)
        take_over(request, probe.websocket, extensions)

    def _websocket(self, request: Request[Any, Any], receiver: Receiver) -> tuple[WebSocket, str]:
        extensions, header = deflation(request) if self.compression else ([], "")
        return WebSocket(self._shared, receiver, extensions), header

    def take_left(self, sid: str) -> Session | None:
        self._farewells.cancel(sid)
        return self._left.pop(sid, None)


def _raise_if_cancelled(request: Request[Any, Any]) -> None:
    """python-engineio takes a handler that was cancelled for one that agreed."""
    task = asyncio.current_task()
    if (task is not None and task.cancelling()) or request.transport.is_closing():
        raise asyncio.CancelledError
