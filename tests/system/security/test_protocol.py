"""The protocol's last letters at a web process: what its peers' suites and hostile clients found."""

import base64
import json
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from hummdesk.core.config import Settings
from hummdesk.engine import SocketIOServer
from hummdesk.server.handlers import connection
from hummdesk.server.node import Node
from tests.conftest import UNLIMITED
from tests.integration.engine import conftest as engine
from tests.integration.server.conftest import running
from tests.system.js import script_runner
from tests.system.security.raw_socket import BINARY, HANDSHAKE, TEXT, RawSocket, frame

SCRIPT = Path(script_runner.__file__).with_name("base64.test.mjs")


@pytest.fixture(scope="module")
async def desk(settings: Settings) -> AsyncIterator[tuple[int, Node]]:
    """The port and the node of a web process in this process."""
    async with running(replace(settings, **UNLIMITED), name="protocol") as (url, node):
        yield int(url.rsplit(":", 1)[1]), node


@pytest.fixture
def port(desk: tuple[int, Node]) -> int:
    return desk[0]


@pytest.fixture(autouse=True)
async def closing() -> AsyncIterator[None]:
    yield
    await RawSocket.close_all()


async def close_code(raw: RawSocket) -> int:
    """Read until the server's close frame."""
    received = await raw.until(b"\x88\x02")
    at = received.index(b"\x88\x02") + 2
    return int.from_bytes(received[at : at + 2], "big")


async def test_official_client_with_force_base64_exchanges_binary_data() -> None:
    server = SocketIOServer()
    server.on("connect", lambda sid, environ: None)
    server.on("echo", lambda sid, *data: list(data))
    async with engine.running(server, "socket.io") as url:
        await script_runner.install_packages().run(SCRIPT, env={"ECHO_URL": url})


@pytest.mark.parametrize("packet", [b'451-["send_message",{"_placeholder":true,"num":0}]', b'450-["x"]', b"461-1[]"])
async def test_binary_packet_closes_the_connection(port: int, packet: bytes) -> None:
    raw = await RawSocket.connected(port)
    await raw.send(frame(TEXT, packet))
    assert await close_code(raw) == 1000


@pytest.mark.parametrize("data", [frame(BINARY, b"\x01"), frame(TEXT, b"b" + base64.b64encode(b"\x01"))])
async def test_binary_message_that_was_not_announced_closes_the_connection(port: int, data: bytes) -> None:
    raw = await RawSocket.connected(port)
    await raw.send(data)
    assert await close_code(raw) == 1000


@pytest.mark.parametrize("name", ["7", "1.5", "true", "null", "[]", "{}", '"connect"', '"disconnect"', '""'])
async def test_any_event_name_is_answered_with_an_error(port: int, name: str) -> None:
    raw = await RawSocket.connected(port)
    await raw.send(frame(TEXT, f"427[{name}]".encode()))
    answer = (await raw.until(b"}}]")).partition(b"437[")[2]
    refusal = json.loads(answer[: answer.index(b"}}]") + 2])
    assert refusal["error"]["code"] == "UNAUTHORIZED"
    await raw.ask("anything")


async def test_unauthenticated_client_that_leaves_its_namespace_is_closed_and_cannot_join_again(port: int) -> None:
    raw = await RawSocket.connected(port)
    await raw.send(frame(TEXT, b"41") + frame(TEXT, b"40"))
    assert await close_code(raw) == 1000


async def test_connect_handler_that_raises_closes_the_connection_and_leaves_no_session(
    desk: tuple[int, Node], monkeypatch: pytest.MonkeyPatch
) -> None:
    port, node = desk
    tried: list[str] = []

    async def fail(*_: Any) -> Any:
        tried.append("connect")
        raise RuntimeError

    monkeypatch.setattr(connection, "identify", fail)
    raw = await RawSocket.opened(port)
    await raw.send(frame(TEXT, b'40{"token":"x"}'))
    assert await close_code(raw) == 1000
    await node.server.wait_handled()
    assert tried == ["connect"]
    assert not node.context.sockets.sessions
    assert not node.server.manager.rooms


async def test_websocket_of_another_version_is_answered_with_the_supported_one(port: int) -> None:
    raw = await RawSocket.open(port, HANDSHAKE.replace("Version: 13", "Version: 12"))
    answer = (await raw.until(b"\r\n\r\n")).lower()
    assert answer.startswith(b"http/1.1 400")
    assert b"\r\nsec-websocket-version: 13\r\n" in answer


async def test_upgrade_header_that_is_a_list_is_accepted(port: int) -> None:
    raw = await RawSocket.open(port, HANDSHAKE.replace("Upgrade: websocket", "Upgrade: h2c, websocket"))
    assert (await raw.until(b"maxPayload")).startswith(b"HTTP/1.1 101")


async def test_key_that_is_not_base64_is_refused(port: int) -> None:
    raw = await RawSocket.open(port, HANDSHAKE.replace("dGhlIHNhbXBsZSBub25jZQ==", "!" * 24))
    assert (await raw.until(b"\r\n")).startswith(b"HTTP/1.1 400")


async def test_polling_payload_of_more_than_16_packets_is_refused(port: int) -> None:
    opening = "GET /socket.io/?EIO=4&transport=polling HTTP/1.1\r\nHost: x\r\n\r\n"
    answer = (await (await RawSocket.open(port, opening)).until(b"maxPayload")).decode()
    sid = answer.split('"sid":"')[1].split('"')[0]
    for packets, status in ((16, 200), (17, 400)):
        body = (
            "\x1e".join(["40", *['42["x"]'] * (packets - 1)]) if status == 200 else "\x1e".join(['42["x"]'] * packets)
        )
        head = f"POST /socket.io/?EIO=4&transport=polling&sid={sid} HTTP/1.1\r\nHost: x\r\nContent-Length: {len(body)}"
        raw = await RawSocket.open(port, f"{head}\r\n\r\n{body}")
        assert (await raw.until(b"\r\n")).startswith(f"HTTP/1.1 {status}".encode())
