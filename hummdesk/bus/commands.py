"""Commands and scripts of a process: those of one tick take one round trip to Redis.

redis-py's client gives each command a task, timers and measurements of its own, which cost several times as much as the
command.
"""

import hashlib
from collections.abc import Callable, Sequence
from pathlib import Path
from time import monotonic
from typing import Any, NamedTuple

from redis.asyncio import Redis
from redis.exceptions import NoScriptError

from hummdesk.bus.client import COMMAND_SECONDS, connect, is_unavailable, raising_unavailable
from hummdesk.bus.own_connection import Argument, Command, OwnConnection, pack
from hummdesk.core.batching import Batcher
from hummdesk.core.errors import Unavailable

BATCH = 200
"""Commands in one round trip. The largest save a session, of at most 50 KB: see MAX_JOINED in server/sockets.py."""
WAIT_SECONDS = 5.0
"""Longest wait of a command for those before it, when Redis answers slowly."""

Build = Callable[[], Command]
"""Makes a command when it is sent."""


class _Waiting(NamedTuple):
    """A command that waits to be sent; of a script, also its text."""

    build: Build
    script: str | None
    since: float

    def pack(self) -> bytes | Exception:
        """Return the packed command, or the error that it alone fails with: nothing of it was sent."""
        try:
            return pack(self.build())
        except Exception as error:
            return error


class Commands:
    """A connection to Redis. It sends one batch at a time; its commands are repeated if it was lost.

    A command that waits while a batch fails, or for WAIT_SECONDS, fails without being sent: however many wait while
    Redis does not answer, none waits longer than the two attempts of one batch.
    """

    def __init__(self, redis: Redis, *, timeout: float) -> None:
        """`timeout`, in seconds, limits each attempt of a round trip; there are two."""
        self._redis = redis
        self._connection = OwnConnection(redis, timeout=timeout)
        self._batcher: Batcher[_Waiting, Any] = Batcher(self._execute, max_items=BATCH, fails_waiting=is_unavailable)

    @classmethod
    def of(cls, url: str, *, timeout: float = COMMAND_SECONDS) -> "Commands":
        return cls(connect(url, timeout=timeout), timeout=timeout)

    async def run(self, *command: Argument) -> Any:
        """Return the answer as Redis sends it. Raises Unavailable, or redis-py's ResponseError."""
        return await self.run_built(lambda: command)

    async def run_built(self, build: Build, *, script: str | None = None) -> Any:
        """As `run`, for a large command: it is built when it is sent, so that it takes no memory while it waits.

        `script` is the text of the script that an EVALSHA runs: it is loaded if Redis does not have it.
        """
        return await self._batcher.submit(_Waiting(build, script, monotonic()))

    async def close(self) -> None:
        """Close the connection, once no command waits or the current batch has failed. Several users may close it."""
        await self._batcher.drain()
        await self._connection.close()
        await self._redis.aclose()

    async def _execute(self, batch: list[_Waiting]) -> list[Any]:
        oldest = monotonic() - WAIT_SECONDS
        packed = [one.pack() if one.since >= oldest else Unavailable() for one in batch]
        sent = [(one, waiting.script) for one, waiting in zip(packed, batch, strict=True) if isinstance(one, bytes)]
        async with raising_unavailable():
            answers = iter(await self._send(sent))
        return [next(answers) if isinstance(one, bytes) else one for one in packed]

    async def _send(self, commands: list[tuple[bytes, str | None]]) -> list[Any]:
        """Return the answers. If Redis has lost scripts, load them and repeat the commands from the first refused one.

        No command is overtaken by a later one of the same key: the first answer of one that was not refused is valid.
        """
        if not commands:
            return []
        packed = [one for one, _ in commands]
        answers = await self._connection.exchange(packed)
        refused = [index for index, answer in enumerate(answers) if isinstance(answer, NoScriptError)]
        if refused:
            texts = dict.fromkeys(text for index in refused if (text := commands[index][1]) is not None)
            loads = [pack(("SCRIPT", "LOAD", text)) for text in texts]
            repeated = await self._connection.exchange([*loads, *packed[refused[0] :]])
            for index in refused:
                answers[index] = repeated[len(loads) + index - refused[0]]
        return answers


class Script:
    """A script of Redis, from a file beside this module."""

    def __init__(self, commands: Commands, name: str) -> None:
        self._commands = commands
        self._text = Path(__file__).with_name(f"{name}.lua").read_text()
        self._digest = hashlib.sha1(self._text.encode(), usedforsecurity=False).hexdigest()

    async def __call__(self, *, keys: Sequence[str], args: Sequence[Argument]) -> Any:
        """Run the script. Raises Unavailable."""
        return await self.run_built(keys, lambda: args)

    async def run_built(self, keys: Sequence[str], build: Callable[[], Sequence[Argument]]) -> Any:
        """As a call, with arguments that are made when they are sent."""
        return await self._commands.run_built(
            lambda: ("EVALSHA", self._digest, len(keys), *keys, *build()), script=self._text
        )
