"""An Engine.IO v4 server on Sanic: https://github.com/socketio/engine.io-protocol.

`EngineIOServer` depends on private methods of python-engineio, whose version is therefore pinned exactly.
Overridden: `_cors_allowed_origins`. Called: `_cors_headers`, `_generate_sid_cookie`, `_gzip`, `_trigger_event`.
"""

import asyncio
import inspect
from collections.abc import Awaitable, Callable, Collection, Coroutine
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import engineio
from engineio import packet
from sanic import HTTPResponse, Request, Sanic

from hummdesk.engine.budget import MAX_TOTAL_BUFFERED_BYTES, MAX_TOTAL_RECEIVED_BYTES, Buffers
from hummdesk.engine.coalescer import WriteCoalescer
from hummdesk.engine.connections import ConnectionLimits, Connections, network_of
from hummdesk.engine.deadlines import Deadlines
from hummdesk.engine.encoding import EncodedPacket
from hummdesk.engine.endpoint import METHODS, Endpoint
from hummdesk.engine.handover import ConnectionHandover
from hummdesk.engine.heartbeat import Heartbeat
from hummdesk.engine.observer import CloseReason, ConnectionState, Observer, RefusalReason
from hummdesk.engine.request import accept_websocket, build_environ, negotiate_compression
from hummdesk.engine.session import Session
from hummdesk.engine.upgrade import UpgradeProbe
from hummdesk.engine.websocket import PacketHandler, WebSocket, WebSocketOptions, library_logger

BeforeClose = Callable[[], Awaitable[None]]

UPGRADE_TIMEOUT_SECONDS = 10.0
CLOSE_TIMEOUT_SECONDS = 2.0
"""How long a closed client can read its remaining packets."""

DRAIN_TIMEOUT_SECONDS = 0.1
POLL_INTERVAL_SECONDS = 0.005

SAME_ORIGIN = SimpleNamespace(cors_allowed_origins=None)
"""A stand-in for a server without configured origins, for which engineio returns the origin of the request's host."""


