"""Sanic requests: their environ, the WebSocket handshake, and detaching their connections from Sanic."""

import base64
from collections.abc import Collection
from typing import Any, cast

from sanic import Request
from websockets.exceptions import InvalidHeader, NegotiationError
from websockets.extensions import Extension
from websockets.extensions.permessage_deflate import ServerPerMessageDeflateFactory
from websockets.headers import build_extension, parse_extension
from websockets.utils import accept_key

from hummdesk.engine.websocket import WebSocket

VERSION = "13"
KEY_BYTES = 16
"""Encoded as base64: RFC 6455, section 4.1."""

_DEFLATE = ServerPerMessageDeflateFactory(server_no_context_takeover=True, client_no_context_takeover=True)


def build_environ(request: Request[Any, Any], only: Collection[str] | None = None) -> dict[str, Any]:
    """Return the environ (PEP 3333) of a request, as python-engineio passes it to handlers; `only` selects entries."""
    environ = {
        "REQUEST_METHOD": request.method,
        "QUERY_STRING": request.query_string,
        "RAW_URI": request.raw_url.decode(errors="replace"),
        "PATH_INFO": request.path,
        "SCRIPT_NAME": "",
        "SERVER_PROTOCOL": f"HTTP/{request.version}",
        "SERVER_SOFTWARE": "sanic",
        "REMOTE_ADDR": request.client_ip,
        "REMOTE_PORT": str(request.port),
        "wsgi.url_scheme": "https" if request.scheme in ("https", "wss") else "http",
        "wsgi.async": True,
        "sanic.request": request,
    }
    for name, value in request.headers.items():
        key = name.upper().replace("-", "_")
        key = key if key in ("CONTENT_TYPE", "CONTENT_LENGTH") else f"HTTP_{key}"
        environ[key] = f"{environ[key]},{value}" if key in environ else value
    return environ if only is None else {key: environ[key] for key in only if key in environ}


def is_websocket_handshake(request: Request[Any, Any]) -> bool:
    """Whether this is an opening handshake of any version: RFC 6455, section 4.2.1."""
    return (
        request.method == "GET"
        and "websocket" in _tokens(request, "upgrade")
        and "upgrade" in _tokens(request, "connection")
        and _is_key(request.headers.get("sec-websocket-key", ""))
        and not cast(Any, request.stream).request_body
    )


def _tokens(request: Request[Any, Any], header: str) -> list[str]:
    """The items of a header that is a list and may occur several times."""
    return [token.strip().lower() for value in request.headers.getall(header, []) for token in value.split(",")]


def _is_key(key: str) -> bool:
    try:
        return len(base64.b64decode(key, validate=True)) == KEY_BYTES
    except ValueError:
        return False


def negotiate_compression(request: Request[Any, Any]) -> tuple[list[Extension], str]:
    """Return permessage-deflate and its response header, if the client offers it with the full window."""
    try:
        offers = parse_extension(request.headers.get("sec-websocket-extensions", ""))
    except InvalidHeader:
        return [], ""
    for name, parameters in offers:
        if name != _DEFLATE.name:
            continue
        try:
            parameters, extension = _DEFLATE.process_request_params(parameters, [])
        except NegotiationError:
            continue
        if extension.local_max_window_bits == 15:  # one compressed frame must fit every recipient
            return [extension], build_extension([(name, parameters)])
    return [], ""


def detach_connection(request: Request[Any, Any]) -> tuple[Any, bytes]:
    """Detach a request's connection from Sanic; return its transport, and the bytes read but not consumed."""
    transport = request.transport
    http: Any = transport.get_protocol()
    # The task of the protocol ends with this request and would close the transport.
    http.connections.discard(http)
    http.transport = None
    stream = cast(Any, request.stream)
    stream.upgrade_websocket = True  # makes Sanic send no response
    stream.request_body = None
    return transport, bytes(http.recv_buffer)


def accept_websocket(request: Request[Any, Any], websocket: WebSocket, extensions: str, first: bytes = b"") -> None:
    """Answer the handshake and the `first` frames in one write, and hand the connection to `websocket`."""
    lines = [
        "HTTP/1.1 101 Switching Protocols",
        "Upgrade: websocket",
        "Connection: Upgrade",
        f"Sec-WebSocket-Accept: {accept_key(request.headers['sec-websocket-key'])}",
        *([f"Sec-WebSocket-Extensions: {extensions}"] if extensions else ()),
    ]
    transport, unconsumed = detach_connection(request)
    transport.set_protocol(websocket)
    websocket.connection_made(transport)
    websocket.write("\r\n".join([*lines, "", ""]).encode() + first)
    transport.resume_reading()
    if unconsumed:
        websocket.data_received(unconsumed)
