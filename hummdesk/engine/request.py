"""Requests of Sanic: the environ of one, and its connection made a WebSocket of ours."""

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
KEY_CHARACTERS = 24
"""16 bytes as base64: RFC 6455, section 4.1."""

_DEFLATE = ServerPerMessageDeflateFactory(server_no_context_takeover=True, client_no_context_takeover=True)


def environ_of(request: Request[Any, Any], only: Collection[str] | None = None) -> dict[str, Any]:
    """The environ of PEP 3333, in which python-engineio describes a request; or `only` these entries of it."""
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


def wants_websocket(request: Request[Any, Any]) -> bool:
    """Whether this is the opening handshake of RFC 6455, section 4.2.1."""
    headers = request.headers
    return (
        request.method == "GET"
        and headers.get("upgrade", "").lower() == "websocket"
        and "upgrade" in [token.strip() for token in headers.get("connection", "").lower().split(",")]
        and headers.get("sec-websocket-version") == VERSION
        and len(headers.get("sec-websocket-key", "")) == KEY_CHARACTERS
        and not cast(Any, request.stream).request_body
    )


def deflation(request: Request[Any, Any]) -> tuple[list[Extension], str]:
    """permessage-deflate and the header that accepts it, if the client offers it with the full window."""
    try:
        offers = parse_extension(request.headers.get("sec-websocket-extensions", ""))
    except InvalidHeader:
        return [], ""
    for name, parameters in offers:
        if name != _DEFLATE.name:
            continue
        try:
            answer, extension = _DEFLATE.process_request_params(parameters, [])
        except NegotiationError:
            continue
        if extension.local_max_window_bits == 15:  # what is compressed once fits every receiver
            return [extension], build_extension([(name, answer)])
    return [], ""


def release(request: Request[Any, Any]) -> tuple[Any, bytes]:
    """Take a request's connection away from Sanic: its transport, and what was read of it and not used."""
    transport = request.transport
    http: Any = transport.get_protocol()
    # Its task ends with this request, and would close a transport that it still had.
    http.connections.discard(http)
    http.transport = None
    stream = cast(Any, request.stream)
    stream.upgrade_websocket = True  # nothing is answered here
    stream.request_body = None
    return transport, bytes(http.recv_buffer)


def take_over(request: Request[Any, Any], websocket: WebSocket, extensions: str, first: bytes = b"") -> None:
    """Answer the handshake, with the `first` frames in one write, and let `websocket` have the connection."""
    lines = [
        "HTTP/1.1 101 Switching Protocols",
        "Upgrade: websocket",
        "Connection: Upgrade",
        f"Sec-WebSocket-Accept: {accept_key(request.headers['sec-websocket-key'])}",
        *([f"Sec-WebSocket-Extensions: {extensions}"] if extensions else ()),
    ]
    transport, unused = release(request)
    transport.set_protocol(websocket)
    websocket.connection_made(transport)
    websocket.write("\r\n".join([*lines, "", ""]).encode() + first)
    transport.resume_reading()
    if unused:
        websocket.data_received(unused)
