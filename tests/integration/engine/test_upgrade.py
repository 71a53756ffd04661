"""The upgrade of a polling session to a WebSocket."""

import asyncio

import aiohttp
import pytest

from hummdesk.engine import EngineIOServer
from tests.integration.engine.conftest import EndpointClient, receive


async def test_upgrade_changes_the_transport(client: EndpointClient, server: EngineIOServer) -> None:
    sid = await client.open()
    assert server.transport(sid) == "polling"
    websocket = await client.upgrade(sid)
    await websocket.send_str("4hello")
    assert await receive(websocket) == "4hello"
    assert server.transport(sid) == "websocket"


async def test_upgrade_answers_the_pending_poll_and_keeps_the_packet_order(
    client: EndpointClient, server: EngineIOServer
) -> None:
    sid = await client.open()
    poll = asyncio.create_task(client.poll(sid))
    await asyncio.sleep(0.02)
    websocket = await client.websocket(sid)
    await websocket.send_str("2probe")
    assert await receive(websocket) == "3probe"
    assert await asyncio.wait_for(poll, 1) == (200, "6")
    await server.send(sid, "meanwhile")
    assert await client.poll(sid) == (200, "6")
    await websocket.send_str("5")
    await websocket.send_str("4after")
    assert [await receive(websocket), await receive(websocket)] == ["4meanwhile", "4after"]


async def test_http_request_after_upgrade_is_refused_and_harmless(client: EndpointClient) -> None:
    sid = await client.open()
    websocket = await client.upgrade(sid)
    assert (await client.poll(sid))[0] == 400
    assert (await client.post(sid, "4x"))[0] == 400
    with pytest.raises(aiohttp.WSServerHandshakeError, match="400"):
        await client.websocket(sid)
    await websocket.send_str("4hello")
    assert await receive(websocket) == "4hello"


@pytest.mark.parametrize("instead", ["4hello", "5", "3probe", "abort", "confirmed"])
async def test_failed_upgrade_keeps_the_session_polling(client: EndpointClient, instead: str) -> None:
    sid = await client.open()
    websocket = await client.websocket(sid)
    if instead == "confirmed":
        await websocket.send_str("2probe")
        assert await receive(websocket) == "3probe"
        await websocket.send_str("4early")
    elif instead == "abort":
        await websocket.close()
    else:
        await websocket.send_str(instead)
    assert await receive(websocket) is None
    assert await client.post(sid, "4hello") == (200, "ok")
    assert await client.poll(sid) == (200, "4hello")
    websocket = await client.upgrade(sid)
