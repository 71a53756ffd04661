"""The Socket.IO protocol on the wire: https://github.com/socketio/socket.io-protocol."""

import asyncio
import json
from collections.abc import AsyncIterator, Sequence
from typing import Any

import aiohttp
import pytest

from hummdesk.engine import SocketIOServer, coalescer
from hummdesk.engine.budget import MAX_LIGHT_FRAMES
from hummdesk.engine.encoding import EncodedPacket
from hummdesk.engine.session import MAX_CONNECTS
from tests.integration.engine.conftest import EndpointClient, receive, running
from tests.running_time import running_timeout

CONNECT_SECONDS = 0.25


@pytest.fixture
async def server(heartbeat_options: dict[str, Any]) -> SocketIOServer:
    """The application of the protocol's own test suite, with named handlers."""
    server = SocketIOServer(**heartbeat_options, connect_timeout=20, cors_allowed_origins="*")

    async def connect(sid: str, environ: dict[str, Any], auth: Any = None) -> None:
        namespace = "/" if "sid" not in environ else "/custom"
        await server.emit("auth", auth or {}, to=sid, namespace=namespace)

    async def connect_custom(sid: str, environ: dict[str, Any], auth: Any = None) -> None:
        await server.emit("auth", auth or {}, to=sid, namespace="/custom")

    async def message(sid: str, *arguments: Any) -> None:
        await server.emit("message-back", arguments, to=sid)

    async def acknowledged(sid: str, *arguments: Any) -> tuple[Any, ...]:
        return arguments

    async def call_client(sid: str) -> None:
        answer = await server.call("question", ("a", b"\x01"), to=sid, timeout=2)
        await server.emit("answer", answer, to=sid)

    server.on("connect", connect)
    server.on("connect", connect_custom, namespace="/custom")
    server.on("message", message)
    server.on("message-with-ack", acknowledged)
    server.on("ask-me", call_client)
    return server


@pytest.fixture
async def client(server: SocketIOServer, http: aiohttp.ClientSession) -> AsyncIterator[EndpointClient]:
    async with running(server, "socket.io") as url:
        yield EndpointClient(f"{url}/socket.io/", http)


@pytest.fixture
async def websocket(client: EndpointClient) -> aiohttp.ClientWebSocketResponse:
    """An open WebSocket without a namespace."""
    websocket = await client.websocket()
    assert (await receive(websocket)).startswith("0{")
    return websocket


@pytest.fixture
async def connected(websocket: aiohttp.ClientWebSocketResponse) -> aiohttp.ClientWebSocketResponse:
    """A WebSocket connected to the main namespace."""
    await websocket.send_str("40")
    assert {(await receive(websocket))[:2], (await receive(websocket))[:2]} == {"40", "42"}
    return websocket


async def assert_receives(websocket: aiohttp.ClientWebSocketResponse, *expected: str | bytes) -> None:
    assert [await receive(websocket) for _ in expected] == list(expected)


@pytest.mark.parametrize(
    ("packet", "namespace", "auth"),
    [
        ("40", "", {}),
        ("40{}", "", {}),
        ('40{"token":"123"}', "", {"token": "123"}),
        ("40/custom,", "/custom,", {}),
        ("40/custom", "/custom,", {}),
        ('40/custom,{"token":"abc"}', "/custom,", {"token": "abc"}),
        ("40/custom?foo=bar,", "/custom,", {}),
    ],
)
async def test_connect_returns_sid_and_passes_auth(
    websocket: Any, packet: str, namespace: str, auth: dict[str, str]
) -> None:
    await websocket.send_str(packet)
    packets = sorted([await receive(websocket), await receive(websocket)])
    assert packets[0].startswith(f"40{namespace}{{")
    assert set(json.loads(packets[0].removeprefix(f"40{namespace}"))) == {"sid"}
    assert packets[1] == f'42{namespace}["auth",{json.dumps(auth, separators=(",", ":"))}]'


@pytest.mark.parametrize("always_connect", [True, False])
async def test_connect_packet_leaves_in_a_write_of_its_own(
    http: aiohttp.ClientSession, monkeypatch: pytest.MonkeyPatch, always_connect: bool
) -> None:
    """A client that takes one message a read would miss an event in the same write."""
    writes: list[bytes] = []
    write = coalescer._write

    def record(recipients: coalescer.Recipients, packets: Sequence[EncodedPacket]) -> None:
        writes.append(b"".join(packet.polling_payload[:3] for packet in packets))
        write(recipients, packets)

    server = SocketIOServer(always_connect=always_connect)

    async def connect(sid: str, environ: dict[str, Any], auth: Any = None) -> None:
        await server.emit("auth", {}, to=sid)

    server.on("connect", connect)
    async with running(server, "socket.io") as url:
        websocket = await EndpointClient(f"{url}/socket.io/", http).websocket()
        await receive(websocket)
        monkeypatch.setattr(coalescer, "_write", record)
        await websocket.send_str("40")
        await receive(websocket)
        await receive(websocket)
    assert writes[:2] == ([b"40{", b"42["] if always_connect else [b"42[", b"40{"])


