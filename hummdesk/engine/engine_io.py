"""An Engine.IO v4 server on Sanic: https://github.com/socketio/engine.io-protocol."""

import asyncio
import base64
import logging
from collections.abc import Collection, Coroutine
from http import HTTPStatus
from pathlib import Path
from typing import Any, Literal, cast

import engineio
from engineio import packet
from sanic import HTTPResponse, Request, Sanic
from sanic.exceptions import PayloadTooLarge
from sanic.response import json, raw

from hummdesk.engine.deadlines import Deadlines
from hummdesk.engine.parcel import PING, Parcel
from hummdesk.engine.peers import Peers
from hummdesk.engine.request import deflation, environ_of, take_over, wants_websocket
from hummdesk.engine.session import SEPARATOR, Probe, Session
from hummdesk.engine.websocket import Receiver, Shared, WebSocket

METHODS = ("GET", "POST", "OPTIONS", "PUT", "PATCH", "DELETE")
PROTOCOL = "4"

UPGRADE_SECONDS = 10.0
"""A WebSocket that wants to take over a polling session has so long to say that it does."""

CLOSE_SECONDS = 2.0
"""A closed client has so long to read what is left for it."""

log = logging.getLogger(__name__)
quiet = logging.getLogger("hummdesk.engine.library")
quiet.setLevel(logging.ERROR)  # below it, python-socketio and python-engineio write what clients sent


class Refusal(Exception):
    """A request that is answered with 400 and the code that Engine.IO's clients know."""

    def __init__(self, code: int, message: str) -> None:
        super().__init__(message)
        self.code = code


def unknown_transport() -> Refusal:
    return Refusal(0, "Transport unknown")


def unknown_session() -> Refusal:
    return Refusal(1, "Session ID unknown")


def bad_method() -> Refusal:
    return Refusal(2, "Bad handshake method")


def bad_request(message: str = "Bad request") -> Refusal:
    return Refusal(3, message)


