"""The upgrade of a polling session to a WebSocket."""

import asyncio
from contextlib import closing
from urllib.parse import urlsplit

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
    assert await asyncio.wait_for(poll, 20) == (200, "6")
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
    await websocket.send_str("4hello")
    assert await receive(websocket) == "4hello"


@pytest.mark.parametrize("state", ["probing", "confirmed", "upgraded"])
async def test_second_websocket_is_accepted_and_closed_and_harmless(
    client: EndpointClient, server: EngineIOServer, state: str
) -> None:
    sid = await client.open()
    first = await (client.upgrade(sid) if state == "upgraded" else client.websocket(sid))
    if state == "confirmed":
        await first.send_str("2probe")
        assert await receive(first) == "3probe"
    second = await client.websocket(sid)
    assert await receive(second) is None
    assert second.close_code == aiohttp.WSCloseCode.OK
    if state == "probing":
        await first.send_str("2probe")
        assert await receive(first) == "3probe"
    if state != "upgraded":
        await first.send_str("5")
    await first.send_str("4hello")
    assert await receive(first) == "4hello"
    assert server.transport(sid) == "websocket"


async def test_packets_of_a_second_websocket_are_ignored(client: EndpointClient, server: EngineIOServer) -> None:
    """They arrive together with its handshake, before it is closed."""
    sid = await client.open()
    first = await client.websocket(sid)
    handshake = (
        f"GET /engine.io/?EIO=4&transport=websocket&sid={sid} HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\n"
        "Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
    )
    reader, writer = await asyncio.open_connection("127.0.0.1", urlsplit(client.url).port)
    with closing(writer):
        writer.write(handshake.encode() + b"\x81\x86\0\0\0\x002probe\x81\x81\0\0\0\x005")
        await reader.readuntil(b"\r\n\r\n")
        assert await asyncio.wait_for(reader.readexactly(4), 20) == b"\x88\x02\x03\xe8"  # close frame, code 1000
    assert server.transport(sid) == "polling"
    await first.send_str("2probe")
    assert await receive(first) == "3probe"


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
