"""Open connections: each is counted, whatever its state, and their numbers are limited."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, suppress
from dataclasses import replace
from typing import Any

import aiohttp
import pytest
from prometheus_client import REGISTRY

from hummdesk.core.config import Settings
from hummdesk.server.node import Node
from tests.integration.server.accounts import Account
from tests.integration.server.conftest import running

SOCKET = "/socket.io/?EIO=4&transport=websocket"


@pytest.fixture(scope="module")
async def limited(web_settings: Settings) -> AsyncIterator[tuple[str, Node]]:
    limits: dict[str, Any] = {
        "max_sockets_per_process": 12,
        "max_sockets_per_address": 8,
        "max_sockets_per_person": 3,
        "max_sockets_unauthenticated": 5,
    }
    async with running(replace(web_settings, proxies_count=1, **limits), name="limits") as web:
        yield web


@pytest.fixture
async def opened(limited: tuple[str, Node]) -> AsyncIterator[Callable[..., Any]]:
    """Opens WebSockets of an address, which are closed after the test."""
    url, node = limited
    async with aiohttp.ClientSession() as session, AsyncExitStack() as stack:

        async def open_socket(address: str, *, token: str | None = None) -> aiohttp.ClientWebSocketResponse:
            socket = await session.ws_connect(url + SOCKET, headers={"X-Forwarded-For": address})
            stack.push_async_callback(socket.close)
            await socket.receive()
            if token is not None:
                await socket.send_str(f'40{{"token":"{token}"}}')
                while '"authenticated"' not in await socket.receive_str():
                    pass
            return socket

        yield open_socket
    async with asyncio.timeout(20):
        while node.server.eio.connections.count():
            await asyncio.sleep(0.01)


def value(name: str, **labels: str) -> float:
    """The value of a metric of this process."""
    return REGISTRY.get_sample_value(name, labels) or 0.0


async def until(holds: Callable[[], bool]) -> None:
    async with asyncio.timeout(20):
        while not holds():
            await asyncio.sleep(0.01)


async def test_connection_is_counted_in_each_state(
    account: Account, limited: tuple[str, Node], opened: Callable[..., Any]
) -> None:
    def totals() -> list[float]:
        labels = [("none", "opened"), ("none", "unauthenticated"), ("agent", "authenticated")]
        return [value("hummdesk_connections", role=role, state=state) for role, state in labels]

    def counts() -> list[float]:
        return [now - was for now, was in zip(totals(), before, strict=True)]

    before = totals()
    socket = await opened("10.1.0.1")
    assert counts() == [1, 0, 0]
    await socket.send_str("40")
    await until(lambda: counts() == [0, 1, 0])
    await socket.send_str('42["authenticate","' + account.token("agent") + '"]')
    await until(lambda: counts() == [0, 0, 1])
    await socket.send_str("41")
    await until(lambda: counts() == [1, 0, 0])
    await socket.close()
    await until(lambda: counts() == [0, 0, 0])


async def test_connections_of_one_address_are_limited(opened: Callable[..., Any], account: Account) -> None:
    refused = value("hummdesk_connections_refused_total", reason="too_many_of_address")
    for name in ("agent", "colleague"):
        for _ in range(3):
            await opened("10.2.0.1", token=account.token(name))
    for _ in range(2):
        await opened("10.2.0.1")
    with pytest.raises(aiohttp.WSServerHandshakeError, match="429"):
        await opened("10.2.0.1")
    await opened("10.2.0.2")
    assert value("hummdesk_connections_refused_total", reason="too_many_of_address") == refused + 1


async def test_connections_of_a_process_are_limited(opened: Callable[..., Any], account: Account) -> None:
    for name in ("agent", "colleague", "viewer", "admin"):
        for _ in range(3):
            await opened(f"10.3.0.{len(name)}", token=account.token(name))
    with pytest.raises(aiohttp.WSServerHandshakeError, match="503"):
        await opened("10.3.0.99")


async def test_oldest_unauthenticated_connection_is_evicted(opened: Callable[..., Any], account: Account) -> None:
    evicted = value("hummdesk_connections_closed_total", reason="evicted")
    agent = await opened("10.4.0.1", token=account.token("agent"))
    idle = [await opened("10.4.0.2") for _ in range(6)]
    await until(lambda: value("hummdesk_connections_closed_total", reason="evicted") == evicted + 1)
    assert (await idle[0].receive()).type is aiohttp.WSMsgType.CLOSE
    await agent.send_str('421["get_teams"]')
    async with asyncio.timeout(20):
        while not (await agent.receive_str()).startswith("431"):
            pass


async def test_socket_beyond_those_of_its_person_is_closed_with_a_reason(
    limited: tuple[str, Node], account: Account
) -> None:
    url, _ = limited
    clients = [await account.connect("agent", url=url) for _ in range(3)]
    beyond = await account.client().connect(token=account.token("agent"), url=url)
    error = await beyond.receives("authentication_error")
    assert (error["code"], error["details"]["limit"]) == ("RATE_LIMITED", "person_sockets")
    assert (await beyond.receives("disconnect_reason"))["code"] == "RATE_LIMITED"
    await asyncio.wait_for(beyond.gone.wait(), 20)
    await clients[0].socket.disconnect()
    await account.connect("agent", url=url)


async def test_tcp_connections_without_a_request_are_limited_for_each_address(
    account: Account, web_settings: Settings
) -> None:
    async with running(replace(web_settings, max_sockets_per_address=4), name="tcp") as (url, _):
        host, port = url.removeprefix("http://").split(":")

        async def open_silent(source: str = "127.0.0.1") -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
            return await asyncio.open_connection(host, int(port), local_addr=(source, 0))

        limited = value("hummdesk_limited_total", limit="tcp_connections")
        agent = await account.connect("agent", url=url)  # a WebSocket is not counted
        opened = [await open_silent() for _ in range(5)]
        with suppress(ConnectionResetError):
            assert await opened[4][0].read() == b""
        assert value("hummdesk_limited_total", limit="tcp_connections") == limited + 1
        reader, writer = await open_silent("127.0.0.2")
        writer.write(b"GET /health/live HTTP/1.1\r\nHost: desk\r\n\r\n")
        assert (await reader.readline()).startswith(b"HTTP/1.1 200")
        writer.close()
        opened[0][1].close()
        async with asyncio.timeout(20):
            while not await _answers(*await open_silent()):
                pass
        await agent.do("get_teams")
        for _, silent in opened:
            silent.close()


async def _answers(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
    try:
        writer.write(b"GET /health/live HTTP/1.1\r\nHost: desk\r\nConnection: close\r\n\r\n")
        return bool(await reader.readline())
    except ConnectionError:
        return False
    finally:
        writer.close()
