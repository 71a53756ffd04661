"""A receiver of webhooks, on a port of this machine, that verifies what it gets."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from standardwebhooks import Webhook

from hummdesk.core import background

Answer = Callable[["Received"], Awaitable[bytes]]

OK = b"HTTP/1.1 204 No Content\r\n\r\n"


@dataclass(frozen=True, slots=True)
class Received:
    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def event(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.body)
        return found

    @property
    def number(self) -> int:
        return int(self.event["number"])

    def verify(self, secret: str) -> dict[str, Any]:
        """Return the event. Raises WebhookVerificationError."""
        found: dict[str, Any] = Webhook(secret).verify(self.body.decode(), self.headers)
        return found


async def accept(_: Received) -> bytes:
    return OK


def status(number: int, *headers: str) -> Answer:
    """Answer with this HTTP status."""
    lines = "".join(f"{header}\r\n" for header in headers)

    async def answer(_: Received) -> bytes:
        return f"HTTP/1.1 {number} Status\r\n{lines}Content-Length: 0\r\n\r\n".encode()

    return answer


@dataclass
class Receiver:
    """Records each request; `answer` decides about the response."""

    url: str = ""
    answer: Answer = accept
    requests: list[Received] = field(default_factory=list)
    accepted: list[Received] = field(default_factory=list)
    """Requests that were answered with a status of 2xx."""
    connections: set[asyncio.Task[None]] = field(default_factory=set)
    open_now: int = 0
    most_open: int = 0
    _server: asyncio.Server | None = None
    _is_stopped: bool = False
    _port: int = 0
    _changed: asyncio.Condition = field(default_factory=asyncio.Condition)

    async def until(self, condition: Callable[["Receiver"], object], *, seconds: float = 15.0) -> None:
        """Wait until a condition holds that requests change."""
        async with asyncio.timeout(seconds), self._changed:
            await self._changed.wait_for(lambda: condition(self))

    def numbers(self) -> list[int]:
        """The numbers of the accepted events, in the order of their first arrival."""
        return list(dict.fromkeys(one.number for one in self.accepted))

    async def start(self) -> None:
        """Listen, again on the same port."""
        self._is_stopped = False  # before the server listens: connections may come before `start_server` returns
        self._server = await asyncio.start_server(self.connect, "127.0.0.1", self._port)
        self._port = self._server.sockets[0].getsockname()[1]
        self.url = f"http://127.0.0.1:{self._port}/hook"

    async def stop(self) -> None:
        """Close the port and all connections, also those that the event loop has accepted and not handed over yet."""
        self._is_stopped = True
        server, self._server = self._server, None
        if server is not None:
            server.close()
        await background.end(*self.connections)

    def connect(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serve a connection; its task ends with the receiver."""
        if self._is_stopped:
            writer.transport.abort()
            return
        task = asyncio.ensure_future(self.serve(reader, writer))
        self.connections.add(task)
        task.add_done_callback(self.connections.discard)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.open_now += 1
        self.most_open = max(self.most_open, self.open_now)
        try:
            received = await _read(reader)
            self.requests.append(received)
            await self._notify()
            response = await self._answer(received, reader)
            if response.startswith(b"HTTP/1.1 2"):
                self.accepted.append(received)
            writer.write(response)
            await writer.drain()
        except (OSError, asyncio.IncompleteReadError):
            pass
        finally:
            self.open_now -= 1
            writer.close()
            await self._notify()

    async def _answer(self, received: Received, reader: asyncio.StreamReader) -> bytes:
        """The answer; nothing if the sender closes the connection before."""
        answering = asyncio.ensure_future(self.answer(received))
        closing = asyncio.ensure_future(reader.read(1))
        await asyncio.wait({answering, closing}, return_when=asyncio.FIRST_COMPLETED)
        closing.cancel()
        if answering.done():
            return answering.result()
        answering.cancel()
        return b""

    async def _notify(self) -> None:
        async with self._changed:
            self._changed.notify_all()


@asynccontextmanager
async def receiving() -> AsyncIterator[Receiver]:
    receiver = Receiver()
    await receiver.start()
    try:
        yield receiver
    finally:
        await receiver.stop()


async def _read(reader: asyncio.StreamReader) -> Received:
    head = (await reader.readuntil(b"\r\n\r\n")).decode()
    request, *lines = head.strip().split("\r\n")
    headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines)}
    body = await reader.readexactly(int(headers.get("content-length", "0")))
    return Received(request.split(" ")[1], headers, body)
