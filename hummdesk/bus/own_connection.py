"""A connection for frequent commands."""

import asyncio
from collections.abc import Iterable
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


class OwnConnection:
    """Sends commands on a connection that it keeps, one request at a time.

    The work of the client around each command (taking a connection, packing in Python, a task and two timers) costs
    more than the command.
    """

    def __init__(self, redis: Redis, *, timeout: float = COMMAND_SECONDS) -> None:
        """`timeout`, in seconds, limits each attempt of `request`."""
        self._pool: Any = redis.connection_pool  # its stubs give unions over every protocol and decoding
        self._timeout = timeout
        self._connection: Any = None

    async def request(self, *commands: Command) -> list[Any]:
        """Send all commands at once; return their answers, without decoding. Raises RedisError for the first error.

        A request that fails because of the connection is repeated once: it may have been closed while it was idle, and
        a process that was stopped finds all its deadlines passed.
        """
        try:
            answers = await self._in_time(commands)
        except (*LOST, exceptions.TimeoutError):
            answers = await self._in_time(commands)
        if refused := next((answer for answer in answers if isinstance(answer, exceptions.ResponseError)), None):
            raise refused
        return answers

    async def exchange(self, commands: Iterable[Command]) -> list[Any]:
        """Send all commands once; return their answers, and in place of an answer the error that Redis answers.

        The caller limits the time. A connection that fails, or whose caller is cancelled, is closed.
        """
        packed = [_pack(command) for command in commands]
        try:
            connection = self._connection or await self._connect()
            await connection.send_packed_command(packed)
            return [await _answer(connection) for _ in packed]
        except BaseException:
            await self._disconnect()
            raise

    async def close(self) -> None:
        await self._disconnect()

    async def _in_time(self, commands: Iterable[Command]) -> list[Any]:
        try:
            async with asyncio.timeout(self._timeout):
                return await self.exchange(commands)
        except TimeoutError:
            raise exceptions.TimeoutError("Redis does not answer") from None

    async def _connect(self) -> Any:
        self._connection = await self._pool.get_connection()
        self._connection.socket_timeout = None  # with it, each write is a task
        return self._connection

    async def _disconnect(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            await connection.disconnect(nowait=True)
            await self._pool.release(connection)


async def _answer(connection: Any) -> Any:
    try:
        return await connection.read_response()
    except exceptions.ResponseError as error:
        return error
