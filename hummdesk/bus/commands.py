"""Commands and scripts of a process: those of one tick take one round trip to Redis.

redis-py's client gives each command a task, timers and measurements of its own, which cost several times as much as the
command.
"""

import asyncio
import hashlib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from redis.asyncio import Redis
from redis.exceptions import NoScriptError

from hummdesk.bus.client import COMMAND_SECONDS, connect, raising_unavailable
from hummdesk.bus.own_connection import LOST, Argument, Command, OwnConnection
from hummdesk.core.batching import Batcher
from hummdesk.core.errors import Unavailable

BATCH = 200
"""Commands in one round trip, each of at most 50 KB: see MAX_JOINED in server/sockets.py."""

Build = Callable[[], Command]
"""Makes a command when it is sent."""


class Commands:
    """A connection to Redis. It sends one batch at a time; its commands are repeated if it was lost."""

    def __init__(self, redis: Redis, *, timeout: float) -> None:
        """`timeout`, in seconds, limits each round trip."""
        self._redis = redis
        self._timeout = timeout
        self._connection = OwnConnection(redis)
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
        await self._connection.close()
        await self._redis.aclose()

    async def _execute(self, batch: list[Build]) -> list[Any]:
        commands = [build() for build in batch]
        try:
            async with raising_unavailable(), asyncio.timeout(self._timeout):
                try:
                    return await self._connection.exchange(commands)
                except LOST:
                    return await self._connection.exchange(commands)
        except TimeoutError:
            raise Unavailable from None


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
