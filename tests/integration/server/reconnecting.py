"""A client of bare packets, which keeps what the official one keeps to come back: sid, pid, and the last offset."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
import orjson

from tests.integration.server.accounts import Account, Client

PATIENCE_SECONDS = 15.0


class Returning:
    """One connection. What came before CONNECT is in `missed`."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        self._socket = socket
        self.sid = self.pid = self.offset = ""
        self.missed: list[tuple[str, Any]] = []
        self.received: list[tuple[str, Any]] = []
        self.offsets: list[str] = []
        self._acks = 0

    async def hello(self, auth: dict[str, Any]) -> None:
        await self._socket.send_str("40" + orjson.dumps(auth).decode())

    async def read(self) -> str:
        """Take one packet in; pings are answered."""
        async with asyncio.timeout(PATIENCE_SECONDS):
            frame = await self._socket.receive()
        assert frame.type is aiohttp.WSMsgType.TEXT, frame
        text = str(frame.data)
        if text == "2":
            await self._socket.send_str("3")
        elif text.startswith("40"):
            welcome = orjson.loads(text[2:])
            self.sid, self.pid = welcome["sid"], welcome.get("pid", "")
        elif text.startswith("42"):
            self._take(*orjson.loads(text[2:]))
        return text

    def _take(self, event: str, payload: Any, *offset: str) -> None:
        self.offsets += offset
        if offset:
            self.offset = offset[-1]
        (self.received if self.sid else self.missed).append((event, payload))

    async def receives(self, event: str, **fields: Any) -> Any:
        """The first event of this name and with these fields that was received and not yet asked for."""
        while True:
            for place, (name, payload) in enumerate(self.received):
                if name == event and all(payload.get(key) == value for key, value in fields.items()):
                    return self.received.pop(place)[1]
            await self.read()

    async def do(self, event: str, payload: Any = None) -> Any:
        self._acks += 1
        await self._socket.send_str(f"42{self._acks}" + orjson.dumps([event, payload]).decode())
        head = f"43{self._acks}["
        while not (text := await self.read()).startswith(head):
            pass
        (answer,) = orjson.loads(text[len(head) - 1 :])
        assert answer["ok"], answer
        return answer

    async def ends(self) -> None:
        """Read until the server has closed it; events are received."""
        async with asyncio.timeout(PATIENCE_SECONDS):
            while (frame := await self._socket.receive()).type is aiohttp.WSMsgType.TEXT:
                if frame.data.startswith("42"):
                    self._take(*orjson.loads(frame.data[2:]))

    async def leave(self) -> None:
        """Say farewell, as `socket.disconnect()`."""
        await self._socket.send_str("41")
        await self._socket.close()

    def cut(self) -> None:
        """Lose the TCP connection without a word."""
        connection = self._socket._response.connection
        assert connection is not None
        assert connection.transport is not None
        connection.transport.abort()

    def messages(self) -> list[str]:
        """The texts of the messages that were missed."""
        return [payload["content"] for event, payload in self.missed if event == "new_message"]


class Front:
    """The connections of one person's client, one after the other."""

    def __init__(self, session: aiohttp.ClientSession) -> None:
        self._session = session

    async def connect(self, url: str, token: str | None, **claim: str) -> Returning:
        connection = await self._open(url)
        await connection.hello(claim | ({"token": token} if token else {}))
        while not connection.sid:
            await connection.read()
        return connection

    async def _open(self, url: str) -> Returning:
        connection = Returning(await self._session.ws_connect(f"{url}/socket.io/?EIO=4&transport=websocket"))
        await connection.read()
        return connection

    async def back(self, url: str, token: str | None, lost: Returning, **other: str) -> Returning:
        """Connect as the client that has lost a connection; `other` changes what it says."""
        return await self.connect(url, token, **({"pid": lost.pid, "offset": lost.offset} | other))

    async def claim_and_cut(self, url: str, token: str, lost: Returning) -> None:
        """Ask for what the client had, and lose this connection, too, before the answer."""
        connection = await self._open(url)
        await connection.hello({"pid": lost.pid, "offset": lost.offset, "token": token})
        connection.cut()


@asynccontextmanager
async def front() -> AsyncIterator[Front]:
    async with aiohttp.ClientSession() as session:
        yield Front(session)


async def say(account: Account, sender: Client, content: str, **more: Any) -> None:
    await sender.do("send_message", {"conversationId": str(account.conversation), "content": content, **more})
    await sender.receives("new_message", content=content)
