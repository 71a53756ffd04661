"""The HTTP endpoint of Engine.IO: validates requests and answers with the protocol's error codes."""

import asyncio
import enum
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, Protocol, cast

from sanic import HTTPResponse, Request
from sanic.exceptions import PayloadTooLarge
from sanic.response import json, raw

from hummdesk.engine.budget import Buffers
from hummdesk.engine.handover import ConnectionHandover
from hummdesk.engine.observer import CloseReason, Observer, RefusalReason
from hummdesk.engine.polling import TooManyPacketsError, decode_payload
from hummdesk.engine.request import VERSION, build_environ, is_websocket_handshake
from hummdesk.engine.session import Session

METHODS = ("GET", "POST", "OPTIONS", "PUT", "PATCH", "DELETE")
PROTOCOL = "4"


class ErrorCode(enum.Enum):
    """The codes of Node.js's engine.io, and the message and status of the response."""

    UNKNOWN_TRANSPORT = (0, "Transport unknown", HTTPStatus.BAD_REQUEST)
    UNKNOWN_SESSION = (1, "Session ID unknown", HTTPStatus.BAD_REQUEST)
    BAD_METHOD = (2, "Bad handshake method", HTTPStatus.BAD_REQUEST)
    BAD_REQUEST = (3, "Bad request", HTTPStatus.BAD_REQUEST)
    TOO_MANY = (4, "Too many connections", HTTPStatus.SERVICE_UNAVAILABLE)
    TOO_MANY_OF_ADDRESS = (4, "Too many connections of this address", HTTPStatus.TOO_MANY_REQUESTS)
    UNKNOWN_PROTOCOL = (5, "Unsupported protocol version", HTTPStatus.BAD_REQUEST)


class RequestError(Exception):
    """`reason` is that of the error code, unless given."""

    def __init__(self, error: ErrorCode, reason: RefusalReason | None = None) -> None:
        self.code, self.message, self.status = error.value
        self.reason = reason or RefusalReason[error.name]
        super().__init__(self.message)

    def response(self) -> HTTPResponse:
        headers = {"Sec-WebSocket-Version": VERSION} if self.reason is RefusalReason.UNKNOWN_WEBSOCKET_VERSION else {}
        return json({"code": self.code, "message": self.message}, status=self.status, headers=headers)


class EndpointServer(Protocol):
    """What the endpoint needs of its server."""

    sockets: Mapping[str, Session]
    transports: Collection[str]
    allow_upgrades: bool
    max_http_buffer_size: int
    max_payload_packets: int | None
    buffers: Buffers
    http_compression: bool
    compression_threshold: int
    handover: ConnectionHandover | None
    observer: Observer

    def cors_headers(self, environ: dict[str, Any]) -> dict[str, str] | None:
        """The CORS headers for a request with an origin; None if the origin is not allowed."""

    async def open_session(self, request: Request[Any, Any], transport: str) -> Any:
        """Return the new session, or the value with which the application's connect handler refused it."""

    def refusal(self, address: str) -> RefusalReason | None:
        """Return why an address cannot open another session."""

    def session_cookie(self, sid: str) -> str | None: ...
    def take_closed_session(self, sid: str) -> Session | None: ...
    def begin_upgrade(self, request: Request[Any, Any], session: Session) -> None: ...
    def refuse_upgrade(self, request: Request[Any, Any], session: Session) -> None: ...
    def gzip(self, payload: bytes) -> bytes: ...


