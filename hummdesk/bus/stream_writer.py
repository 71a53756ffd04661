"""Appends events to the stream, from every kind of process."""

import asyncio
import hashlib
import logging
from collections import defaultdict, deque
from collections.abc import Awaitable, Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from time import monotonic, time
from typing import Any, Literal
from uuid import UUID, uuid4

from redis import exceptions

from hummdesk.bus.commands import Commands
from hummdesk.bus.delivery_position import AppendedEntry
from hummdesk.bus.envelope import Envelope, OrderKey, pack
from hummdesk.bus.ordering import FetchMissing, MessageOrder, Result, WaitFor, WriteNow
from hummdesk.bus.own_connection import Command, Connection
from hummdesk.bus.own_connection import pack as pack_command
from hummdesk.bus.shards import SHARDS, Shard, ShardMap
from hummdesk.bus.splitting import MARK_SECONDS, ShardSplitter
from hummdesk.bus.unavailable import REDIS_ERRORS
from hummdesk.core.background import end, soon
from hummdesk.core.errors import Unavailable
from hummdesk.core.metrics import EVENTS_DROPPED

log = logging.getLogger(__name__)

Fetch = Callable[[UUID, OrderKey, int], Awaitable[list[Envelope]]]
"""(account, position of a held message, a `seq`) -> the messages after the `seq` and before the held one, in order."""
OnAppended = Callable[[Shard, AppendedEntry], object]
Kind = Literal["", "once", "next", "far", "forced"]
"""How append.lua treats an event: "once" deduplicates it by its mark; the last three order a message by its `seq`."""

SCRIPT = (Path(__file__).parent / "append.lua").read_text()
DIGEST = hashlib.sha1(SCRIPT.encode(), usedforsecurity=False).hexdigest()
REFUSED = b"shards "
"""Begins the answer to a write to a shard that was split; the number of all shards follows, and whether Redis has lost
an earlier write."""
RETRY_SECONDS = 0.25
BATCH = 500
"""Events in one entry."""

BATCH_BYTES = 1 << 18
"""An entry ends with the event that reaches this size: it is delivered as a whole, to sockets that are buffered."""

SHARD_BYTES = 1 << 25
BACKLOG_BYTES = 1 << 26
HELD_PART = 8
"""Messages held for their predecessor take at most this part of the backlog."""

ITEM_BYTES = 700
"""Memory of an event that waits, beside its packed form."""

ENTRY_SECONDS = 600


@dataclass(frozen=True, slots=True)
class _Item:
    """An event to be appended. Its mark and `seq` matter for some kinds only."""

    account_id: UUID
    packed: bytes
    kind: Kind
    mark: str = ""
    order: OrderKey | None = None
    stored: asyncio.Future[None] = field(default_factory=asyncio.Future)

    @property
    def seq(self) -> int:
        return self.order.seq if self.order is not None else 0

    @property
    def size(self) -> int:
        return ITEM_BYTES + len(self.packed)


