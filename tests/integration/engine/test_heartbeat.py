"""The heartbeat, at the pace at which the authors of the protocol test theirs."""

import asyncio

import pytest

from hummdesk.engine import EngineIOServer
from tests.integration.engine.conftest import WorkerContext, heard


@pytest.fixture
def times() -> dict[str, float]:
    return {"ping_interval": 0.3, "ping_timeout": 0.2}


async def test_polling_heartbeat(desk: WorkerContext) -> None:
    sid = await desk.open()
    for _ in range(3):
        assert await desk.poll(sid) == (200, "2")
        assert await desk.post(sid, "3") == (200, "ok")


async def test_polling_silence_closes(desk: WorkerContext, server: EngineIOServer) -> None:
    sid = await desk.open()
    assert await desk.poll(sid) == (200, "2")
    await asyncio.sleep(0.35)
    assert sid not in server.sockets
    assert (await desk.poll(sid))[0] == 400


async def test_a_pending_poll_hears_that_its_silence_closed_the_session(desk: WorkerContext) -> None:
    sid = await desk.open()
    assert await desk.poll(sid) == (200, "2")
    assert await desk.poll(sid) == (200, "1")
    assert (await desk.poll(sid))[0] == 400


@pytest.mark.alone
async def test_websocket_heartbeat(desk: WorkerContext) -> None:
    websocket = await desk.websocket()
    await heard(websocket)
    loop = asyncio.get_running_loop()
    waited = []
    for _ in range(3):
        started = loop.time()
        assert await websocket.receive_str() == "2"
        waited.append(loop.time() - started)
        await websocket.send_str("3")
    assert 0.25 < min(waited) < 0.45
    await websocket.send_str("4alive")
    assert await heard(websocket) == "4alive"


@pytest.mark.alone
async def test_websocket_silence_closes(desk: WorkerContext) -> None:
    loop = asyncio.get_running_loop()
    waited = []
    for _ in range(3):
        websocket = await desk.websocket()
        await heard(websocket)
        started = loop.time()
        assert await heard(websocket) is None
        waited.append(loop.time() - started)
    assert 0.45 < min(waited) < 0.8
