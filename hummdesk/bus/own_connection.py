"""A connection for frequent commands."""

import asyncio
from collections.abc import Callable, Sequence
from typing import Any

import hiredis
from redis import exceptions
from redis.asyncio import Redis

from hummdesk.bus.client import COMMAND_SECONDS

Argument = str | bytes | int | float
Command = tuple[Argument, ...]
LOST = (exceptions.ConnectionError, RuntimeError)
"""Raised for a connection that was closed while it was idle. RuntimeError is uvloop's."""

_pack: Any = hiredis.pack_command  # its stub takes tuples of one only
pack: Callable[[Command], bytes] = _pack
"""Returns a command as it is sent. Raises UnicodeEncodeError for a text with a lone surrogate."""


class OwnConnection:
    """Sends commands on a connection that it keeps, one request at a time.

    The work of the client around each command (taking a connection, packing in Python, a task and two timers) costs
    more than the command.
    """

    def __init__(self, redis: Redis, *, timeout: float = COMMAND_SECONDS) -> None:
        """`timeout`, in seconds, limits each attempt."""
        self._pool: Any = redis.connection_pool  # its stubs give unions over every protocol and decoding
        self._timeout = timeout
        self._connection: Any = None
        self._client_timeout: float | None = None
        """The timeout of the connection in its pool."""

    async def request(self, *commands: Command) -> list[Any]:
        """Send all commands at once; return their answers, without decoding. Raises RedisError for the first error."""
        answers = await self.exchange([pack(command) for command in commands])
        if refused := next((answer for answer in answers if isinstance(answer, exceptions.ResponseError)), None):
            raise refused
        return answers

    async def exchange(self, packed: Sequence[bytes]) -> list[Any]:
        """Send packed commands at once; return their answers, and in place of an answer the error that Redis answers.

        An attempt that fails because of the connection is repeated once: it may have been closed while it was idle, and
        a process that was stopped finds all its deadlines passed.
        """
        try:
            return await self._attempt(packed)
        except (*LOST, exceptions.TimeoutError):
            return await self._attempt(packed)

    async def close(self) -> None:
        await self._disconnect()

    async def _attempt(self, packed: Sequence[bytes]) -> list[Any]:
        """Close a connection that fails, or whose caller is cancelled: its next answer is to an earlier command."""
        try:
            async with asyncio.timeout(self._timeout):
                connection = self._connection or await self._connect()
                await connection.send_packed_command(packed)
                return [await _answer(connection) for _ in packed]
        except TimeoutError:
            await self._disconnect()
            raise exceptions.TimeoutError("Redis does not answer") from None
        except BaseException:
            await self._disconnect()
            raise

    async def _connect(self) -> Any:
        self._connection = await self._pool.get_connection()
        self._client_timeout = self._connection.socket_timeout
        self._connection.socket_timeout = None  # with it, each write is a task
        return self._connection

    async def _disconnect(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.socket_timeout = self._client_timeout
            await connection.disconnect(nowait=True)
            await self._pool.release(connection)


async def _answer(connection: Any) -> Any:
    try:
        return await connection.read_response()
    except exceptions.ResponseError as error:
        return error
