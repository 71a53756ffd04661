"""Binary packets of unauthenticated clients: refused where the application has none, counted where it has."""

import asyncio
from collections.abc import AsyncIterator

import aiohttp
import pytest

from hummdesk.engine import CloseReason, Observer, SocketIOServer
from tests.integration.engine.conftest import EndpointClient, receive, running
from tests.running_time import running_timeout

MAX_PACKET = 10_000
ANNOUNCED = '4510-["message",' + ",".join(f'{{"_placeholder":true,"num":{number}}}' for number in range(10)) + "]"


class Closes(Observer):
    def __init__(self) -> None:
        self.reasons: list[CloseReason] = []

    def on_closed(self, reason: CloseReason) -> None:
        self.reasons.append(reason)


@pytest.fixture
def closes() -> Closes:
    return Closes()


@pytest.fixture
async def server(request: pytest.FixtureRequest, closes: Closes) -> SocketIOServer:
    options = {"max_packet_bytes": MAX_PACKET, "observer": closes} | getattr(request, "param", {})
    server = SocketIOServer(**options)
    server.on("connect", lambda sid, environ: None)
    server.on("message", lambda sid, *parts: sum(map(len, parts)))
    return server


@pytest.fixture
async def client(server: SocketIOServer, http: aiohttp.ClientSession) -> AsyncIterator[EndpointClient]:
    async with running(server, "socket.io") as url:
        yield EndpointClient(f"{url}/socket.io/", http)


async def connected(client: EndpointClient) -> aiohttp.ClientWebSocketResponse:
    websocket = await client.websocket()
    await receive(websocket)
    await websocket.send_str("40")
    assert (await receive(websocket)).startswith("40")
    return websocket


@pytest.mark.parametrize("server", [{"accepts_binary": False}], indirect=True)
@pytest.mark.parametrize("packet", [ANNOUNCED, '450-["message"]', "461-1[]", '451-["connect"]'])
async def test_binary_packet_is_refused_without_waiting_for_attachments(
    server: SocketIOServer, client: EndpointClient, closes: Closes, packet: str
) -> None:
    websocket = await connected(client)
    await websocket.send_str(packet)
    assert await receive(websocket) is None
    assert closes.reasons == [CloseReason.MALFORMED_PACKET]
    assert not server._incomplete


async def test_attachments_count_towards_the_packet_limit(
    server: SocketIOServer, client: EndpointClient, closes: Closes
) -> None:
    fitting = (MAX_PACKET - len(ANNOUNCED)) // 10
    websocket = await connected(client)
    await websocket.send_str(ANNOUNCED.replace("-", "-7", 1))
    for _ in range(10):
        await websocket.send_bytes(b"x" * (fitting - 1))
    assert await receive(websocket) == f"437[{10 * (fitting - 1)}]"
    assert server.eio.buffers.received.total == 0
    await websocket.send_str(ANNOUNCED)
    for _ in range(10):
        await websocket.send_bytes(b"x" * (fitting + 1))
    assert await receive(websocket) is None
    assert closes.reasons == [CloseReason.OVERSIZED_PACKET]


@pytest.mark.parametrize("server", [{"max_total_received_bytes": 3 * MAX_PACKET}], indirect=True)
async def test_incomplete_packets_of_all_sessions_are_limited(
    server: SocketIOServer, client: EndpointClient, closes: Closes
) -> None:
    sockets = [await connected(client) for _ in range(10)]
    for websocket in sockets:
        await websocket.send_str(ANNOUNCED)
        for _ in range(9):
            await websocket.send_bytes(b"x" * 1000)
    async with asyncio.timeout(20):
        while len(closes.reasons) < 7:
            await asyncio.sleep(0.01)
    await server.wait_handled()
    assert set(closes.reasons) == {CloseReason.EVICTED}
    assert len(server._incomplete) == 10 - len(closes.reasons)
    assert server.eio.buffers.received.total <= 3 * MAX_PACKET
    await sockets[-1].send_bytes(b"last")
    await sockets[-1].send_str('421["message","after"]')
    assert await receive(sockets[-1]) == "431[5]"


@pytest.mark.parametrize("end", ["disconnect", "close"])
async def test_incomplete_packet_ends_with_its_namespace_or_session(
    server: SocketIOServer, client: EndpointClient, end: str
) -> None:
    websocket = await connected(client)
    await websocket.send_str(ANNOUNCED)
    async with running_timeout(2):
        while not server._incomplete:
            await asyncio.sleep(0.001)
    if end == "close":
        await websocket.close()
    else:
        (sid,) = server.manager.rooms["/"][None]
        await server.disconnect(sid)
    async with running_timeout(2):
        while server._incomplete:
            await asyncio.sleep(0.001)
    assert server.eio.buffers.received.total == 0


async def test_incomplete_packet_is_kept_as_small_as_it_arrived(server: SocketIOServer, client: EndpointClient) -> None:
    websocket = await connected(client)
    nested = ",".join(["[]"] * 3000)
    await websocket.send_str(f'451-["message",[{nested}],{{"_placeholder":true,"num":0}}]')
    async with running_timeout(2):
        while not server._incomplete:
            await asyncio.sleep(0.001)
    (incomplete,) = server._incomplete._packets.values()
    assert not any(isinstance(value, list) and value for value in vars(incomplete).values())
    assert incomplete.received_bytes < MAX_PACKET
