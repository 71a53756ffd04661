"""Commands and scripts of a process: those of one tick take one round trip to Redis.

redis-py's client gives each command a task, timers and measurements of its own, which cost several times as much as the
command.
"""

import asyncio
import hashlib
import re
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Sequence
from itertools import islice
from pathlib import Path
from time import monotonic
from typing import Any, NamedTuple

from redis.exceptions import (
    ClusterDownError,
    MovedError,
    NoScriptError,
    OutOfMemoryError,
    RedisError,
    ResponseError,
    TryAgainError,
)

from hummdesk.bus.client import connect
from hummdesk.bus.own_connection import COMMAND_SECONDS, Argument, Command, Connection, Key, pack
from hummdesk.bus.slots import key_of
from hummdesk.bus.unavailable import is_unavailable, raising_unavailable
from hummdesk.core.batching import Batcher
from hummdesk.core.errors import Unavailable

BATCH = 200
"""Commands in one round trip. The largest save a session, of at most 50 KB: see MAX_JOINED in server/sockets.py."""
WAIT_SECONDS = 5.0
"""Longest wait of a command for those before it, when Redis answers slowly."""

TEMPORARY = (ClusterDownError, TryAgainError, MovedError, OutOfMemoryError)
REFUSED = re.compile(r"\b(BUSY|MISCONF|NOREPLICAS|OOM)\b")
"""Codes of a server that refuses commands until its state changes; the text of a script's error contains them, too."""

Build = Callable[[], Command]
"""Makes a command when it is sent."""


class _Waiting(NamedTuple):
    """A command that waits to be sent; of a script, also its text."""

    build: Build
    script: str | None
    since: float

    def pack(self) -> tuple[bytes, Key] | Exception:
        """Return the packed command and a key, or the error that it alone fails with: nothing of it was sent."""
        try:
            command = self.build()
            return pack(command), key_of(command)
        except Exception as error:
            return error


class _Sent(NamedTuple):
    packed: bytes
    key: Key
    script: str | None


class Commands:
    """A connection to Redis. It sends one batch at a time; its commands are repeated if it was lost.

    A command that waits while a batch fails, or for WAIT_SECONDS, fails without being sent: however many wait while
    Redis does not answer, none waits longer than the two attempts of one batch.
    """

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._batcher: Batcher[_Waiting, Any] = Batcher(self._execute, max_items=BATCH, fails_waiting=is_unavailable)

    @classmethod
    def of(cls, url: str, *, timeout: float = COMMAND_SECONDS) -> "Commands":
        """`timeout`, in seconds, limits each attempt of a round trip; there are two."""
        return cls(connect(url, timeout=timeout))

    async def run(self, *command: Argument) -> Any:
        """Return the answer as Redis sends it. Raises Unavailable, or redis-py's ResponseError."""
        return await self.run_built(lambda: command)

    async def run_built(self, build: Build, *, script: str | None = None) -> Any:
        """As `run`, for a large command: it is built when it is sent, so that it takes no memory while it waits.

        `script` is the text of the script that an EVALSHA runs: it is loaded if Redis does not have it.
        """
        return await self._batcher.submit(_Waiting(build, script, monotonic()))

    async def run_all(self, commands: Iterable[Command]) -> list[Any]:
        """Run commands in one round trip for each BATCH of them; return the answers. Raises as `run`."""
        found: list[Any] = []
        for some in batched(commands, BATCH):
            found += await asyncio.gather(*(self.run(*command) for command in some))
        return found

    async def scan(self, pattern: str) -> AsyncIterator[bytes]:
        """Yield the keys that match a pattern, some of them perhaps twice. Raises Unavailable."""
        scanning = self._connection.another()
        try:
            async with raising_unavailable():
                for master in await scanning.masters():
                    cursor = b"0"
                    while True:
                        [[cursor, keys]] = await master.request(("SCAN", cursor, "MATCH", pattern, "COUNT", BATCH))
                        for key in keys:
                            yield key
                        if cursor == b"0":
                            break
        finally:
            await scanning.close()

    async def close(self) -> None:
        """Close the connection, once no command waits or the current batch has failed. Several users may close it."""
        await self._batcher.drain()
        await self._connection.close()

    async def _execute(self, batch: list[_Waiting]) -> list[Any]:
        oldest = monotonic() - WAIT_SECONDS
        built = [one.pack() if one.since >= oldest else Unavailable() for one in batch]
        sent = [
            _Sent(*one, waiting.script) for one, waiting in zip(built, batch, strict=True) if isinstance(one, tuple)
        ]
        async with raising_unavailable():
            answers = iter(await self._send(sent))
        return [_result(next(answers)) if isinstance(one, tuple) else one for one in built]

    async def _send(self, commands: list[_Sent]) -> list[Any]:
        """Return the answers. If Redis has lost scripts, load them and repeat the commands from the first refused one.

        No command is overtaken by a later one of the same key: the first answer of one that was not refused is valid.
        """
        if not commands:
            return []
        packed, keys = [one.packed for one in commands], [one.key for one in commands]
        answers = await self._connection.exchange(packed, keys)
        refused = [index for index, answer in enumerate(answers) if isinstance(answer, NoScriptError)]
        if refused:
            missing = dict.fromkeys((commands[index].script, commands[index].key) for index in refused)
            loads = [(pack(("SCRIPT", "LOAD", text)), key) for text, key in missing if text is not None]
            first = refused[0]
            repeated = await self._connection.exchange(
                [*(load for load, _ in loads), *packed[first:]], [*(key for _, key in loads), *keys[first:]]
            )
            for index in refused:
                answers[index] = repeated[len(loads) + index - first]
        return answers


def _result(answer: Any) -> Any:
    """Return the answer, or Unavailable if the server failed, or refuses commands like this one for a time."""
    if not isinstance(answer, RedisError) or (isinstance(answer, ResponseError) and not _is_temporary(answer)):
        return answer
    unavailable = Unavailable()
    unavailable.__cause__ = answer
    return unavailable


def _is_temporary(error: ResponseError) -> bool:
    return isinstance(error, TEMPORARY) or REFUSED.search(str(error)) is not None


def batched(commands: Iterable[Command], size: int) -> Iterator[list[Command]]:
    remaining = iter(commands)
    while some := list(islice(remaining, size)):
        yield some


class Script:
    """A script of Redis, from a file beside this module. It declares its keys, all in one slot of a cluster."""

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
