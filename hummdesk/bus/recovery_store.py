"""What a socket needs to come back, in Redis: kept while it is connected, since its process may be killed, and after.

It is claimed once. A client that is cut again before it hears that it is back claims it again, as soon as the process
that is giving it back notices. What a killed process has left can be claimed within the window after it was last heard
of.
"""

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import UUID

import orjson
from redis.asyncio import Redis

from hummdesk.bus.presence import NODES
from hummdesk.bus.shards import FAULTS
from hummdesk.core.background import soon
from hummdesk.core.errors import Unavailable

CONNECTED_SECONDS = 3600
"""How long it is kept for a connected socket; it is kept anew before that."""

CLAIM_LOOKS = 20
CLAIM_LOOK_SECONDS = 0.05
"""How often, and at which distance, to look again at what is being given back to another claim."""

IS_TAKEN = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class RecoverableSession:
    """A socket: whose it is, and its rooms, with the place in the stream at which it entered each."""

    sid: str
    account_id: UUID
    person_id: UUID
    rooms: dict[str, str]
    joined: list[UUID]

    @classmethod
    def from_json(cls, packed: bytes) -> "RecoverableSession":
        fields = orjson.loads(packed)
        ids = {name: UUID(fields[name]) for name in ("account_id", "person_id")}
        return cls(**(fields | ids | {"joined": [UUID(one) for one in fields["joined"]]}))


class RecoveryStore:
    def __init__(self, redis: Redis, *, node: str, window_seconds: float, report_seconds: float) -> None:
        """`report_seconds`: how often a living node reports itself."""
        self._redis: Any = redis  # its stubs give unions over every protocol and decoding
        self._node = node
        self._window_seconds = window_seconds
        self._window_milliseconds = int(window_seconds * 1000)
        self._report_seconds = report_seconds
        self._leave = redis.register_script((Path(__file__).parent / "recovery_leave.lua").read_text())
        self._claim = redis.register_script((Path(__file__).parent / "recovery_claim.lua").read_text())
        self._waiting: list[tuple[Callable[[Any], Any], asyncio.Future[Any]]] = []
        self._is_writing = False

    async def close(self) -> None:
        await self._redis.aclose()

    async def keep(self, pid: str, absent: RecoverableSession) -> None:
        """Raises Unavailable."""
        value = self._node.encode() + b" " + orjson.dumps(absent)
        await self._do(lambda redis: redis.set(_key(pid), value, ex=CONNECTED_SECONDS))

    async def leave(self, pid: str) -> bool:
        """The socket has gone; False if it is at another node meanwhile. Raises Unavailable."""
        arguments: list[str | int] = [self._node, self._window_milliseconds]
        return bool(await self._do(lambda redis: self._leave(keys=[_key(pid)], args=arguments, client=redis)))

    async def drop(self, pid: str) -> None:
        """It may not come back. Raises Unavailable."""
        await self._do(lambda redis: redis.delete(_key(pid)))

    async def claim(self, pid: str) -> RecoverableSession | None:
        """What was kept, to one caller; None if there is nothing, or not any more. Raises Unavailable."""
        kept = await self._take(pid, even_if_connected=True)
        looks = 0
        while kept == IS_TAKEN and looks < CLAIM_LOOKS:
            await asyncio.sleep(CLAIM_LOOK_SECONDS)
            kept = await self._take(pid, even_if_connected=False)
            looks += 1
        if kept in (None, IS_TAKEN):
            return None
        node, _, packed = kept.partition(b" ")
        if node and not await self._was_alive(node.decode()):
            return None
        return RecoverableSession.from_json(packed)

    async def _take(self, pid: str, *, even_if_connected: bool) -> Any:
        arguments: list[str | int] = [self._node, self._window_milliseconds, int(even_if_connected)]
        return await self._do(lambda redis: self._claim(keys=[_key(pid)], args=arguments, client=redis))

    async def _was_alive(self, node: str) -> bool:
        """Whether a node that has not said that its socket left was there within the window."""
        report = await self._do(lambda redis: redis.hget(NODES, node))
        return (
            report is not None
            and time.time() - orjson.loads(report)["at"] < self._window_seconds + self._report_seconds
        )

    async def _do(self, command: Callable[[Any], Any]) -> Any:
        """The answer to a command, in one pipeline with those of the same tick."""
        answer = asyncio.get_running_loop().create_future()
        self._waiting.append((command, answer))
        if not self._is_writing:
            self._is_writing = True
            soon(self._write())
        return await answer

    async def _write(self) -> None:
        while self._waiting:
            waiting, self._waiting = self._waiting, []
            try:
                async with self._redis.pipeline(transaction=False) as pipeline:
                    for command, _ in waiting:
                        await command(pipeline)
                    answers = await pipeline.execute()
            except FAULTS as fault:
                for _, answer in waiting:
                    if not answer.done():
                        answer.set_exception(_unavailable(fault))
            else:
                for (_, answer), value in zip(waiting, answers, strict=True):
                    if not answer.done():
                        answer.set_result(value)
        self._is_writing = False


def _key(pid: str) -> str:
    return f"hummdesk:absence:{pid}"


def _unavailable(fault: Exception) -> Unavailable:
    unavailable = Unavailable()
    unavailable.__cause__ = fault
    return unavailable