async def test_unknown_namespace_returns_connect_error(websocket: Any) -> None:
    await websocket.send_str("40/random")
    await assert_receives(websocket, '44/random,{"message":"Invalid namespace"}')


async def test_session_without_namespace_is_closed_after_the_timeout(http: aiohttp.ClientSession) -> None:
    async with running(SocketIOServer(connect_timeout=CONNECT_SECONDS), "socket.io") as url:
        client = EndpointClient(f"{url}/socket.io/", http)
        started = asyncio.get_running_loop().time()
        async with running_timeout(5):  # the heartbeat would end it after 45 s
            websocket = await client.websocket()
            assert (await receive(websocket)).startswith("0{")
            polling = await client.open()
            assert await receive(websocket) is None
        assert asyncio.get_running_loop().time() - started > CONNECT_SECONDS - 0.05
        await client.poll(polling)
        assert (await client.poll(polling))[0] == 400


@pytest.mark.parametrize(
    "packet",
    [
        '42["message"]',
        '42/custom,["message"]',
        "41",
        '431["x"]',
        "4abc",
        "4",
        "42{}",
        "42[",
        "42[]",
        '42abc["message"]',
        '42["message",NaN]',
        "49[]",
        "44{}",
        '4{"a":1}',
        "40[]",
        '51-["message"]',
        b"\x01",
    ],
)
@pytest.mark.parametrize("is_connected", [True, False])
async def test_malformed_packet_closes_the_connection(
    websocket: Any, server: SocketIOServer, packet: str | bytes, is_connected: bool
) -> None:
    if is_connected:
        await websocket.send_str("40")
        assert await receive(websocket)
        assert await receive(websocket)
    if packet in ('42["message"]', "41", '431["x"]') and is_connected:
        return
    await (websocket.send_str(packet) if isinstance(packet, str) else websocket.send_bytes(packet))
    assert await receive(websocket) is None
    await server.wait_handled()
    assert not server.eio.sockets
    assert not server.manager.rooms
    assert not server.environ


@pytest.mark.parametrize(
    "packets",
    [
        ["40"],
        ['452-["message",{"_placeholder":true,"num":0},{"_placeholder":true,"num":1}]', b"\x01", '42["message"]'],
        ['451-["message",{"_placeholder":true,"num":7}]', b"\x01"],
        ['451-["message",{"_placeholder":true,"num":"0"}]', b"\x01"],
        ['452147483647-["message"]'],
        ['42["connect"]'],
        ['42["disconnect"]'],
        ["42[{}]"],
        ["42[[1]]"],
        ['42["message",' + "[" * 20_000 + "]" * 20_000 + "]"],
    ],
)
async def test_malformed_packet_after_connect_closes_the_connection(
    connected: Any, server: SocketIOServer, packets: list[str | bytes]
) -> None:
    for packet in packets:
        await (connected.send_str(packet) if isinstance(packet, str) else connected.send_bytes(packet))
    assert await receive(connected) is None
    await server.wait_handled()
    assert not server._incomplete


async def test_disconnect_from_main_namespace_allows_reconnect(connected: Any, server: SocketIOServer) -> None:
    reasons: list[str] = []
    server.on("disconnect", lambda sid, reason: reasons.append(reason))
    await connected.send_str("41")
    await connected.send_str("40")
    assert (await receive(connected))[:2] in ("40", "42")
    assert reasons == ["client disconnect"]


async def test_disconnect_from_custom_namespace_keeps_the_main_one(connected: Any) -> None:
    await connected.send_str("40/custom")
    assert await receive(connected)
    assert await receive(connected)
    await connected.send_str("41/custom")
    await connected.send_str('42["message","message to main namespace"]')
    await assert_receives(connected, '42["message-back","message to main namespace"]')


async def test_event_is_passed_to_its_handler(connected: Any) -> None:
    await connected.send_str('42["message",1,"2",{"3":[true]}]')
    await assert_receives(connected, '42["message-back",1,"2",{"3":[true]}]')


async def test_acknowledgement_returns_the_handlers_result(connected: Any) -> None:
    await connected.send_str('42456["message-with-ack",1,"2",{"3":[false]}]')
    await assert_receives(connected, '43456[1,"2",{"3":[false]}]')
    await connected.send_str('420["message-with-ack"]')
    await assert_receives(connected, "430[]")
    await connected.send_str("437[]")
    await connected.send_str('421["message-with-ack"]')
    await assert_receives(connected, "431[]")


