"""The heartbeat, with the interval and timeout of the protocol's own test suite."""

import asyncio
import statistics
import time
from typing import Any

import aiohttp
import pytest

from hummdesk.engine import CloseReason, ConnectionState, EngineIOServer, Observer
from tests.integration.engine.conftest import EndpointClient, receive, running
from tests.running_time import running_timeout


@pytest.fixture
def heartbeat_options() -> dict[str, float]:
    return {"ping_interval": 0.3, "ping_timeout": 0.2}


in_time = pytest.mark.parametrize("heartbeat_options", [{"ping_interval": 0.3, "ping_timeout": 20}])
"""For clients that send pongs: the machine may stand still between a ping and its pong."""


@in_time
async def test_polling_client_that_sends_pongs_stays_connected(client: EndpointClient) -> None:
    sid = await client.open()
    for _ in range(3):
        assert await client.poll(sid) == (200, "2")
        assert await client.post(sid, "3") == (200, "ok")


late_end = pytest.mark.parametrize("heartbeat_options", [{"ping_interval": 0.05, "ping_timeout": 2}])
"""For tests that do something between the ping and the end of the session."""


@late_end
async def test_polling_client_without_pongs_is_closed(client: EndpointClient, server: EngineIOServer) -> None:
    sid = await client.open()
    assert await client.poll(sid) == (200, "2")
    async with running_timeout(2.5):
        while sid in server.sockets:
            await asyncio.sleep(0.01)
    assert (await client.poll(sid))[0] == 400


@late_end
async def test_pending_poll_without_pongs_returns_the_close_packet(client: EndpointClient) -> None:
    sid = await client.open()
    assert await client.poll(sid) == (200, "2")
    assert await client.poll(sid) == (200, "1")
    assert (await client.poll(sid))[0] == 400


class ClosingTimes(Observer):
    """Records when sessions are opened and closed."""

    def __init__(self) -> None:
        self.opened: list[float] = []
        self.closed: list[float] = []

    def on_state_changed(self, before: ConnectionState | None, after: ConnectionState | None) -> None:
        if before is None:
            self.opened.append(time.monotonic())

    def on_closed(self, reason: CloseReason) -> None:
        self.closed.append(time.monotonic())


ATTEMPTS = 3
"""One of them is enough: the machine may stand still when timers are due."""


@pytest.mark.alone
async def test_polling_sessions_are_closed_after_interval_and_timeout_however_close_together(
    heartbeat_options: dict[str, Any], http: aiohttp.ClientSession
) -> None:
    medians: list[float] = []
    while len(medians) < ATTEMPTS and min(medians, default=1.0) >= 0.008:
        observer = ClosingTimes()
        server = EngineIOServer(**heartbeat_options, observer=observer)
        async with running(server, "engine.io") as url:
            client = EndpointClient(f"{url}/engine.io/", http)
            for _ in range(30):
                await client.open()
            async with asyncio.timeout(20):
                while len(observer.closed) < 30:
                    await asyncio.sleep(0.01)
        late = [closed - opened - 0.5 for opened, closed in zip(observer.opened, observer.closed, strict=True)]
        assert min(late) > -0.002
        medians.append(statistics.median(late))
    assert min(medians) < 0.008, medians


@in_time
@pytest.mark.alone
async def test_websocket_client_that_sends_pongs_stays_connected(client: EndpointClient) -> None:
    loop = asyncio.get_running_loop()
    started = loop.time()
    websocket = await client.websocket()
    await receive(websocket)
    waited = []
    for _ in range(ATTEMPTS):
        assert await websocket.receive_str() == "2"
        waited.append(loop.time() - started)
        started = loop.time()
        await websocket.send_str("3")
    assert 0.25 < min(waited) < 0.45
    await websocket.send_str("4alive")
    assert await receive(websocket) == "4alive"


@pytest.mark.alone
async def test_websocket_client_without_pongs_is_closed(client: EndpointClient) -> None:
    loop = asyncio.get_running_loop()
    waited = []
    for _ in range(ATTEMPTS):
        started = loop.time()
        websocket = await client.websocket()
        await receive(websocket)
        assert await receive(websocket) is None
        waited.append(loop.time() - started)
    assert 0.45 < min(waited) < 0.8
