"""A client that reads bare packets and keeps what recovery needs, as the official one: sid, pid and last offset."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
import orjson

from tests.integration.server.accounts import Account, Client

PATIENCE_SECONDS = 60.0


class Connection:
    """One connection. `missed` are the events before CONNECT."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        self._socket = socket
        self.sid = self.pid = self.offset = ""
        self.missed: list[tuple[str, Any]] = []
        self.received: list[tuple[str, Any]] = []
        self.offsets: list[str] = []
        self._acks = 0

    async def send_connect(self, auth: dict[str, Any]) -> None:
        await self._socket.send_str("40" + orjson.dumps(auth).decode())

    async def read(self) -> str:
        """Read one packet, and answer it if it is a ping."""
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
        """Wait for the first event of this name and with these fields that was not returned before."""
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
        """Read until the server has closed the connection."""
        async with asyncio.timeout(PATIENCE_SECONDS):
            while (frame := await self._socket.receive()).type is aiohttp.WSMsgType.TEXT:
                if frame.data.startswith("42"):
                    self._take(*orjson.loads(frame.data[2:]))

    async def leave(self) -> None:
        """Disconnect permanently, as `socket.disconnect()`."""
        await self._socket.send_str("41")
        await self._socket.close()

    def cut(self) -> None:
        """Abort the TCP connection."""
        connection = self._socket._response.connection
        assert connection is not None
        assert connection.transport is not None
        connection.transport.abort()

    def messages(self) -> list[str]:
        """Return the texts of the missed messages."""
        return [payload["content"] for event, payload in self.missed if event == "new_message"]


class ReconnectingClient:
    """A client that connects several times in succession."""

    def __init__(self, session: aiohttp.ClientSession) -> None:
        self._session = session

    async def connect(self, url: str, token: str | None, **claim: str) -> Connection:
        connection = await self._open(url)
        await connection.send_connect(claim | ({"token": token} if token else {}))
        while not connection.sid:
            await connection.read()
        return connection

    async def _open(self, url: str) -> Connection:
        connection = Connection(await self._session.ws_connect(f"{url}/socket.io/?EIO=4&transport=websocket"))
        await connection.read()
        return connection

    async def reconnect(self, url: str, token: str | None, lost: Connection, **other: str) -> Connection:
        """Connect as the client that has lost a connection; `other` replaces parts of its claim."""
        return await self.connect(url, token, **({"pid": lost.pid, "offset": lost.offset} | other))

    async def claim_and_cut(self, url: str, token: str, lost: Connection) -> None:
        """Claim recovery, and abort this connection too before the answer."""
        connection = await self._open(url)
        await connection.send_connect({"pid": lost.pid, "offset": lost.offset, "token": token})
        connection.cut()


@asynccontextmanager
async def reconnecting_client() -> AsyncIterator[ReconnectingClient]:
    async with aiohttp.ClientSession() as session:
        yield ReconnectingClient(session)


async def send_text(account: Account, sender: Client, content: str, **more: Any) -> None:
    await sender.do("send_message", {"conversationId": str(account.conversation), "content": content, **more})
    await sender.receives("new_message", content=content)