@dataclass(slots=True)
class _Lane:
    """The queue of one shard. Writes are numbered; a write whose answer was lost is repeated with its number."""

    shard: Shard
    queue: deque[_Item] = field(default_factory=deque)
    bytes: int = 0
    writer: str = ""
    number: int = 0
    wrote_at: float = float("-inf")
    has_lost: bool = False
    is_due: bool = False
    """A write follows even without an event: it announces the epoch, or shows whether Redis has the last write."""
    begins: bool = False
    """The next write is the first one in the first epoch of the process."""
    unanswered: "_Write | None" = None
    """The write that Redis has not confirmed."""
    retry_at: float = float("-inf")
    """Until then it is not repeated."""
    inherits: bool = False
    """The shard was split from another one, whose marks count."""
    made_at: float = field(default_factory=monotonic)
    """When this process learned of the shard, on the monotonic clock."""

    def put(self, item: _Item) -> None:
        self.queue.append(item)
        self.bytes += item.size

    def drop(self) -> None:
        """Drop the oldest event."""
        self._next().stored.cancel()
        self.has_lost = True
        EVENTS_DROPPED.labels("backlog").inc()

    def drop_committed(self) -> None:
        """Drop the events that were committed in an earlier epoch."""
        self.queue = deque(_without_committed(self.queue))
        self.bytes = sum(item.size for item in self.queue)

    def _next(self) -> _Item:
        item = self.queue.popleft()
        self.bytes -= item.size
        return item

    def next_write(self, epoch: int, shards: int) -> "_Write":
        """Return the write that was not confirmed, else the next one."""
        if self.unanswered is None:
            self.unanswered = self._take(epoch, shards)
        return self.unanswered

    def take_back(self, write: "_Write", *, is_outdated: bool) -> list[_Item]:
        """Take back a write that Redis has refused, and return all events, in order.

        What it would have announced is to be announced again, with or without an event. `is_outdated`: PostgreSQL has
        entered a newer epoch since.
        """
        self.unanswered, self.number, self.is_due = None, self.number - 1, True
        self.has_lost = self.has_lost or write.has_lost
        self.begins = self.begins or (write.begins and not is_outdated)
        items = [*(_without_committed(write.items) if is_outdated else write.items), *self.queue]
        self.queue.clear()
        self.bytes = 0
        return items

    def _take(self, epoch: int, shards: int) -> "_Write":
        if monotonic() - self.wrote_at > MARK_SECONDS / 2:  # the writer's number may have expired in Redis
            self.writer, self.number = uuid4().hex, 0
        self.number, self.wrote_at = self.number + 1, monotonic()
        has_lost, self.has_lost, self.is_due = self.has_lost, False, False
        begins, self.begins = self.begins, False
        return _Write(
            self.shard, self.writer, self.number, self._take_batch(), has_lost, epoch, begins, shards, self.inherits
        )

    def _take_batch(self) -> list[_Item]:
        items: list[_Item] = []
        size = 0
        while self.queue and len(items) < BATCH and size < BATCH_BYTES:
            items.append(self._next())
            size += len(items[-1].packed)
        return items


@dataclass(frozen=True, slots=True)
class _Write:
    shard: Shard
    writer: str
    number: int
    items: list[_Item]
    has_lost: bool
    epoch: int
    begins: bool
    """In the first epoch of the process."""
    shards: int
    """The number of all shards at the last split of this one."""
    inherits: bool
    """The marks of the shard that this one was split from count."""
    at: float = field(default_factory=time)

    def marks(self, shard: Shard) -> list[str]:
        return [shard.mark(item.mark) for item in self.items if item.kind]

    def command(self, *, length: int, max_bytes: int, inherited: str) -> Command:
        shard, marks = self.shard, self.marks(self.shard)
        keys = [shard.stream, shard.tip, shard.writer(self.writer), shard.parts, shard.part_bytes, shard.epoch, *marks]
        numbers = (self.number, length, ENTRY_SECONDS, MARK_SECONDS, self.at, int(self.has_lost), max_bytes)
        head = (*numbers, self.epoch, int(self.begins), self.shards, inherited)
        events = (part for item in self.items for part in (item.kind, item.seq, item.packed))
        return ("EVALSHA", DIGEST, len(keys), *keys, *head, *events)


@dataclass(frozen=True, slots=True)
class _Answer:
    """What append.lua returned, by index; the values of `rejected` are those of `MessageOrder`."""

    entry_id: str
    previous: str
    repeats: set[int]
    rejected: dict[int, int]
    outdated: set[int]

    @classmethod
    def parsed(cls, answer: bytes) -> "_Answer":
        entry_id, previous, repeats, rejected, outdated = answer.decode().split(";")
        pairs = [one.split(":") for one in rejected.split(",")] if rejected else []
        return cls(
            entry_id,
            previous,
            set(map(int, repeats.split(","))) if repeats else set(),
            {int(index): int(last) for index, last in pairs},
            set(map(int, outdated.split(","))) if outdated else set(),
        )

    def entry(self, write: _Write) -> AppendedEntry | None:
        """Return the entry as it is in the stream; None if nothing was appended."""
        if not self.entry_id:
            return None
        left_out = self.repeats | self.rejected.keys() | self.outdated
        packed = [item.packed for index, item in enumerate(write.items) if index not in left_out]
        return AppendedEntry(id=self.entry_id, previous=self.previous, at=write.at, packed=packed)


