"""Clients on both transports that connect from an address of their own, with the cookie of a proxy."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from typing import Any

import aiohttp
import orjson
from websockets.asyncio.client import connect
from yarl import URL

from tests.system.chaos.client import Client, Connection, Disconnected

COOKIE = "hummdesk"
SEPARATOR = "\x1e"


class PlacedClient(Client):
    """A client of one address of the proxy, from one address of this machine; `node`: of its last visit."""

    def __init__(self, address: str, token: str, conversations: Sequence[str], *, source: str, node: str) -> None:
        super().__init__([address], token, conversations)
        self.source = (source, 0)
        self.node = node

    async def _open(self, address: str) -> Connection:
        url = f"{address.replace('http', 'ws', 1)}/socket.io/?EIO=4&transport=websocket"
        options: dict[str, Any] = {"ping_interval": None, "compression": None, "max_size": None}
        headers = {"Cookie": f"{COOKIE}={self.node}"}
        return await connect(url, additional_headers=headers, local_addr=self.source, **options)


class PollingClient(PlacedClient):
    """A client that never upgrades. It keeps the cookies of the proxy, as a browser does."""

    _session: aiohttp.ClientSession | None = None

    async def _open(self, address: str) -> Connection:
        if self._session is None:
            jar = aiohttp.CookieJar(unsafe=True)  # also those of addresses without a name
            jar.update_cookies({COOKIE: self.node}, URL(address))
            connector = aiohttp.TCPConnector(local_addr=self.source)
            self._session = aiohttp.ClientSession(connector=connector, cookie_jar=jar)
        return await Polling.open(self._session, f"{address}/socket.io/?EIO=4&transport=polling")

    async def stop(self) -> None:
        await super().stop()
        if self._session is not None:
            await self._session.close()


class Polling:
    """A session of long polling, with the interface of a WebSocket."""

    def __init__(self, session: aiohttp.ClientSession, url: str, first: list[str]) -> None:
        self._session, self._url, self._first = session, url, first
        self._poll: asyncio.Task[list[str]] | None = None
        self._sending = asyncio.Lock()
        self._is_over = False

    @classmethod
    async def open(cls, session: aiohttp.ClientSession, url: str) -> "Polling":
        packets = await _request(session, "GET", url)
        return cls(session, f"{url}&sid={orjson.loads(packets[0][1:])['sid']}", packets)

    @property
    def transport(self) -> "Polling":
        return self

    async def __aiter__(self) -> AsyncIterator[str]:
        for packet in self._first:
            yield packet
        while not self._is_over:
            self._poll = asyncio.create_task(_request(self._session, "GET", self._url))
            await asyncio.wait([self._poll])
            if self._poll.cancelled():
                return
            for packet in self._poll.result():
                yield packet

    async def send(self, message: str) -> None:
        async with self._sending:
            await _request(self._session, "POST", self._url, message)

    async def close(self) -> None:
        self.abort()

    def abort(self) -> None:
        self._is_over = True
        if self._poll is not None:
            self._poll.cancel()


async def _request(session: aiohttp.ClientSession, method: str, url: str, body: str | None = None) -> list[str]:
    """Return the packets of the answer. Raises Disconnected if the session is unknown or nothing answers."""
    try:
        async with session.request(method, url, data=body) as response:
            text = await response.text()
    except aiohttp.ClientError:
        raise Disconnected from None
    if response.status != 200:
        raise Disconnected
    return text.split(SEPARATOR)
