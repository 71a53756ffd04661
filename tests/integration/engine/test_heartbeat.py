"""The heartbeat, with the interval and timeout of the protocol's own test suite."""

import asyncio

import pytest

from hummdesk.engine import EngineIOServer
from tests.integration.engine.conftest import EndpointClient, receive


@pytest.fixture
def heartbeat_options() -> dict[str, float]:
    return {"ping_interval": 0.3, "ping_timeout": 0.2}


async def test_polling_client_that_sends_pongs_stays_connected(client: EndpointClient) -> None:
    sid = await client.open()
    for _ in range(3):
        assert await client.poll(sid) == (200, "2")
        assert await client.post(sid, "3") == (200, "ok")


async def test_polling_client_without_pongs_is_closed(client: EndpointClient, server: EngineIOServer) -> None:
    sid = await client.open()
    assert await client.poll(sid) == (200, "2")
    await asyncio.sleep(0.35)
    assert sid not in server.sockets
    assert (await client.poll(sid))[0] == 400


async def test_pending_poll_without_pongs_returns_the_close_packet(client: EndpointClient) -> None:
    sid = await client.open()
    assert await client.poll(sid) == (200, "2")
    assert await client.poll(sid) == (200, "1")
    assert (await client.poll(sid))[0] == 400


@pytest.mark.alone
async def test_websocket_client_that_sends_pongs_stays_connected(client: EndpointClient) -> None:
    websocket = await client.websocket()
    await receive(websocket)
    loop = asyncio.get_running_loop()
    waited = []
    for _ in range(3):
        started = loop.time()
        assert await websocket.receive_str() == "2"
        waited.append(loop.time() - started)
        await websocket.send_str("3")
    assert 0.25 < min(waited) < 0.45
    await websocket.send_str("4alive")
    assert await receive(websocket) == "4alive"


@pytest.mark.alone
async def test_websocket_client_without_pongs_is_closed(client: EndpointClient) -> None:
    loop = asyncio.get_running_loop()
    waited = []
    for _ in range(3):
        websocket = await client.websocket()
        await receive(websocket)
        started = loop.time()
        assert await receive(websocket) is None
        waited.append(loop.time() - started)
    assert 0.45 < min(waited) < 0.8