def unknown_protocol() -> Refusal:
    return Refusal(5, "Unsupported protocol version")


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

    def attach(self, app: Sanic[Any, Any], engineio_path: str = "engine.io") -> None:
        path = f"/{engineio_path.strip('/')}/"

        async def engine_io(request: Request[Any, Any]) -> HTTPResponse | None:
            return await self.handle_request(request)

        async def start(app: Sanic[Any, Any]) -> None:
            if self.peers is not None:
                self.peers.open(app)

        async def stop(_: Sanic[Any, Any]) -> None:
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
        if not session.upgraded and not session.is_polled:
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

    # Requests -------------------------------------------------------------------------------------------------------

    async def handle_request(self, request: Request[Any, Any]) -> HTTPResponse | None:
        """The answer to a request; None when its connection has become a WebSocket."""
        headers: dict[str, str] = {}
        try:
            headers = self._checked_origin(request)
            response = await self._answer(request)
        except Refusal as refusal:
            response = json({"code": refusal.code, "message": str(refusal)}, status=HTTPStatus.BAD_REQUEST)
        if response is not None:
            response.headers.update(headers)
        return response

    def _checked_origin(self, request: Request[Any, Any]) -> dict[str, str]:
        """The headers for a browser's page on another origin, if it may be here."""
        if "origin" not in request.headers or self.cors_allowed_origins == []:
            return {}
        environ = environ_of(request)
        allowed = self._cors_allowed_origins(environ)
        if allowed is not None and environ["HTTP_ORIGIN"] not in allowed:
            raise bad_request("The origin is not accepted")
        headers = dict(self._cors_headers(environ))
        if allowed is None:  # `*`: any page may come, none with somebody's cookies
            headers["Access-Control-Allow-Origin"] = "*"
            headers.pop("Access-Control-Allow-Credentials", None)
        return headers | {"Vary": "Origin"}

    async def _answer(self, request: Request[Any, Any]) -> HTTPResponse | None:
        if request.method == "OPTIONS":
            return raw(b"", status=HTTPStatus.NO_CONTENT)
        transport, sid = request.args.get("transport"), request.args.get("sid")
        if transport not in self.transports:
            raise unknown_transport()
        if request.method == "GET" and cast(Any, request.stream).request_body:
            raise bad_request()
        if sid is None:
            if request.method != "GET":
                raise bad_method()
            if request.args.get("EIO") != PROTOCOL:
                raise unknown_protocol()
            if transport == "websocket" and not wants_websocket(request):
                raise bad_request()
            return await self._handle_connect(request, transport)
        return await self._continue(request, transport, sid)

    async def _handle_connect(
        self, request: Request[Any, Any], transport: Literal["polling", "websocket"]
    ) -> HTTPResponse | None:
        session = Session(self, self.generate_id())
        self.sockets[session.sid] = session
        session.post(self._open_packet(session.sid, transport))
        try:
            answer = await self._trigger_event("connect", session.sid, environ_of(request, self.kept_environ))
            _raise_if_cancelled(request)
        except asyncio.CancelledError:
            self._drop(session)
            raise
        if answer not in (None, True):
            self._drop(session)
            return json(answer or "Unauthorized", status=HTTPStatus.UNAUTHORIZED)
        self._pings.start(session)
        if transport == "websocket":
            websocket, extensions = self._websocket(request, session)
            session.use(websocket)
            take_over(request, websocket, extensions)
            return None
        return await self._polled(request, session, cookie=self._cookie(session.sid))

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

    def _cookie(self, sid: str) -> str | None:
        if not self.cookie:
            return None
        default = {"name": self.cookie, "path": "/", "SameSite": "Lax"}
        cookie: str = self._generate_sid_cookie(sid, self.cookie if isinstance(self.cookie, dict) else default)
        return cookie

    async def _continue(self, request: Request[Any, Any], transport: str, sid: str) -> HTTPResponse | None:
        session = self.sockets.get(sid)
        if session is None or session.closing:
            return await self._last_poll(request, transport, sid)
        if session.upgraded:
            raise bad_request()
        if transport == "websocket":
            self._upgrade(request, session)
            return None
        if request.method == "GET":
            return await self._polled(request, session)
        if request.method == "POST":
            return await self._posted(request, session)
        raise bad_request()

    async def _last_poll(self, request: Request[Any, Any], transport: str, sid: str) -> HTTPResponse | None:
        session = self._left.get(sid)
        if session is None and self.peers is not None and await self.peers.hand_over(request, sid):
            return None
        if session is None or transport != "polling" or request.method != "GET":
            raise unknown_session()
        del self._left[sid]
        self._farewells.cancel(sid)
        return await self._polled(request, session)

    # WebSocket ------------------------------------------------------------------------------------------------------

    def _websocket(self, request: Request[Any, Any], receiver: Receiver) -> tuple[WebSocket, str]:
        extensions, header = deflation(request) if self.compression else ([], "")
        return WebSocket(self._shared, receiver, extensions), header

    def _upgrade(self, request: Request[Any, Any], session: Session) -> None:
        if not self.allow_upgrades or session.probe is not None or not wants_websocket(request):
            raise bad_request()
        session.probe = probe = Probe(session)
        probe.websocket, extensions = self._websocket(request, probe)
        self._probes.start(probe)
        take_over(request, probe.websocket, extensions)

    # Polling --------------------------------------------------------------------------------------------------------

    async def _polled(self, request: Request[Any, Any], session: Session, *, cookie: str | None = None) -> HTTPResponse:
        if session.is_polled:
            session.close(self.reason.TRANSPORT_ERROR)
            raise bad_request()
        payload = await session.poll(max_bytes=self.max_http_buffer_size)
        headers = {"Cache-Control": "no-store"} | ({"Set-Cookie": cookie} if cookie else {})
        if self.http_compression and len(payload) >= self.compression_threshold:
            accepted = request.headers.get("accept-encoding", "")
            if "gzip" in [encoding.split(";")[0].strip() for encoding in accepted.split(",")]:
                payload, headers["Content-Encoding"] = self._gzip(payload), "gzip"
        return raw(payload, content_type="text/plain; charset=UTF-8", headers=headers)

    async def _posted(self, request: Request[Any, Any], session: Session) -> HTTPResponse:
        if session.is_posting:
            session.close(self.reason.TRANSPORT_ERROR)
            raise bad_request()
        session.is_posting = True
        try:
            for data in _packets(await self._body(request)):
                await session.room()
                session.on_packet(data)
        except (asyncio.CancelledError, PayloadTooLarge):
            session.close(self.reason.TRANSPORT_ERROR)
            raise
        except ValueError:
            session.close(self.reason.TRANSPORT_ERROR)
        finally:
            session.is_posting = False
        if session.closing and session.reason == self.reason.TRANSPORT_ERROR:
            raise bad_request()
        return raw(b"ok", content_type="text/html")

    async def _body(self, request: Request[Any, Any]) -> str:
        """The body, refused by Sanic before more than `max_http_buffer_size` of it is read."""
        stream: Any = request.stream
        stream.request_max_size = min(self.max_http_buffer_size, request.app.config.REQUEST_MAX_SIZE)
        await request.receive_body()  # type: ignore[no-untyped-call]
        return request.body.decode()


def _raise_if_cancelled(request: Request[Any, Any]) -> None:
    """python-engineio takes a handler that was cancelled for one that agreed."""
    task = asyncio.current_task()
    if (task is not None and task.cancelling()) or request.transport.is_closing():
        raise asyncio.CancelledError


def _packets(payload: str) -> list[str | bytes]:
    """The packets of a POST; ValueError if one of them is none."""
    separated = payload.split(SEPARATOR.decode())
    return [_decoded(packet) for packet in separated]


def _decoded(text: str) -> str | bytes:
    if text.startswith("b"):
        return base64.b64decode(text[1:], validate=True)
    return text