async def test_binary_event_is_passed_to_its_handler(connected: Any) -> None:
    await connected.send_str('452-["message",{"_placeholder":true,"num":0},{"_placeholder":true,"num":1}]')
    await connected.send_bytes(b"\x01\x02\x03")
    await connected.send_bytes(b"\x04\x05\x06")
    await assert_receives(
        connected,
        '452-["message-back",{"_placeholder":true,"num":0},{"_placeholder":true,"num":1}]',
        b"\x01\x02\x03",
        b"\x04\x05\x06",
    )


async def test_binary_acknowledgement_returns_attachments(connected: Any) -> None:
    await connected.send_str('452-789["message-with-ack",{"_placeholder":true,"num":0},{"_placeholder":true,"num":1}]')
    await connected.send_bytes(b"\x01\x02\x03")
    await connected.send_bytes(b"\x04\x05\x06")
    await assert_receives(
        connected,
        '462-789[{"_placeholder":true,"num":0},{"_placeholder":true,"num":1}]',
        b"\x01\x02\x03",
        b"\x04\x05\x06",
    )


@pytest.mark.parametrize("binary", [True, False])
async def test_call_returns_the_clients_acknowledgement(connected: Any, binary: bool) -> None:
    await connected.send_str('42["ask-me"]')
    await assert_receives(connected, '451-1["question","a",{"_placeholder":true,"num":0}]', b"\x01")
    if binary:
        await connected.send_str('461-1[{"_placeholder":true,"num":0}]')
        await connected.send_bytes(b"\x02")
        await assert_receives(connected, '451-["answer",{"_placeholder":true,"num":0}]', b"\x02")
    else:
        await connected.send_str('431["yes"]')
        await assert_receives(connected, '42["answer","yes"]')


async def test_event_name_that_is_a_number_is_passed_as_text(connected: Any, server: SocketIOServer) -> None:
    server.on("7", lambda sid, data: data)
    server.on("1.5", lambda sid: "half")
    for packet, answer in (('4201[7,"x"]', '431["x"]'), ('422[7.0,"y"]', '432["y"]'), ("423[1.5]", '433["half"]')):
        await connected.send_str(packet)
        await assert_receives(connected, answer)
    await connected.send_str("424[true]")
    assert await receive(connected) is None


async def test_acknowledgement_that_nothing_waits_for_is_ignored(
    connected: Any, server: SocketIOServer, caplog: pytest.LogCaptureFixture
) -> None:
    await connected.send_str('42["ask-me"]')
    await assert_receives(connected, '451-1["question","a",{"_placeholder":true,"num":0}]', b"\x01")
    for number in ("0", "2", ""):
        await connected.send_str(f'43{number}["stolen"]')
    await connected.send_str('431["yes"]')
    await assert_receives(connected, '42["answer","yes"]')
    assert not [record for record in caplog.records if record.name.startswith("hummdesk.engine")]


@pytest.mark.parametrize(
    ("packet", "number"), [("431[]", MAX_LIGHT_FRAMES), ("40/unknown", MAX_CONNECTS), ("40/unknown,{}", MAX_CONNECTS)]
)
async def test_flood_of_packets_that_no_rate_limit_of_events_counts_is_closed(
    connected: Any, packet: str, number: int
) -> None:
    for _ in range(number + 1):
        await connected.send_str(packet)
    received = 0
    while await receive(connected) is not None:
        received += 1
    assert received <= number


async def test_binary_event_over_polling_is_echoed(client: EndpointClient, server: SocketIOServer) -> None:
    sid = await client.open()
    await client.post(sid, "40")
    await client.poll(sid)
    await client.post(sid, '451-["message",{"_placeholder":true,"num":0}]\x1ebAQID')
    content = ""
    while "bAQID" not in content:
        content += "\x1e" + (await client.poll(sid))[1]
    assert content.endswith('451-["message-back",{"_placeholder":true,"num":0}]\x1ebAQID')


@pytest.mark.parametrize("always_connect", [True, False])
async def test_refused_connect_sends_connect_error_or_disconnect(
    http: aiohttp.ClientSession, always_connect: bool
) -> None:
    server = SocketIOServer(always_connect=always_connect)
    server.on("connect", lambda sid, environ, auth: False)
    async with running(server, "socket.io") as url:
        websocket = await EndpointClient(f"{url}/socket.io/", http).websocket()
        await receive(websocket)
        await websocket.send_str("40")
        answers = [await receive(websocket) for _ in range(1 + always_connect)]
        assert [answer[:2] for answer in answers] == (["40", "41"] if always_connect else ["44"])
        await server.wait_handled()
        assert not server.manager.rooms