class Endpoint:
    def __init__(self, server: EndpointServer) -> None:
        self._server = server

    async def handle(self, request: Request[Any, Any]) -> HTTPResponse | None:
        """Return the response; None if the connection was detached from Sanic."""
        headers: dict[str, str] = {}
        try:
            headers = self._check_origin(request)
            response = await self._dispatch(request)
        except RequestError as error:
            self._server.observer.on_refused(error.reason)
            response = error.response()
        if response is not None:
            response.headers.update(headers)
        return response

    def _check_origin(self, request: Request[Any, Any]) -> dict[str, str]:
        """Return the CORS headers. Raises RequestError for a forbidden origin."""
        if "origin" not in request.headers:
            return {}
        headers = self._server.cors_headers(build_environ(request))
        if headers is None:
            raise RequestError(ErrorCode.BAD_REQUEST, RefusalReason.FORBIDDEN_ORIGIN)
        return headers

    async def _dispatch(self, request: Request[Any, Any]) -> HTTPResponse | None:
        if request.method == "OPTIONS":
            return raw(b"", status=HTTPStatus.NO_CONTENT)
        transport, sid = request.args.get("transport"), request.args.get("sid")
        if transport not in self._server.transports:
            raise RequestError(ErrorCode.UNKNOWN_TRANSPORT)
        if request.method == "GET" and cast(Any, request.stream).request_body:
            raise RequestError(ErrorCode.BAD_REQUEST)
        if sid is None:
            return await self._open(request, transport)
        session = self._server.sockets.get(sid)
        if session is None or session.closing:
            return await self._handle_unknown_session(request, transport, sid)
        return await self._continue(request, transport, session)

    async def _open(self, request: Request[Any, Any], transport: str) -> HTTPResponse | None:
        if request.method != "GET":
            raise RequestError(ErrorCode.BAD_METHOD)
        if request.args.get("EIO") != PROTOCOL:
            raise RequestError(ErrorCode.UNKNOWN_PROTOCOL)
        if transport == "websocket":
            _check_handshake(request)
        refusal = self._server.refusal(request.client_ip)
        if refusal is not None:
            raise RequestError(ErrorCode[refusal.name])
        opened = await self._server.open_session(request, transport)
        if not isinstance(opened, Session):
            self._server.observer.on_refused(RefusalReason.UNAUTHORIZED)
            return json("Unauthorized" if opened in (None, True, False) else opened, status=HTTPStatus.UNAUTHORIZED)
        if opened.upgraded:
            return None
        return await self._poll(request, opened, cookie=self._server.session_cookie(opened.sid))

    async def _handle_unknown_session(
        self, request: Request[Any, Any], transport: str, sid: str
    ) -> HTTPResponse | None:
        """Answer the last poll of a closed session, or hand the connection over to the worker that has the session."""
        if transport == "polling" and request.method == "GET":
            session = self._server.take_closed_session(sid)
            if session is not None:
                return await self._poll(request, session)
        if self._server.handover is not None and await self._server.handover.send(request, sid):
            return None
        raise RequestError(ErrorCode.UNKNOWN_SESSION)

    async def _continue(self, request: Request[Any, Any], transport: str, session: Session) -> HTTPResponse | None:
        if transport == "websocket":
            self._upgrade(request, session)
            return None
        if session.upgraded:
            raise RequestError(ErrorCode.BAD_REQUEST)
        if request.method == "GET":
            return await self._poll(request, session)
        if request.method == "POST":
            return await self._post(request, session)
        raise RequestError(ErrorCode.BAD_REQUEST)

    def _upgrade(self, request: Request[Any, Any], session: Session) -> None:
        if not self._server.allow_upgrades:
            raise RequestError(ErrorCode.BAD_REQUEST)
        _check_handshake(request)
        if session.probe is None and not session.upgraded:
            self._server.begin_upgrade(request, session)
        elif self._server.refusal(request.client_ip) is None:
            self._server.refuse_upgrade(request, session)
        else:
            raise RequestError(ErrorCode.BAD_REQUEST)

    async def _poll(self, request: Request[Any, Any], session: Session, *, cookie: str | None = None) -> HTTPResponse:
        server = self._server
        if session.is_polled:
            session.close(CloseReason.TRANSPORT_ERROR)
            raise RequestError(ErrorCode.BAD_REQUEST)
        payload = await session.poll(max_bytes=server.max_http_buffer_size)
        headers = {"Cache-Control": "no-store"} | ({"Set-Cookie": cookie} if cookie else {})
        if server.http_compression and len(payload) >= server.compression_threshold and _accepts_gzip(request):
            payload, headers["Content-Encoding"] = server.gzip(payload), "gzip"
        return raw(payload, content_type="text/plain; charset=UTF-8", headers=headers)

    async def _post(self, request: Request[Any, Any], session: Session) -> HTTPResponse:
        if session.is_posting:
            session.close(CloseReason.TRANSPORT_ERROR)
            raise RequestError(ErrorCode.BAD_REQUEST)
        session.is_posting = True
        body = _PostBody(request, session, min(self._server.max_http_buffer_size, request.app.config.REQUEST_MAX_SIZE))
        self._server.buffers.received.set(body, body.received_bytes)
        try:
            content = await _read_body(body)
            for packet in decode_payload(content, max_packets=self._server.max_payload_packets):
                await session.wait_for_capacity()
                session.on_packet(packet)
        except asyncio.CancelledError:
            session.close(CloseReason.TRANSPORT_ERROR)
            raise
        except TooManyPacketsError:
            session.close(CloseReason.FLOOD)
        except PayloadTooLarge:
            session.close(CloseReason.TRANSPORT_ERROR)
            self._server.observer.on_refused(RefusalReason.BAD_REQUEST)
            return raw(b"", status=HTTPStatus.REQUEST_ENTITY_TOO_LARGE)
        except ValueError:
            session.close(CloseReason.TRANSPORT_ERROR)
        finally:
            session.is_posting = False
            self._server.buffers.received.discard(body)
        if session.reason in (CloseReason.TRANSPORT_ERROR, CloseReason.SLOW_READER, CloseReason.FLOOD):
            raise RequestError(ErrorCode.BAD_REQUEST)
        return raw(b"ok", content_type="text/html")


@dataclass(eq=False, frozen=True, slots=True)
class _PostBody:
    """The body of a POST in progress, as a holder of received bytes."""

    request: Request[Any, Any]
    session: Session
    largest: int
    buffered_bytes = 0

    @property
    def received_bytes(self) -> int:
        """What it will have once it is read."""
        length = self.request.headers.get("content-length", "")
        return min(int(length), self.largest) if length.isdecimal() and len(length) < 16 else self.largest

    def end(self, reason: CloseReason) -> None:
        self.session.end(reason)
        cast(Any, self.request.transport).abort()  # Sanic stops reading and cancels the request


async def _read_body(body: _PostBody) -> str:
    """Read the body. Sanic raises PayloadTooLarge before it reads more than the largest."""
    cast(Any, body.request.stream).request_max_size = body.largest
    await body.request.receive_body()  # type: ignore[no-untyped-call]
    return body.request.body.decode()


def _check_handshake(request: Request[Any, Any]) -> None:
    """Raise RequestError if a request does not open a WebSocket of the supported version."""
    if not is_websocket_handshake(request):
        raise RequestError(ErrorCode.BAD_REQUEST)
    if request.headers.get("sec-websocket-version") != VERSION:
        raise RequestError(ErrorCode.BAD_REQUEST, RefusalReason.UNKNOWN_WEBSOCKET_VERSION)


def _accepts_gzip(request: Request[Any, Any]) -> bool:
    accepted = request.headers.get("accept-encoding", "").split(",")
    return "gzip" in [encoding.split(";")[0].strip() for encoding in accepted]
