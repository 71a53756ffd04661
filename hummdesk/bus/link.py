"""An open connection to one server, read by an asyncio protocol."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Protocol

import hiredis
from redis import exceptions

Dial = Callable[[], Awaitable[Any]]
"""Returns an open connection of redis-py without `socket_timeout`, with which each write is a task."""

INCOMPLETE = object()


class Link(Protocol):
    """Sends commands and returns their answers, one exchange at a time. After an error it must be closed."""

    async def exchange(self, packed: Sequence[bytes], timeout: float) -> list[Any]:
        """Send packed commands at once; return their answers, and in place of an answer the error that Redis answers.

        Raises TimeoutError after `timeout` seconds, and ConnectionError for a lost connection, for an answer that
        says that the server does not take commands, and for a server that is no longer a master.
        """

    async def close(self) -> None: ...


Open = Callable[[], Awaitable[Link]]


class ProtocolLink(asyncio.Protocol):
    """Takes a connection over from redis-py, which has opened it: its streams take twice the CPU time of an exchange.

    Depends on private members of redis-py's connection: `_writer` and `_parser`.
    """

    def __init__(self, connection: Any) -> None:
        self._connection = connection
        self._reader = hiredis.Reader(
            protocolError=exceptions.InvalidResponse,
            replyError=connection._parser.parse_error,
            notEnoughData=INCOMPLETE,
        )
        self._answers: list[Any] = []
        self._missing = 0
        self._received: asyncio.Future[list[Any]] | None = None
        self._transport: asyncio.Transport = connection._writer.transport
        self._transport.set_protocol(self)

    @classmethod
    async def open(cls, dial: Dial) -> "ProtocolLink":
        return cls(await dial())

    async def exchange(self, packed: Sequence[bytes], timeout: float) -> list[Any]:
        if self._transport.is_closing():
            raise exceptions.ConnectionError("the connection is closed")
        loop = asyncio.get_running_loop()
        self._answers, self._missing = [], len(packed)
        received: asyncio.Future[list[Any]] = loop.create_future()
        self._received = received
        timer = loop.call_later(timeout, self._fail, TimeoutError())
        try:
            self._transport.write(packed[0] if len(packed) == 1 else b"".join(packed))
            return await received
        finally:
            timer.cancel()
            self._received = None

    async def close(self) -> None:
        await self._connection.disconnect(nowait=True)

    def data_received(self, data: bytes) -> None:
        if not self._missing:  # it would count as the answer to the next command
            self._transport.abort()
            return
        try:
            self._reader.feed(data)
            while self._missing:
                answer = self._reader.gets()
                if answer is INCOMPLETE:
                    return
                self._answers.append(_checked(answer) if isinstance(answer, Exception) else answer)
                self._missing -= 1
            if self._reader.has_data():
                raise exceptions.InvalidResponse("Redis has sent more answers than there were commands")
        except exceptions.RedisError as error:
            self._fail(error)
            return
        if self._received is not None and not self._received.done():
            self._received.set_result(self._answers)

    def connection_lost(self, _: Exception | None) -> None:
        self._fail(exceptions.ConnectionError("the server has closed the connection"))

    def _fail(self, error: Exception) -> None:
        if self._received is not None and not self._received.done():
            self._received.set_exception(error)


def _checked(error: Exception) -> Exception:
    """Return an error that is the answer to a command. Raises ConnectionError for one about the server."""
    if isinstance(error, exceptions.ReadOnlyError):
        raise exceptions.ConnectionError(f"this server is a replica: {error}") from error
    if not isinstance(error, exceptions.ResponseError):
        raise error
    return error
