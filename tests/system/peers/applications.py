"""The applications that the official test suites of Engine.IO and Socket.IO connect to, on HummDesk's engine.

Each does what the server in the documentation or in the support folder of its suite does. One of them is started by
`python -m tests.system.peers.applications NAME PORT`.
"""

import asyncio
import json
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qs

from sanic import Request, Sanic
from sanic.response import BaseHTTPResponse
from socketio.exceptions import ConnectionRefusedError

from hummdesk.engine import EngineIOServer, Recovery, RecoveryRequest, SocketIOServer

PROTOCOL_OPTIONS: dict[str, Any] = {"ping_interval": 0.3, "ping_timeout": 0.2, "max_http_buffer_size": 1_000_000}
"""The suites of the protocols expect these values in the handshake."""

HANDSHAKE_SECONDS = 0.01
"""The delay of each handshake, with which the suite of socket.io-client tests its connect timeout."""

COOKIES = ("1=1; Max-Age=86400", "2=2; Path=/; HttpOnly; Secure; SameSite=Strict", "3=3; Max-Age=0", "4=4; Max-Age=0")

Environ = dict[str, Any]


def engine_io_protocol(app: Sanic[Any, Any]) -> None:
    """Echo each message."""
    server = EngineIOServer(**PROTOCOL_OPTIONS, cors_allowed_origins="*", async_handlers=False)

    async def message(sid: str, data: object) -> None:
        await server.send(sid, data)

    server.on("message", message)
    server.attach(app)


def socket_io_protocol(app: Sanic[Any, Any]) -> None:
    """Send the credentials of a connect back, echo `message`, and acknowledge `message-with-ack` with its arguments."""
    server = SocketIOServer(**PROTOCOL_OPTIONS, connect_timeout=1, cors_allowed_origins="*", always_connect=True)

    async def message(sid: str, *arguments: object) -> None:
        await server.emit("message-back", arguments, to=sid)

    async def message_with_ack(sid: str, *arguments: object) -> tuple[object, ...]:
        return arguments

    def add_namespace(namespace: str) -> None:
        async def connect(sid: str, environ: Environ, auth: object = None) -> None:
            await server.emit("auth", auth or {}, to=sid, namespace=namespace)

        server.on("connect", connect, namespace=namespace)

    add_namespace("/")
    add_namespace("/custom")
    server.on("message", message)
    server.on("message-with-ack", message_with_ack)
    server.attach(app)


def engine_io_client(app: Sanic[Any, Any]) -> None:
    """Greet each client, and echo its messages; `deny` in the query refuses a client."""
    server = EngineIOServer(ping_interval=0.5, max_http_buffer_size=100, async_handlers=False)
    headers: dict[str, dict[str, str]] = {}
    """The headers of the last POST of each session."""

    async def keep_headers(request: Request[Any, Any]) -> None:
        if request.method == "POST":
            headers[request.args.get("sid")] = dict(request.headers)

    async def set_cookies(request: Request[Any, Any], response: BaseHTTPResponse) -> None:
        if "sid" not in request.args:
            for cookie in COOKIES:
                response.headers.add("Set-Cookie", cookie)

    async def connect(sid: str, environ: Environ) -> bool:
        if "deny" in parse_qs(environ["QUERY_STRING"]):
            return False
        await server.send(sid, "hi")
        return True

    async def message(sid: str, data: object) -> None:
        await server.send(sid, json.dumps(headers[sid]) if data == "sendHeaders" else data)

    app.register_middleware(keep_headers, "request")
    app.register_middleware(set_cookies, "response")
    server.on("connect", connect)
    server.on("message", message)
    server.attach(app)


