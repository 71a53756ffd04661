"""The HTTP side of Engine.IO: what a request asks for, and the refusals that clients know by their codes."""

import asyncio
import base64
import enum
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, cast

from sanic import HTTPResponse, Request
from sanic.exceptions import PayloadTooLarge
from sanic.response import json, raw

from hummdesk.engine.request import environ_of, wants_websocket
from hummdesk.engine.session import SEPARATOR, Session

if TYPE_CHECKING:
    from hummdesk.engine.engine_io import EngineIOServer

METHODS = ("GET", "POST", "OPTIONS", "PUT", "PATCH", "DELETE")
PROTOCOL = "4"


class Why(enum.Enum):
    UNKNOWN_TRANSPORT = (0, "Transport unknown")
    UNKNOWN_SESSION = (1, "Session ID unknown")
    BAD_METHOD = (2, "Bad handshake method")
    BAD_REQUEST = (3, "Bad request")
    UNKNOWN_PROTOCOL = (5, "Unsupported protocol version")


class Refusal(Exception):
    def __init__(self, why: Why) -> None:
        self.code, self.message = why.value
        super().__init__(self.message)


class Endpoint:
    def __init__(self, server: "EngineIOServer") -> None:
        self._server = server

    async def handle(self, request: Request[Any, Any]) -> HTTPResponse | None:
        """The answer to a request; None when its connection has been taken from Sanic."""
        headers: dict[str, str] = {}
        try:
            headers = self._checked_origin(request)
            response = await self._answer(request)
        except Refusal as refusal:
            response = json({"code": refusal.code, "message": refusal.message}, status=HTTPStatus.BAD_REQUEST)
        if response is not None:
            response.headers.update(headers)
        return response

    def _checked_origin(self, request: Request[Any, Any]) -> dict[str, str]:
        """The headers for a browser's page on another origin, if it may be here."""
        server = self._server
        if "origin" not in request.headers or server.cors_allowed_origins == []:
            return {}
        environ = environ_of(request)
        allowed = server._cors_allowed_origins(environ)
        if allowed is not None and environ["HTTP_ORIGIN"] not in allowed:
            raise Refusal(Why.BAD_REQUEST)
        headers = dict(server._cors_headers(environ))
        if allowed is None:  # `*`: any page may come, none with somebody's cookies
            headers["Access-Control-Allow-Origin"] = "*"
            headers.pop("Access-Control-Allow-Credentials", None)
        return headers | {"Vary": "Origin"}

    async def _answer(self, request: Request[Any, Any]) -> HTTPResponse | None:
        if request.method == "OPTIONS":
            return raw(b"", status=HTTPStatus.NO_CONTENT)
        transport, sid = request.args.get("transport"), request.args.get("sid")
        if transport not in self._server.transports:
            raise Refusal(Why.UNKNOWN_TRANSPORT)
        if request.method == "GET" and cast(Any, request.stream).request_body:
            raise Refusal(Why.BAD_REQUEST)
        if sid is None:
            return await self._open(request, transport)
        session = self._server.sockets.get(sid)
        if session is None or session.closing:
            return await self._absent(request, transport, sid)
        return await self._continue(request, transport, session)

    async def _open(self, request: Request[Any, Any], transport: str) -> HTTPResponse | None:
        if request.method != "GET":
            raise Refusal(Why.BAD_METHOD)
        if request.args.get("EIO") != PROTOCOL:
            raise Refusal(Why.UNKNOWN_PROTOCOL)
        if transport == "websocket" and not wants_websocket(request):
            raise Refusal(Why.BAD_REQUEST)
        accepted = await self._server._handle_connect(request, transport)
        if not isinstance(accepted, Session):
            return json("Unauthorized" if accepted in (None, True, False) else accepted, status=HTTPStatus.UNAUTHORIZED)
        if accepted.upgraded:
            return None
        return await self._polled(request, accepted, cookie=self._cookie(accepted.sid))

    def _cookie(self, sid: str) -> str | None:
        cookie = self._server.cookie
        if not cookie:
            return None
        attributes = cookie if isinstance(cookie, dict) else {"name": cookie, "path": "/", "SameSite": "Lax"}
        return cast(str, self._server._generate_sid_cookie(sid, attributes))

    async def _absent(self, request: Request[Any, Any], transport: str, sid: str) -> HTTPResponse | None:
        """A session that this worker does not have, or one whose client may fetch what is left."""
        if transport == "polling" and request.method == "GET":
            session = self._server.take_left(sid)
            if session is not None:
                return await self._polled(request, session)
        if self._server.peers is not None and await self._server.peers.hand_over(request, sid):
            return None
        raise Refusal(Why.UNKNOWN_SESSION)

    async def _continue(self, request: Request[Any, Any], transport: str, session: Session) -> HTTPResponse | None:
        if session.upgraded:
            raise Refusal(Why.BAD_REQUEST)
        if transport == "websocket":
            if not self._server.allow_upgrades or session.probe is not None or not wants_websocket(request):
                raise Refusal(Why.BAD_REQUEST)
            self._server.begin_upgrade(request, session)
            return None
        if request.method == "GET":
            return await self._polled(request, session)
        if request.method == "POST":
            return await self._posted(request, session)
        raise Refusal(Why.BAD_REQUEST)

    async def _polled(self, request: Request[Any, Any], session: Session, *, cookie: str | None = None) -> HTTPResponse:
        server = self._server
        if session.is_polled:
            session.close(server.reason.TRANSPORT_ERROR)
            raise Refusal(Why.BAD_REQUEST)
        payload = await session.poll(max_bytes=server.max_http_buffer_size)
        headers = {"Cache-Control": "no-store"} | ({"Set-Cookie": cookie} if cookie else {})
        if server.http_compression and len(payload) >= server.compression_threshold and _accepts_gzip(request):
            payload, headers["Content-Encoding"] = server._gzip(payload), "gzip"
        return raw(payload, content_type="text/plain; charset=UTF-8", headers=headers)

    async def _posted(self, request: Request[Any, Any], session: Session) -> HTTPResponse:
        error = self._server.reason.TRANSPORT_ERROR
        if session.is_posting:
            session.close(error)
            raise Refusal(Why.BAD_REQUEST)
        session.is_posting = True
        try:
            for data in _packets(await self._body(request)):
                await session.room()
                session.on_packet(data)
        except (asyncio.CancelledError, PayloadTooLarge):
            session.close(error)
            raise
        except ValueError:
            session.close(error)
        finally:
            session.is_posting = False
        if session.closing and session.reason == error:
            raise Refusal(Why.BAD_REQUEST)
        return raw(b"ok", content_type="text/html")

    async def _body(self, request: Request[Any, Any]) -> str:
        """The body, refused by Sanic before more than `max_http_buffer_size` of it is read."""
        largest = min(self._server.max_http_buffer_size, request.app.config.REQUEST_MAX_SIZE)
        cast(Any, request.stream).request_max_size = largest
        await request.receive_body()  # type: ignore[no-untyped-call]
        return request.body.decode()


def _accepts_gzip(request: Request[Any, Any]) -> bool:
    accepted = request.headers.get("accept-encoding", "").split(",")
    return "gzip" in [encoding.split(";")[0].strip() for encoding in accepted]


def _packets(payload: str) -> list[str | bytes]:
    """The packets of a POST; ValueError if one of them is none."""
    return [_decoded(packet) for packet in payload.split(SEPARATOR.decode())]


def _decoded(packet: str) -> str | bytes:
    return base64.b64decode(packet[1:], validate=True) if packet.startswith("b") else packet