class StreamWriter:
    """Appends events in the order of the calls, in one write for each shard and iteration of the event loop.

    Events that arrive during a write form the next one. Writes that fail are repeated until Redis has stored them, so
    storing a message never waits for Redis; writes to other shards, which may be on another server, do not wait for
    them. `MessageOrder` puts the messages of a conversation into the order of `seq`.

    This is not a `Batcher`: a shard's batch has a number, under which it is repeated as it was, rather than failing its
    callers; no caller need wait; and when the backlog is full, the oldest event of the largest shard is dropped. The
    relay publishes dropped messages, which are in the outbox; clients resynchronize because of other dropped events.
    """

    def __init__(
        self,
        connection: Connection,
        *,
        length: int,
        shard_bytes: int = SHARD_BYTES,
        backlog_bytes: int = BACKLOG_BYTES,
        fetch: Fetch | None = None,
    ) -> None:
        """
        `length`, `shard_bytes`: limits of each shard in Redis, in entries and in bytes.
        `backlog_bytes`: limit of the events that wait here while Redis is unavailable.
        `fetch`: returns messages that another process failed to publish.
        """
        self._length = length
        self._shard_bytes = shard_bytes
        self._backlog_bytes = backlog_bytes
        self._fetch = fetch
        self.on_appended: OnAppended | None = None
        """Called with each entry when Redis has stored it; it must not raise."""
        self._map = ShardMap()
        self._lanes = {shard: _Lane(shard) for shard in map(Shard, range(SHARDS))}
        self._order: MessageOrder[_Item] = MessageOrder(
            can_fetch=fetch is not None,
            size=lambda item: item.size,
            max_bytes=backlog_bytes // HELD_PART,
            on_drop=_drop_held,
        )
        self._epoch = 0
        self._valid_from = 0
        """Events that were committed in epochs before this one may be lost, if there was one."""
        self._connection = connection
        self._splitter = ShardSplitter(Commands(connection.another()))
        self._news = asyncio.Event()
        """Events have arrived while writes wait to be repeated."""
        self._flusher: asyncio.Task[None] | None = None
        self._is_closed = False
        self._idle = asyncio.Event()
        self._idle.set()

    def append(self, envelope: Envelope) -> asyncio.Future[None]:
        """Append an event. Return a future: done when Redis has stored the event, cancelled if it was dropped."""
        item = _item(envelope)
        if envelope.order is None or not self._order.hold(envelope.order.conversation_id, item.seq, item):
            self._put([item])
        return item.stored

    def enter(self, epoch: int, has_earlier: bool) -> None:
        """Append in this epoch from now on, and announce it in all shards: their readers discard what they have.

        Called before the first event of the epoch is appended.
        """
        self._epoch = epoch
        if has_earlier:
            self._valid_from = epoch
            self._order.clear()
        for lane in self._lanes.values():
            if has_earlier:
                lane.drop_committed()
            lane.is_due, lane.begins = True, not has_earlier
        self._start()

    def verify(self, shard: Shard) -> None:
        """Make readers notice if Redis has lost the last write to a shard, as a replica that was promoted may have."""
        lane = self._lanes.get(shard)
        if lane is not None and lane.number:
            lane.is_due = True
            self._start()

    async def drain(self, *, timeout: float) -> bool:
        """Wait until Redis has stored everything, at most `timeout` seconds; return whether it has."""
        try:
            async with asyncio.timeout(timeout):
                await self._idle.wait()
        except TimeoutError:
            return False
        return True

    async def close(self) -> None:
        """Stop writing. Messages that are still held reach clients by `sync`."""
        self._is_closed = True
        if self._flusher is not None:
            await end(self._flusher)
        await self._splitter.close()
        await self._connection.close()

    @property
    def backlog_bytes(self) -> int:
        """The memory of the events that wait to be written."""
        return sum(lane.bytes for lane in self._lanes.values())

    def _put(self, items: Iterable[_Item]) -> None:
        for item in items:
            lane = self._lanes[self._map.shard_of(item.account_id)]
            lane.put(item)
            self._idle.clear()
            self._news.set()
            if lane.bytes * len(self._lanes) > self._backlog_bytes:  # only then can the sum exceed it
                self._limit()
        self._start()

    def _start(self) -> None:
        if (self._flusher is None or self._flusher.done()) and not self._is_closed:
            self._flusher = asyncio.create_task(self._flush())

    def _limit(self) -> None:
        while self.backlog_bytes > self._backlog_bytes:
            max(self._lanes.values(), key=lambda lane: lane.bytes).drop()

    async def _flush(self) -> None:
        while busy := [one for one in self._lanes.values() if one.queue or one.unanswered is not None or one.is_due]:
            now = monotonic()
            self._news.clear()
            due = [lane for lane in busy if lane.retry_at <= now]
            if not due:
                await self._wait(min(lane.retry_at for lane in busy) - now)
                continue
            writes = [lane.next_write(self._epoch, self._map.number_of(lane.shard)) for lane in due]
            for lane, write, answer in zip(due, writes, await self._write(writes), strict=True):
                if not isinstance(answer, bytes):
                    lane.retry_at = monotonic() + RETRY_SECONDS
                elif answer.startswith(REFUSED):
                    number, _, lost = answer.removeprefix(REFUSED).partition(b";")
                    await self._refused(lane, write, int(number), has_lost=bool(lost))
                else:
                    lane.unanswered = None
                    self._confirm(write, _Answer.parsed(answer))
        if self._order.is_empty:
            self._idle.set()

    async def _wait(self, seconds: float) -> None:
        """Wait until a write is to be repeated, or events of another shard have arrived."""
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._news.wait()

    def _confirm(self, write: _Write, answer: _Answer) -> None:
        if answer.entry_id and not answer.previous:
            self._lost(write.shard)
        if self.on_appended is not None and (entry := answer.entry(write)) is not None:
            self.on_appended(write.shard, entry)
        self._record(write, answer)

    async def _write(self, writes: list[_Write]) -> list[bytes | Exception]:
        """Write once; return the answer to each, or its error."""
        inherited = await asyncio.gather(*map(self._inherited, writes))
        ready = [(write, marks) for write, marks in zip(writes, inherited, strict=True) if isinstance(marks, str)]
        sent = iter(await self._exchange(ready) if ready else [])
        answers = [next(sent) if isinstance(marks, str) else marks for marks in inherited]
        failed = {type(answer).__name__ for answer in answers if isinstance(answer, Exception)}
        for name in sorted(failed):
            log.warning("stream.write_failed", extra={"error": name})
        return answers

    async def _exchange(self, writes: list[tuple[_Write, str]]) -> list[bytes | Exception]:
        """Send writes with the marks that they inherit."""
        limits = {"length": self._length, "max_bytes": self._shard_bytes}
        packed = [pack_command(write.command(inherited=marks, **limits)) for write, marks in writes]
        keys = [write.shard.stream for write, _ in writes]
        try:
            answers: list[bytes | Exception] = await self._connection.exchange(packed, keys)
            if any(isinstance(answer, exceptions.NoScriptError) for answer in answers):
                answers = await self._repeat(packed, keys)
        except REDIS_ERRORS as error:
            answers = [error] * len(writes)
        return answers

    async def _repeat(self, packed: list[bytes], keys: list[str]) -> list[Any]:
        """Load the script, and repeat the writes: Redis answers those that it has stored as before."""
        load = pack_command(("SCRIPT", "LOAD", SCRIPT))
        answers = await self._connection.exchange([*[load] * len(keys), *packed], [*keys, *keys])
        return answers[len(keys) :]

    # Splits of shards ---------------------------------------------------------------------------------------------

    async def _refused(self, lane: _Lane, write: _Write, number: int, *, has_lost: bool) -> None:
        """Redis has split the shard since, or has lost a split that this process knows."""
        if number < write.shards:
            try:
                await self._splitter.restore(lane.shard, write.shards)
            except (*REDIS_ERRORS, Unavailable) as error:
                log.warning("stream.write_failed", extra={"error": type(error).__name__})
                lane.retry_at = monotonic() + RETRY_SECONDS
            return
        items = lane.take_back(write, is_outdated=write.epoch < self._valid_from)
        for shard in self._map.split(lane.shard, number):
            self._lanes[shard] = _Lane(shard, has_lost=lane.has_lost, begins=lane.begins, is_due=True, inherits=True)
        if has_lost:
            self._lost(lane.shard)
        for item in items:
            self._lanes[self._map.shard_of(item.account_id)].put(item)

    def _lost(self, shard: Shard) -> None:
        """Announce a loss in the shards that were split from this one as well: it may be from before the split.

        Earlier entries have expired.
        """
        for lane in self._lanes.values():
            if lane.shard != shard and lane.shard.origin == shard and monotonic() - lane.made_at < ENTRY_SECONDS:
                lane.has_lost = lane.is_due = True

    async def _inherited(self, write: _Write) -> str | Exception:
        """Return the marks of a write in the shard that its own was split from; none once they have expired."""
        shard = write.shard
        if not write.inherits or not (marks := write.marks(shard.origin)):
            return ""
        try:
            found = await self._splitter.split(shard.origin, shard.created_with, marks)
        except (*REDIS_ERRORS, Unavailable) as error:
            return error
        lane = self._lanes[shard]
        lane.inherits = bool(found.marks)
        if found.is_new:  # Redis had lost the split: other processes may have written to the shard of the marks since
            lane.has_lost = lane.is_due = True
        return found.marks

    # The order of messages ----------------------------------------------------------------------------------------

    def _record(self, write: _Write, answer: _Answer) -> None:
        """Resolve the futures of the stored events, and pass the results of messages to their order."""
        rejected_after = answer.rejected
        outdated = set(rejected_after) | answer.outdated if write.epoch < self._epoch else answer.outdated
        results: dict[UUID, list[Result[_Item]]] = defaultdict(list)
        for index, item in enumerate(write.items):
            if index in outdated:
                _drop_outdated(item)
                continue
            if index not in rejected_after and not item.stored.done():
                item.stored.set_result(None)
            order = item.order
            if order is not None and (index in rejected_after or self._order.is_holding(order.conversation_id)):
                results[order.conversation_id].append(Result(item.seq, item, rejected_after.get(index)))
        for conversation_id, of_conversation in results.items():
            self._act(conversation_id, self._order.record(conversation_id, of_conversation))

    def _act(self, conversation_id: UUID, action: WriteNow[_Item] | WaitFor | FetchMissing[_Item] | None) -> None:
        match action:
            case WriteNow(items, forced):
                self._put([*(replace(item, kind="forced") for item in items[:forced]), *items[forced:]])
            case WaitFor(seconds, hold):
                asyncio.get_running_loop().call_later(seconds, self._on_timer, conversation_id, hold)
            case FetchMissing():
                soon(self._fetch_missing(conversation_id, action))

    def _on_timer(self, conversation_id: UUID, hold: int) -> None:
        self._act(conversation_id, self._order.timer_fired(conversation_id, hold))

    async def _fetch_missing(self, conversation_id: UUID, missing: FetchMissing[_Item]) -> None:
        try:
            before, order = missing.before, missing.before.order
            found = await self._fetch(before.account_id, order, missing.after_seq) if self._fetch and order else []
        except Exception as error:
            log.warning("stream.fetch_failed", extra={"error": type(error).__name__})
            self._act(conversation_id, self._order.fetch_failed(conversation_id, missing.hold))
        else:
            items = {item.seq: item for item in map(_item, found)}
            beginnings = {seq for seq, item in items.items() if item.kind == "far"}
            action = self._order.fetched(conversation_id, missing.hold, items, beginnings=beginnings)
            self._act(conversation_id, action)


def _drop_held(item: _Item) -> None:
    item.stored.cancel()
    EVENTS_DROPPED.labels("held").inc()


def _without_committed(items: Iterable[_Item]) -> list[_Item]:
    """Drop the events that were committed in an earlier epoch: the relay publishes those that are not lost."""
    kept = []
    for item in items:
        if item.kind:
            _drop_outdated(item)
        else:
            kept.append(item)
    return kept


def _drop_outdated(item: _Item) -> None:
    item.stored.cancel()
    EVENTS_DROPPED.labels("outdated").inc()


def _item(envelope: Envelope) -> _Item:
    """The packed event without the payload, which takes several times as much memory."""
    account_id, packed, order = envelope.account_id, pack(envelope), envelope.order
    if order is not None:
        kind: Kind = "next" if order.has_pending_predecessor else "far"
        return _Item(account_id, packed, kind, str(order.conversation_id), order)
    if envelope.key is not None:
        return _Item(account_id, packed, "once", envelope.key)
    return _Item(account_id, packed, "")