class EngineIOServer(engineio.AsyncServer):  # type: ignore[misc]
    """engineio.AsyncServer with its own transports; `options` are the documented ones of that class."""

    def __init__(
        self,
        *,
        max_buffered_bytes: int = 1 << 20,
        compression: bool = False,
        kept_environ: Collection[str] | None = None,
        handover_directory: str | Path | None = None,
        limits: ConnectionLimits | None = None,
        observer: Observer | None = None,
        max_total_buffered_bytes: int = MAX_TOTAL_BUFFERED_BYTES,
        max_total_received_bytes: int = MAX_TOTAL_RECEIVED_BYTES,
        max_payload_packets: int | None = None,
        **options: Any,
    ) -> None:
        """
        `max_buffered_bytes`: a client whose write buffer exceeds this is disconnected.
        `compression`: permessage-deflate on WebSockets; each message is compressed once for all recipients.
        `kept_environ`: the entries of the environ to pass to handlers and keep with the session; None keeps all.
        `handover_directory`: the directory in which workers of one port find each other; see `handover`.
        `limits`: the largest numbers of open sessions; by default there is no limit. `connections` counts them.
        `observer`: receives what happens to connections, with reasons.
        `max_total_buffered_bytes`: beyond it the clients that have not read for the longest are disconnected.
        `max_total_received_bytes`: of incomplete and unhandled messages; beyond it the clients whose messages have been
        so for the longest are disconnected.
        `max_payload_packets`: a client that sends more packets in the body of one POST is disconnected.
        """
        fixed = {"async_mode": "sanic", "monitor_clients": False}
        for name in fixed.keys() & options.keys():
            if options[name] not in (None, fixed[name]):
                raise ValueError(f"{name} must be {fixed[name]!r}: this server has its own transports and timers")
        super().__init__(**{"logger": library_logger} | options | fixed)
        self.max_payload_packets = max_payload_packets
        self.buffers = Buffers(max_sent=max_total_buffered_bytes, max_received=max_total_received_bytes)
        self.max_buffered_bytes = max_buffered_bytes
        self.compression = compression
        self.kept_environ = kept_environ
        self.handover = ConnectionHandover(Path(handover_directory)) if handover_directory is not None else None
        self.observer = observer or Observer()
        self.connections = Connections(limits or ConnectionLimits(), self.observer)
        self.endpoint = Endpoint(self)
        self.coalescer = WriteCoalescer()
        self.heartbeat = Heartbeat(interval=self.ping_interval, timeout=self.ping_timeout)
        self._tasks: set[asyncio.Task[None]] = set()
        self._inspected: Any = None
        """The `message` handler that was inspected last, and whether it is a coroutine function."""
        self._is_awaited = False
        self._websocket_options = WebSocketOptions(
            max_bytes=self.max_http_buffer_size,
            max_buffered_bytes=max_buffered_bytes,
            close_seconds=CLOSE_TIMEOUT_SECONDS,
            buffers=self.buffers,
        )
        self._probe_timeouts: Deadlines[UpgradeProbe] = Deadlines(UPGRADE_TIMEOUT_SECONDS, UpgradeProbe.abort)
        self._closed_sessions: dict[str, Session] = {}
        """Closed between two polls: one last poll can read the remaining packets."""
        self._last_poll_timeouts: Deadlines[str] = Deadlines(CLOSE_TIMEOUT_SECONDS, self._forget_closed_session)

    def attach(
        self, app: Sanic[Any, Any], engineio_path: str = "engine.io", *, before_close: BeforeClose | None = None
    ) -> None:
        """Add the route to `app`. `before_close` is awaited when the server stops, before it closes the connections."""
        path = f"/{engineio_path.strip('/')}/"

        async def engine_io(request: Request[Any, Any]) -> HTTPResponse | None:
            return await self.handle_request(request)

        async def start(app: Sanic[Any, Any]) -> None:
            if self.handover is not None:
                self.handover.open(app)

        async def stop(_: Sanic[Any, Any]) -> None:
            if before_close is not None:
                await before_close()
            self.close_all()
            if self.handover is not None:
                self.handover.close()

        engine_io.is_websocket = True  # type: ignore[attr-defined]  # lets Sanic accept a handler without a response
        app.add_route(engine_io, path, methods=METHODS, name=f"engine_io_{path.strip('/')}", stream=True)
        app.register_listener(start, "before_server_start")
        app.register_listener(stop, "before_server_stop")

    def generate_id(self) -> str:
        sid: str = super().generate_id()
        return sid if self.handover is None else self.handover.worker_id + sid

    # Sending and closing --------------------------------------------------------------------------------------------

    def post(self, sid: str, packet: EncodedPacket) -> None:
        """Send at the end of this tick; ignore an unknown session."""
        session = self.sockets.get(sid)
        if session is not None:
            session.post(packet)

    async def send_packet(self, sid: str, pkt: packet.Packet) -> None:
        self.post(sid, EncodedPacket(pkt.encode()))

    async def drain(self) -> None:
        """Wait until no client's write buffer is more than half full, for at most DRAIN_TIMEOUT_SECONDS."""
        threshold = self.max_buffered_bytes / 2
        for _ in range(round(DRAIN_TIMEOUT_SECONDS / POLL_INTERVAL_SECONDS)):
            if all(session.buffered_bytes <= threshold for session in self.sockets.values()):
                return
            await asyncio.sleep(POLL_INTERVAL_SECONDS)

    async def wait_closed(self) -> None:
        """Wait until closed clients have read their remaining packets, for at most CLOSE_TIMEOUT_SECONDS.

        A polling client between two polls polls once more. A WebSocket client answers the closing handshake: if the
        process ended before that, it would reset the connection and the client would lose what it has not read yet.
        """
        for _ in range(round(CLOSE_TIMEOUT_SECONDS / POLL_INTERVAL_SECONDS)):
            if not self._closed_sessions and not self._websocket_options.close_timeouts:
                return
            await asyncio.sleep(POLL_INTERVAL_SECONDS)

    def close(self, sid: str, reason: CloseReason = CloseReason.SERVER_DISCONNECT) -> None:
        session = self.sockets.get(sid)
        if session is not None:
            session.close(reason)

    def end(self, sid: str, reason: CloseReason) -> None:
        """Close a session without waiting for its client or for its unhandled messages."""
        session = self.sockets.get(sid)
        if session is not None:
            session.end(reason)

    def set_authenticated(self, sid: str, authenticated: bool = True) -> None:
        """Record whether the application knows who a client is; sessions start as unauthenticated."""
        session = self.sockets.get(sid)
        if session is not None:
            state = ConnectionState.AUTHENTICATED if authenticated else ConnectionState.CONNECTED
            self.connections.change(session, state)

    def close_all(self) -> None:
        for session in list(self.sockets.values()):
            session.close(CloseReason.SERVER_DISCONNECT)

    async def disconnect(self, sid: str | None = None) -> None:
        """Close one session, or all. Packets sent before are still delivered; the `disconnect` handler runs later."""
        if sid is None:
            self.close_all()
        else:
            self.close(sid)

    async def wait_handled(self) -> None:
        """Wait until all packets that have arrived are handled."""
        while self._tasks:
            await asyncio.wait(self._tasks)

    async def shutdown(self) -> None:
        """Close all sessions, wait for the `disconnect` handlers, and stop all timers."""
        self.close_all()
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=CLOSE_TIMEOUT_SECONDS)
        for websocket in self._websocket_options.close_timeouts:
            websocket.abort()
        for timers in self._timers():
            timers.clear()

    @property
    def is_idle(self) -> bool:
        """Whether there is no session, no unhandled packet and no running timer."""
        return not self.sockets and not self._tasks and not any(map(len, self._timers()))

    def _timers(self) -> tuple[Heartbeat | Deadlines[Any], ...]:
        return self.heartbeat, self._probe_timeouts, self._last_poll_timeouts, self._websocket_options.close_timeouts

    # SessionServer --------------------------------------------------------------------------------------------------

    def start_task(self, coroutine: Coroutine[Any, Any, None]) -> None:
        task = asyncio.ensure_future(coroutine)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def on_message(self, session: Session, message: Any) -> None:
        """Call the `message` handler.

        A coroutine function is awaited here as `_trigger_event` does, which inspects the handler for each message.
        """
        handler = self.handlers.get("message")
        if handler is not self._inspected:
            self._inspected, self._is_awaited = handler, inspect.iscoroutinefunction(handler)
        if self.async_handlers or not self._is_awaited:
            await self._trigger_event("message", session.sid, message, run_async=self.async_handlers)
            return
        try:
            await handler(session.sid, message)
        except asyncio.CancelledError:
            pass
        except Exception:
            self.logger.exception("message async handler error")

    async def on_disconnect(self, session: Session, reason: CloseReason) -> None:
        """Call the `disconnect` handler, then remove the session."""
        await self._trigger_event("disconnect", session.sid, reason.disconnect_reason, run_async=False)
        self._remove(session)

    def on_closing(self, session: Session) -> None:
        self.heartbeat.stop(session)
        reason = session.reason or CloseReason.SERVER_DISCONNECT
        self.observer.on_closed(reason)
        if reason.is_by_server and not session.upgraded and not session.is_polled:
            self._closed_sessions[session.sid] = session
            self._last_poll_timeouts.start(session.sid)

    def on_probe_ended(self, probe: UpgradeProbe) -> None:
        self._probe_timeouts.cancel(probe)

    def on_pong(self, session: Session) -> None:
        self.heartbeat.on_pong(session)

    def _remove(self, session: Session) -> None:
        session.closing = session.closed = True
        self.connections.remove(session)
        self.buffers.received.discard(session)
        if session.sid not in self._closed_sessions:
            self.buffers.sent.discard(session)
        if self.sockets.get(session.sid) is session:
            del self.sockets[session.sid]

    # EndpointServer -------------------------------------------------------------------------------------------------

    async def handle_request(self, request: Request[Any, Any]) -> HTTPResponse | None:
        """Return the response; None if the connection was detached from Sanic."""
        return await self.endpoint.handle(request)

    def cors_headers(self, environ: dict[str, Any]) -> dict[str, str] | None:
        if self.cors_allowed_origins == []:
            return {}
        allowed = self._cors_allowed_origins(environ)
        if allowed is not None and environ["HTTP_ORIGIN"] not in allowed:
            return None
        headers: dict[str, str] = dict(self._cors_headers(environ))
        if allowed is None:  # `*` allows every origin, but none with the cookies of a user
            headers["Access-Control-Allow-Origin"] = "*"
            headers.pop("Access-Control-Allow-Credentials", None)
        return headers | {"Vary": "Origin"}

    def _cors_allowed_origins(self, environ: dict[str, str]) -> list[str] | None:
        """Allow the server's own origin beside the configured ones."""
        configured: list[str] | None = super()._cors_allowed_origins(environ)
        if configured is None or self.cors_allowed_origins is None:
            return configured
        return [*engineio.AsyncServer._cors_allowed_origins(SAME_ORIGIN, environ), *configured]

    def session_cookie(self, sid: str) -> str | None:
        if not self.cookie:
            return None
        default = {"name": self.cookie, "path": "/", "SameSite": "Lax"}
        return cast(str, self._generate_sid_cookie(sid, self.cookie if isinstance(self.cookie, dict) else default))

    def gzip(self, payload: bytes) -> bytes:
        return cast(bytes, self._gzip(payload))

    def refusal(self, address: str) -> RefusalReason | None:
        return self.connections.refusal(address, closing=len(self._websocket_options.close_timeouts))

    async def open_session(self, request: Request[Any, Any], transport: str) -> Any:
        session = Session(self, self.generate_id(), network_of(request.client_ip))
        self.sockets[session.sid] = session
        self.connections.add(session)
        session.post(self._open_packet(session.sid, transport))
        try:
            result = await self._trigger_event("connect", session.sid, build_environ(request, self.kept_environ))
            _raise_if_cancelled(request)
        except asyncio.CancelledError:
            self._remove(session)
            self.observer.on_refused(RefusalReason.ABANDONED)
            raise
        if result not in (None, True) or session.closing:
            self._remove(session)
            return result
        self.heartbeat.start(session)
        if transport == "websocket":
            websocket, extensions = self._create_websocket(request, session)
            accept_websocket(request, websocket, extensions, session.switch_to(websocket))
        return session

    def _open_packet(self, sid: str, transport: str) -> EncodedPacket:
        can_upgrade = self.allow_upgrades and transport == "polling" and "websocket" in self.transports
        handshake = {
            "sid": sid,
            "upgrades": ["websocket"] if can_upgrade else [],
            "pingInterval": round((self.ping_interval + self.ping_interval_grace_period) * 1000),
            "pingTimeout": round(self.ping_timeout * 1000),
            "maxPayload": self.max_http_buffer_size,
        }
        return EncodedPacket(packet.Packet(packet.OPEN, handshake).encode())

    def begin_upgrade(self, request: Request[Any, Any], session: Session) -> None:
        session.probe = probe = UpgradeProbe(session)
        probe.websocket, extensions = self._create_websocket(request, probe)
        self._probe_timeouts.start(probe)
        accept_websocket(request, probe.websocket, extensions)

    def refuse_upgrade(self, request: Request[Any, Any], session: Session) -> None:
        """Accept and close a second WebSocket of a session: clients report a refused handshake as a failed server."""
        websocket, extensions = self._create_websocket(request, UpgradeProbe(session))
        accept_websocket(request, websocket, extensions)
        websocket.close()
        self.observer.on_refused(RefusalReason.BAD_REQUEST)

    def _create_websocket(self, request: Request[Any, Any], handler: PacketHandler) -> tuple[WebSocket, str]:
        takes_binary = not request.args.get("b64")
        extensions, header = negotiate_compression(request) if self.compression and takes_binary else ([], "")
        return WebSocket(self._websocket_options, handler, extensions, takes_binary=takes_binary), header

    def take_closed_session(self, sid: str) -> Session | None:
        self._last_poll_timeouts.cancel(sid)
        return self._closed_sessions.pop(sid, None)

    def _forget_closed_session(self, sid: str) -> None:
        self.buffers.sent.discard(self._closed_sessions.pop(sid))


def _raise_if_cancelled(request: Request[Any, Any]) -> None:
    """Refuse the connection: python-engineio reports a cancelled connect handler as an accepted one."""
    task = asyncio.current_task()
    if (task is not None and task.cancelling()) or request.transport.is_closing():
        raise asyncio.CancelledError