class SocketIOClientApplication:
    """The handlers of the suite of socket.io-client. A handler that returns `not_handled` does not acknowledge."""

    def __init__(self, app: Sanic[Any, Any]) -> None:
        self.server = SocketIOServer(
            ping_interval=2,
            on_recover=self.recover,
            namespaces=["/", "/foo", "/timeout_socket", "/valid", "/asd", "/abc", "/no"],
        )
        self._sids: dict[str, str] = {}
        """The sockets that can be recovered, by their private id."""

        app.register_middleware(self._delay_handshake, "request")
        self.server.attach(app)
        for handler in (self.connect, self.disconnect, self.ack, self.echo):
            self.server.on(handler.__name__, handler)
        for name, event, *arguments in (
            ("hi", "hi", "offset"),
            ("false", "false", False),
            ("doge", "doge", b"asdfasdf"),
            ("getbin", "takebin", b"asdfasdf"),
            ("getDate", "takeDate", _now()),
            ("getDateObj", "takeDateObj", {"date": _now()}),
        ):
            self._answer(str(name), str(event), *arguments)
        self._answer("buffa", "buffack", expected=lambda data: isinstance(data, bytes))
        self._answer("jsonbuff", "jsonbuff-ack", expected=_is_mixed)
        self._answer("abuff2", "abuff2-ack", expected=lambda data: data == "please arrive second")
        self.server.on("getUtf8", self.get_utf8)
        self.server.on("getAckDate", self.get_ack_date)
        self.server.on("getHandshake", self.get_handshake)
        for namespace in ("/", "/foo"):
            self.server.on("getId", self.get_id, namespace=namespace)
        self.server.on("connect", self.connect_abc, namespace="/abc")
        self.server.on("connect", self.connect_no, namespace="/no")

    async def _delay_handshake(self, request: Request[Any, Any]) -> None:
        if "sid" not in request.args:
            await asyncio.sleep(HANDSHAKE_SECONDS)

    def _answer(
        self, name: str, event: str, *arguments: object, expected: Callable[[object], bool] = lambda _: True
    ) -> None:
        """Answer `name` with an event, if its first argument is as expected."""

        async def handle(sid: str, data: object = None, *_: object) -> object:
            if expected(data):
                await self.server.emit(event, arguments, to=sid)
            return self.server.not_handled

        self.server.on(name, handle)

    async def connect(self, sid: str, environ: Environ, auth: object = None) -> None:
        if "fail" in parse_qs(environ["QUERY_STRING"]):
            raise ConnectionRefusedError("Auth failed (main namespace)")
        await self.server.save_session(sid, {"auth": auth or {}})

    async def disconnect(self, sid: str, reason: str) -> None:
        if reason != self.server.reason.CLIENT_DISCONNECT:
            self._sids[self.server.private_ids.get(sid)] = sid

    async def recover(self, request: RecoveryRequest) -> Recovery | None:
        """Recover a socket under its id; this application has no missed events."""
        sid = self._sids.pop(request.pid, None)
        if sid is None:
            return None

        async def on_recovered() -> None:
            await self.server.save_session(sid, {"auth": request.auth})

        return Recovery(sid, read_missed=list, join_rooms=lambda: None, on_recovered=on_recovered)

    async def connect_abc(self, sid: str, environ: Environ, auth: object = None) -> None:
        await self.server.emit("handshake", _handshake(environ, auth or {}), to=sid, namespace="/abc")

    async def connect_no(self, sid: str, environ: Environ, auth: object = None) -> None:
        raise ConnectionRefusedError("Auth failed (custom namespace)")

    async def ack(self, sid: str, *_: object) -> object:
        async def acknowledged(number: object, value: dict[str, object]) -> None:
            if number == 5 and value["test"]:
                await self.server.emit("got it", to=sid)

        await self.server.emit("ack", to=sid, callback=acknowledged)
        return self.server.not_handled

    async def echo(self, sid: str, value: object) -> tuple[object]:
        return (value,)

    async def get_utf8(self, sid: str) -> object:
        for text in ("てすと", "Я Б Г Д Ж Й", "Ä ä Ü ü ß", "utf8 — string", "utf8 — string"):
            await self.server.emit("takeUtf8", text, to=sid)
        return self.server.not_handled

    async def get_ack_date(self, sid: str, _: object) -> str:
        return _now()

    async def get_id(self, sid: str) -> str:
        return sid

    async def get_handshake(self, sid: str) -> dict[str, object]:
        session = await self.server.get_session(sid)
        return _handshake(self.server.get_environ(sid), session["auth"])


def _is_mixed(data: object) -> bool:
    return (
        isinstance(data, dict)
        and (data.get("hello"), data.get("goodbye")) == ("lol", "gotcha")
        and isinstance(data.get("message"), bytes)
    )


def _handshake(environ: Environ, auth: object) -> dict[str, object]:
    query = {name: values[-1] for name, values in parse_qs(environ["QUERY_STRING"], keep_blank_values=True).items()}
    return {"query": query, "auth": auth}


def _now() -> str:
    return datetime.now(UTC).isoformat()


APPLICATIONS: dict[str, Callable[[Sanic[Any, Any]], object]] = {
    "engine.io-protocol": engine_io_protocol,
    "socket.io-protocol": socket_io_protocol,
    "engine.io-client": engine_io_client,
    "socket.io-client": SocketIOClientApplication,
}


def main(name: str, port: str) -> None:
    app: Sanic[Any, Any] = Sanic("peers", configure_logging=False)
    APPLICATIONS[name](app)
    app.run(port=int(port), single_process=True, motd=False, access_log=False)


if __name__ == "__main__":
    main(*sys.argv[1:])
