"""A session that goes over from polling to a WebSocket, or tries to."""

import asyncio

import aiohttp
import pytest

from hummdesk.engine import EngineIOServer
from tests.integration.engine.conftest import WorkerContext, heard


async def test_an_upgrade(desk: WorkerContext, server: EngineIOServer) -> None:
    sid = await desk.open()
    assert server.transport(sid) == "polling"
    websocket = await desk.upgraded(sid)
    await websocket.send_str("4hello")
    assert await heard(websocket) == "4hello"
    assert server.transport(sid) == "websocket"


async def test_a_pending_poll_is_answered_and_nothing_leaks(desk: WorkerContext, server: EngineIOServer) -> None:
    sid = await desk.open()
    poll = asyncio.create_task(desk.poll(sid))
    await asyncio.sleep(0.02)
    websocket = await desk.websocket(sid)
    await websocket.send_str("2probe")
    assert await heard(websocket) == "3probe"
    assert await asyncio.wait_for(poll, 1) == (200, "6")
    await server.send(sid, "meanwhile")
    assert await desk.poll(sid) == (200, "6")
    await websocket.send_str("5")
    await websocket.send_str("4after")
    assert [await heard(websocket), await heard(websocket)] == ["4meanwhile", "4after"]


async def test_requests_after_the_upgrade_do_not_disturb(desk: WorkerContext) -> None:
    sid = await desk.open()
    websocket = await desk.upgraded(sid)
    assert (await desk.poll(sid))[0] == 400
    assert (await desk.post(sid, "4x"))[0] == 400
    with pytest.raises(aiohttp.WSServerHandshakeError, match="400"):
        await desk.websocket(sid)
    await websocket.send_str("4hello")
    assert await heard(websocket) == "4hello"


@pytest.mark.parametrize("instead", ["4hello", "5", "3probe", "cut", "late"])
async def test_an_upgrade_that_fails_leaves_the_session_polling(desk: WorkerContext, instead: str) -> None:
    sid = await desk.open()
    websocket = await desk.websocket(sid)
    if instead == "late":
        await websocket.send_str("2probe")
        assert await heard(websocket) == "3probe"
        await websocket.send_str("4not yet")
    elif instead == "cut":
        await websocket.close()
    else:
        await websocket.send_str(instead)
    assert await heard(websocket) is None
    assert await desk.post(sid, "4hello") == (200, "ok")
    assert await desk.poll(sid) == (200, "4hello")
    websocket = await desk.upgraded(sid)
