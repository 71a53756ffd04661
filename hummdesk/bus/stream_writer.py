"""Writes events to the stream: in every process, also in those without sockets."""

import asyncio
import logging
from collections import defaultdict, deque
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass, field, replace
from pathlib import Path
from time import monotonic, time
from typing import Any, Literal
from uuid import UUID, uuid4

from redis.asyncio import Redis
from redis.exceptions import NoScriptError

from hummdesk.bus.client import REDIS_ERRORS
from hummdesk.bus.envelope import Envelope, pack
from hummdesk.bus.shards import SHARDS, Shard, shard_of
from hummdesk.core.background import end, soon

log = logging.getLogger(__name__)

Fetch = Callable[[Envelope, int], Awaitable[list[Envelope]]]
"""(the last message that is held, a `seq`) -> the messages between the two, in order."""
Kind = Literal["", "once", "next", "far", "forced"]

SCRIPT = (Path(__file__).parent / "append.lua").read_text()
RETRY_SECONDS = 0.25
BATCH = 500
"""Events in one entry at the most."""

BATCH_BYTES = 1 << 18
"""No entry grows after it has so many: it is delivered as a whole, to sockets that wait for their clients."""

BACKLOG = 50_000
"""Events of one shard kept while Redis is away; past it the oldest go, and clients are told to resynchronize."""

ENTRY_SECONDS = 600
MARK_SECONDS = 3600
"""How long what was published is known by its mark; a repeat comes within minutes."""

HOLD_SECONDS = 1.0
"""A message waits so long for the one before it; then that is looked up."""
FIRST_TRY_SECONDS, LAST_TRY_SECONDS = 0.005, 0.1


@dataclass(frozen=True, slots=True)
class _Item:
    """`seq` counts for a message only, `mark` for what has one."""

    envelope: Envelope
    packed: bytes
    kind: Kind
    mark: str = ""
    seq: int = 0
    written: asyncio.Future[None] = field(default_factory=asyncio.Future)


@dataclass(slots=True)
class _Held:
    """Messages of one conversation that wait for one that another process publishes, in order."""

    items: dict[int, _Item] = field(default_factory=dict)
    since: float = field(default_factory=monotonic)
    last: int = -2
    delay: float = FIRST_TRY_SECONDS
    is_timed: bool = False

    def wait_for(self, last: int, *, patiently: bool) -> None:
        """The message after this one. `patiently`, for who cannot look it up: anew with each that comes meanwhile."""
        if last != self.last:
            self.last, self.delay = last, FIRST_TRY_SECONDS
            if patiently:
                self.since = monotonic()

    def in_order(self) -> list[_Item]:
        return [self.items[seq] for seq in sorted(self.items)]


@dataclass(slots=True)
class _Lane:
    """What is to be written to one shard. Every write has a number; one whose answer got lost is repeated with it."""

    shard: Shard
    waiting: deque[_Item] = field(default_factory=deque)
    writer: str = ""
    number: int = 0
    wrote_at: float = float("-inf")
    has_lost: bool = False

    def put(self, item: _Item) -> None:
        if len(self.waiting) >= BACKLOG:
            self.waiting.popleft().written.cancel()
            self.has_lost = True
        self.waiting.append(item)

    def take(self) -> "_Write":
        if monotonic() - self.wrote_at > MARK_SECONDS / 2:  # Redis may have forgotten the writer's number
            self.writer, self.number = uuid4().hex, 0
        self.number, self.wrote_at = self.number + 1, monotonic()
        has_lost, self.has_lost = self.has_lost, False
        return _Write(self.shard, self.writer, self.number, self._gathered(), has_lost)

    def _gathered(self) -> list[_Item]:
        items: list[_Item] = []
        size = 0
        while self.waiting and len(items) < BATCH and size < BATCH_BYTES:
            items.append(self.waiting.popleft())
            size += len(items[-1].packed)
        return items


@dataclass(frozen=True, slots=True)
class _Write:
    shard: Shard
    writer: str
    number: int
    items: list[_Item]
    has_lost: bool

    def keys(self) -> list[str]:
        marks = [self.shard.mark(item.mark) for item in self.items if item.kind]
        return [self.shard.stream, self.shard.tip, self.shard.writer(self.writer), *marks]

    def arguments(self, length: int) -> list[Any]:
        head = [self.number, length, ENTRY_SECONDS, MARK_SECONDS, time(), int(self.has_lost)]
        return head + [part for item in self.items for part in (item.kind, item.seq, item.packed)]


