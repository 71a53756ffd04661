"""Commands and scripts of a process: those of one tick take one round trip to Redis.

redis-py's client gives each command a task, timers and measurements of its own, which cost several times as much as the
command.
"""

import asyncio
import hashlib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import hiredis
from redis.asyncio import Redis
from redis.asyncio.connection import AbstractConnection
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import NoScriptError, ResponseError

from hummdesk.bus.client import COMMAND_SECONDS, connect, raising_unavailable
from hummdesk.core.batching import Batcher
from hummdesk.core.errors import Unavailable

BATCH = 200
"""Commands in one round trip, each of at most 50 KB: see MAX_JOINED in server/sockets.py."""

Argument = str | bytes | int | float
Command = tuple[Argument, ...]
Build = Callable[[], Command]
"""Makes a command when it is sent."""
LOST = (RedisConnectionError, RuntimeError)
"""Raised for a connection that was closed while it was idle. RuntimeError is uvloop's."""


class Commands:
    """A connection to Redis. It sends one batch at a time; its commands are repeated if it was lost."""

    def __init__(self, redis: Redis, *, timeout: float) -> None:
        """`timeout`, in seconds, limits each round trip."""
        self._redis = redis
        self._timeout = timeout
        self._connection: AbstractConnection | None = None
        self._batcher: Batcher[Build, Any] = Batcher(self._execute, max_items=BATCH)

    @classmethod
    def of(cls, url: str, *, timeout: float = COMMAND_SECONDS) -> "Commands":
        return cls(connect(url, timeout=timeout), timeout=timeout)

    async def run(self, *command: Argument) -> Any:
        """Return the answer as Redis sends it. Raises Unavailable, or redis-py's ResponseError."""
        return await self._batcher.submit(lambda: command)

    async def run_built(self, build: Build) -> Any:
        """As `run`, with a large command that is not to wait in its packed form while Redis is slow."""
        return await self._batcher.submit(build)

    async def close(self) -> None:
        """Close the connection, once nothing waits for it. Several users may share and close it."""
        await self._batcher.drain()
        await self._disconnect()
        await self._redis.aclose()

    async def _execute(self, batch: list[Build]) -> list[Any]:
        packed = b"".join([hiredis.pack_command(build()) for build in batch])  # type: ignore[arg-type]  # its stub: tuple[T]
        try:
            async with raising_unavailable(), asyncio.timeout(self._timeout):
                try:
                    return await self._exchange(packed, len(batch))
                except LOST:
                    return await self._exchange(packed, len(batch))
        except TimeoutError:
            raise Unavailable from None

    async def _exchange(self, packed: bytes, answers: int) -> list[Any]:
        try:
            connection = self._connection or await self._connect()
            await connection.send_packed_command([packed])
            return [await _answer(connection) for _ in range(answers)]
        except BaseException:
            await self._disconnect()
            raise

    async def _connect(self) -> AbstractConnection:
        pool: Any = self._redis.connection_pool  # untyped
        connection: AbstractConnection = await pool.get_connection()
        connection.socket_timeout = None  # `_execute` limits the time of all together
        self._connection = connection
        return connection

    async def _disconnect(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            await connection.disconnect(nowait=True)
            await self._redis.connection_pool.release(connection)


class Script:
    """A script of Redis, from a file beside this module."""

    def __init__(self, commands: Commands, name: str) -> None:
        self._commands = commands
        self._text = Path(__file__).with_name(f"{name}.lua").read_text()
        self._digest = hashlib.sha1(self._text.encode(), usedforsecurity=False).hexdigest()

    async def __call__(self, *, keys: Sequence[str], args: Sequence[Argument]) -> Any:
        """Run the script. Redis loads it if it does not have it. Raises Unavailable."""
        return await self.run_built(keys, lambda: args)

    async def run_built(self, keys: Sequence[str], build: Callable[[], Sequence[Argument]]) -> Any:
        """As a call, with arguments that are made when they are sent."""
        try:
            return await self._commands.run_built(lambda: ("EVALSHA", self._digest, len(keys), *keys, *build()))
        except NoScriptError:
            return await self._commands.run_built(lambda: ("EVAL", self._text, len(keys), *keys, *build()))


async def _answer(connection: AbstractConnection) -> Any:
    """Return the next answer, or the error that Redis answers."""
    try:
        return await connection.read_response()
    except ResponseError as error:
        return error
