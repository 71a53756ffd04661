"""A connection for frequent commands."""

import asyncio
from collections.abc import Sequence
from typing import Any

import hiredis
from redis import exceptions
from redis.asyncio import Redis

from hummdesk.bus.client import COMMAND_SECONDS

Command = Sequence[str | bytes | int | float]
_pack: Any = hiredis.pack_command  # its stub takes tuples of one only


class OwnConnection:
    """Sends commands on a connection that it keeps, with one timeout for all of a request.

    The work of the client around each command (taking a connection, packing in Python, a task and two timers) costs
    more than the command.
    """

    def __init__(self, redis: Redis, *, timeout: float = COMMAND_SECONDS) -> None:
        self._pool: Any = redis.connection_pool  # its stubs give unions over every protocol and decoding
        self._timeout = timeout
        self._connection: Any = None

    async def request(self, *commands: Command) -> list[Any]:
        """Send all commands at once; return their answers, without decoding. Raises RedisError for the first error.

        A request that fails because of the connection is repeated once: it may have been closed while it was idle, and
        a process that was stopped finds all its deadlines passed.
        """
        packed = [_pack(tuple(command)) for command in commands]
        try:
            return await self._attempt(packed)
        except (exceptions.ConnectionError, exceptions.TimeoutError):
            return await self._attempt(packed)

    async def close(self) -> None:
        if self._connection is not None:
            await self._pool.release(self._connection)
            self._connection = None

    async def _attempt(self, packed: list[bytes]) -> list[Any]:
        if self._connection is None:
            self._connection = await self._pool.get_connection()
            self._connection.socket_timeout = None  # with it, each write is a task
        try:
            async with asyncio.timeout(self._timeout):
                await self._connection.send_packed_command(packed)
                answers = [await self._answer() for _ in packed]
        except TimeoutError:
            await self._connection.disconnect(nowait=True)
            raise exceptions.TimeoutError("Redis does not answer") from None
        except BaseException:
            await self._connection.disconnect(nowait=True)
            raise
        if refused := next((answer for answer in answers if isinstance(answer, exceptions.ResponseError)), None):
            raise refused
        return answers

    async def _answer(self) -> Any:
        """Return the next answer; an error of Redis too, since those after it must be read."""
        try:
            return await self._connection.read_response()
        except exceptions.ResponseError as error:
            return error