class StreamWriter:
    """Publishes events in the order in which they were given, one write a shard for all of a tick of the loop.

    More is gathered while a write is in flight, and what Redis does not take is kept and tried again, so that storing
    a message never waits for Redis. Of a conversation's messages, which two processes may publish the wrong way round,
    one that comes early is held until the one before it is in the stream.
    """

    def __init__(self, redis: Redis, *, length: int, fetch: Fetch | None = None) -> None:
        """`length` bounds each shard in entries."""
        self._redis: Any = redis  # its stubs give unions over every protocol and decoding
        self._length = length
        self._fetch = fetch
        self._lanes = [_Lane(Shard(number)) for number in range(SHARDS)]
        self._held: dict[UUID, _Held] = {}
        self._digest: str | None = None
        self._flusher: asyncio.Task[None] | None = None
        self._is_closed = False
        self._idle = asyncio.Event()
        self._idle.set()

    def emit(self, envelope: Envelope) -> asyncio.Future[None]:
        """Publish an event. Return a future: done when Redis has stored the event, cancelled if it was dropped."""
        item = _item(envelope)
        held = self._held.get(envelope.place.conversation_id) if envelope.place else None
        if held is not None:
            held.items[item.seq] = item
        else:
            self._put([item])
        return item.written

    async def settle(self, *, timeout: float) -> bool:
        """Wait until everything is published, at most `timeout` seconds; tells whether it is."""
        try:
            async with asyncio.timeout(timeout):
                await self._idle.wait()
        except TimeoutError:
            return False
        return True

    async def close(self) -> None:
        """Publish nothing any more; a message that still waits for another one is left to `sync`."""
        self._is_closed = True
        if self._flusher is not None:
            await end(self._flusher)
        await self._redis.aclose()

    def _put(self, items: Iterable[_Item]) -> None:
        for item in items:
            self._lane(item.envelope.account_id).put(item)
            self._idle.clear()
        if (self._flusher is None or self._flusher.done()) and not self._is_closed:
            self._flusher = asyncio.create_task(self._flush())

    def _lane(self, account_id: UUID) -> _Lane:
        return self._lanes[shard_of(account_id).number]

    async def _flush(self) -> None:
        while writes := [lane.take() for lane in self._lanes if lane.waiting]:
            for write, answer in zip(writes, await self._write(writes), strict=True):
                self._look_at(write, answer)
        if not self._held:
            self._idle.set()

    async def _write(self, writes: list[_Write]) -> list[str]:
        """Write, and try again until Redis has it all."""
        while True:
            try:
                return await self._execute(writes)
            except NoScriptError:
                self._digest = None
            except REDIS_ERRORS as fault:
                log.warning("the event stream cannot be written", extra={"fault": type(fault).__name__})
                await asyncio.sleep(RETRY_SECONDS)

    async def _execute(self, writes: list[_Write]) -> list[str]:
        if self._digest is None:
            self._digest = await self._redis.script_load(SCRIPT)
        calls = [(len(keys := write.keys()), *keys, *write.arguments(self._length)) for write in writes]
        if len(calls) == 1:  # a pipeline would be a sixth of what a lone event costs on its way to a socket
            return [(await self._redis.evalsha(self._digest, *calls[0])).decode()]
        async with self._redis.pipeline(transaction=False) as pipeline:
            for call in calls:
                pipeline.evalsha(self._digest, *call)
            return [answer.decode() for answer in await pipeline.execute()]

    # Messages that come before the one before them ---------------------------------------------------------------

    def _look_at(self, write: _Write, answer: str) -> None:
        """Hold what came too early; let go of what has been waited for."""
        pairs = (refused.split(":") for refused in answer.split(",") if refused)
        early = {int(index): int(last) for index, last in pairs}
        concerned: dict[UUID, list[tuple[_Item, int | None]]] = defaultdict(list)
        for index, item in enumerate(write.items):
            if index not in early and not item.written.done():
                item.written.set_result(None)
            place = item.envelope.place
            if place is not None and (index in early or place.conversation_id in self._held):
                concerned[place.conversation_id].append((item, early.get(index)))
        for conversation_id, answers in concerned.items():
            self._sort(conversation_id, answers)

    def _sort(self, conversation_id: UUID, answers: list[tuple[_Item, int | None]]) -> None:
        held = self._held.setdefault(conversation_id, _Held())
        for item, last in answers:
            if last is None:
                held.items.pop(item.seq, None)
            else:
                held.items[item.seq] = item
                held.wait_for(last, patiently=self._fetch is None)
        if any(last is not None for _, last in answers):
            self._try_later(conversation_id, held)
        else:
            del self._held[conversation_id]
            self._put(held.in_order())

    def _try_later(self, conversation_id: UUID, held: _Held) -> None:
        if not held.is_timed:
            held.is_timed = True
            asyncio.get_running_loop().call_later(held.delay, self._try_again, conversation_id, held)
            held.delay = min(2 * held.delay, LAST_TRY_SECONDS)

    def _try_again(self, conversation_id: UUID, held: _Held) -> None:
        held.is_timed = False
        if self._held.get(conversation_id) is not held:
            return
        if monotonic() - held.since < HOLD_SECONDS:
            self._put(held.in_order())
        else:
            soon(self._look_up(conversation_id, held))

    async def _look_up(self, conversation_id: UUID, held: _Held) -> None:
        """Publish what has been waited for in vain, from PostgreSQL, and then what waited for it."""
        held.since = monotonic()
        waiting = held.in_order()
        after = held.last if held.last >= 0 else waiting[0].seq - 2  # what came last is not known: one message
        try:
            missing = await self._fetch(waiting[-1].envelope, after) if self._fetch else []
        except Exception as fault:
            log.warning("a missing message cannot be looked up", extra={"fault": type(fault).__name__})
            self._try_later(conversation_id, held)
            return
        for envelope in missing:
            item = _item(envelope)
            held.items.setdefault(item.seq, item)
        self._put(_forced(held.in_order()))


def _forced(items: list[_Item]) -> list[_Item]:
    """Up to the first gap: what comes after it waits for what another process holds."""
    return [replace(item, kind="forced") if item.seq == items[0].seq + n else item for n, item in enumerate(items)]


def _item(envelope: Envelope) -> _Item:
    packed = pack(envelope)
    if envelope.place is not None:
        place = envelope.place
        kind: Kind = "next" if place.has_recent_predecessor else "far"
        return _Item(envelope, packed, kind, str(place.conversation_id), place.seq)
    if envelope.key is not None:
        return _Item(envelope, packed, "once", envelope.key)
    return _Item(envelope, packed, "")
