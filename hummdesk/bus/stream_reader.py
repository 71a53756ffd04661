"""Reads the shards of the stream that a web process needs, each from where it was."""

import asyncio
import logging
from bisect import bisect_left
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from functools import partial
from itertools import pairwise
from time import monotonic, time
from typing import Any
from uuid import UUID

from redis import exceptions
from redis.asyncio import Redis

from hummdesk.bus.client import REDIS_ERRORS
from hummdesk.bus.envelope import Event, unpack
from hummdesk.bus.shards import START, Shard, moment, shard_of
from hummdesk.core.background import end
from hummdesk.core.metrics import BUS_LAG_SECONDS

log = logging.getLogger(__name__)

Deliver = Callable[[Event], object]
Lost = Callable[[Shard], object]
Drained = Callable[[], Awaitable[object]]

BLOCK_SECONDS = 2.0
RETRY_SECONDS = 0.25
BATCH = 500
"""Entries in one read at the most."""

BEGIN_SECONDS = 1.0
"""A socket waits so long for the first word of its shard. If Redis is away, it is told to come back later."""

STEP_BYTES = 1 << 18
"""So much of a backlog is delivered at once."""

KEPT_ENTRIES = 5000
"""Entries of a shard kept for those who come back: a longer absence is not made good from here."""


@dataclass(frozen=True, slots=True)
class Entry:
    """What one writer gathered in one tick; `previous` is the entry before it, or nothing if events were lost there."""

    id: str
    previous: str
    at: float
    events: tuple[Event, ...]

    @classmethod
    def from_redis(cls, entry_id: bytes, values: Iterable[bytes]) -> "Entry":
        """`values`: of its fields, as append.lua orders them."""
        previous, at, *packed = values
        name, last = entry_id.decode(), len(packed) - 1
        events = (unpack(one, offset=name if place == last else f"{name}.{place}") for place, one in enumerate(packed))
        return cls(name, previous.decode(), float(at), tuple(events))


class ShardReader:
    """Delivers what comes into one shard, and keeps the last of it."""

    def __init__(
        self, redis: Redis, shard: Shard, *, deliver: Deliver, drained: Drained, lost: Lost, keep_seconds: float
    ) -> None:
        self.shard = shard
        self.position = ""
        """The last entry that was delivered, or that was there before; empty while Redis has not said where it is."""
        self.lag_seconds = 0.0
        """Between the publication and the delivery of the last entry; 0 when nothing waits."""
        self._redis: Any = redis  # its stubs give unions over every protocol and decoding
        self._connection: Any = None
        self._deliver = deliver
        self._drained = drained
        self._lost = lost
        self._keep_seconds = keep_seconds
        self._kept: list[Entry] = []
        self._has_begun = asyncio.Event()
        self._is_late = False
        """Sockets went on without a word of Redis: what it says later is not the beginning."""
        self._is_sure = False
        self._extending = asyncio.Lock()
        self._read_at = monotonic()
        self._task = asyncio.create_task(self._run())

    async def begin(self) -> None:
        """Return when whatever is published from now on will be delivered, or known as lost."""
        if self._has_begun.is_set():
            return
        try:
            async with asyncio.timeout(BEGIN_SECONDS):
                await self._has_begun.wait()
        except TimeoutError:
            self._go_on_without()

    async def stop(self) -> None:
        await end(self._task)
        if self._connection is not None:
            await self._redis.connection_pool.release(self._connection)

    def is_current(self) -> bool:
        """Whether Redis answered within the last two blocking reads."""
        return monotonic() - self._read_at < 2 * BLOCK_SECONDS + 1

    async def _run(self) -> None:
        while True:
            try:
                if not self._is_sure:
                    await self._find_place()
                await self._read()
            except REDIS_ERRORS as fault:
                self._is_sure = False
                log.warning("the event stream cannot be read", extra={"fault": type(fault).__name__})
                self._go_on_without()
                await asyncio.sleep(RETRY_SECONDS)

    def _go_on_without(self) -> None:
        self._is_late = self._is_late or not self.position
        self._has_begun.set()

    async def _find_place(self) -> None:
        """Where the stream ends, at first; after a failure, whether Redis still has what was read."""
        tip = (await self._redis.get(self.shard.tip) or START.encode()).decode()
        if not self.position and not self._is_late:
            self.position = tip
        elif not self.position or moment(tip) < moment(self.position):
            self._lose(tip)
        self._is_sure = True
        self._has_begun.set()

    def _lose(self, position: str) -> None:
        log.warning("events were lost", extra={"shard": self.shard.number})
        self.position = position
        self._kept.clear()
        self._lost(self.shard)

    async def _read(self) -> None:
        try:
            answer = await self._ask()
        except (exceptions.ConnectionError, exceptions.TimeoutError):  # closed while idle, or this process stood still
            answer = await self._ask()
        self._read_at = monotonic()
        if not answer:
            self._measure(0.0)
        passed = 0
        for _, entries in answer or ():
            for entry_id, fields in entries:
                self._pass(Entry.from_redis(entry_id, fields[1::2]))
                await asyncio.sleep(0)
                passed += sum(map(len, fields))
                if passed > STEP_BYTES:
                    await self._drained()
                    passed = 0

    async def _ask(self) -> Any:
        """What XREAD says: nothing, or for the stream its next entries as (id, names and values in turn).

        On a connection of its own: what the client does around each command costs more than the answer.
        """
        if self._connection is None:
            self._connection = await self._redis.connection_pool.get_connection()
        block = int(BLOCK_SECONDS * 1000)
        await self._connection.send_command(
            "XREAD", "COUNT", BATCH, "BLOCK", block, "STREAMS", self.shard.stream, self.position
        )
        return await self._connection.read_response()

    def _pass(self, entry: Entry) -> None:
        """Without an await, so that between two entries every socket has heard all up to the position."""
        if entry.previous != self.position:
            self._lose(entry.previous)
        for event in entry.events:
            try:
                self._deliver(event)
            except Exception:
                log.exception("an event was not delivered", extra={"event_name": event.event})
        self.position = entry.id
        self._keep(entry)
        self._measure(max(0.0, time() - entry.at))

    def _measure(self, lag: float) -> None:
        self.lag_seconds = lag
        BUS_LAG_SECONDS.labels(self.shard.number).set(lag)

    # What was missed --------------------------------------------------------------------------------------------------

    def _keep(self, entry: Entry) -> None:
        self._kept.append(entry)
        oldest = moment(entry.id)[0] - self._keep_seconds * 1000
        if len(self._kept) > 2 * KEPT_ENTRIES or moment(self._kept[0].id)[0] < oldest - self._keep_seconds * 1000:
            recent = bisect_left(self._kept, (oldest, 0), key=lambda kept: moment(kept.id))
            del self._kept[: max(recent, len(self._kept) - KEPT_ENTRIES)]

    async def reach(self, entry_id: str, place: int | None) -> bool:
        """Have all ready that `after` is asked for; False if that is too much, or Redis has not kept all of it."""
        async with self._extending:
            if self._since(entry_id, place) is not None:
                return True
            older = await self._older(entry_id)
            if not older or older[-1].id != self._beginning():
                return False
            self._kept[:0] = older
            return self._since(entry_id, place) is not None

    def after(self, entry_id: str, place: int | None) -> list[Event] | None:
        """The events after one (`place` in its entry, None is the last), or None if not all of them are ready."""
        start = self._since(entry_id, place)
        if start is None:
            return None
        found = [event for entry in self._kept[start:] for event in entry.events]
        return found if place is None else [*self._kept[start - 1].events[place + 1 :], *found]

    def _beginning(self) -> str:
        """The entry before those that are kept."""
        return self._kept[0].previous if self._kept else self.position

    def _since(self, entry_id: str, place: int | None) -> int | None:
        """Where the kept entries after this one begin; None if they are not all there, or it is not and is needed."""
        start = bisect_left(self._kept, moment(entry_id), key=lambda kept: moment(kept.id))
        if start < len(self._kept) and self._kept[start].id == entry_id:
            return start + 1
        return 0 if start == 0 and place is None and self._beginning() == entry_id else None

    async def _older(self, entry_id: str) -> list[Entry]:
        """The entries from one to the first that is kept; none if Redis does not have all of them, or too many."""
        before, first = self._beginning(), entry_id
        found: list[Entry] = []
        while before and len(found) <= KEPT_ENTRIES:
            raw = await self._redis.xrange(self.shard.stream, min=first, max=before, count=BATCH)
            found += [Entry.from_redis(entry_id, fields.values()) for entry_id, fields in raw]
            if len(raw) < BATCH:
                break
            first = f"({found[-1].id}"
        whole = all(later.previous == earlier.id for earlier, later in pairwise(found))
        return found if whole and len(found) <= KEPT_ENTRIES else []


async def at_once() -> None:
    """For those without sockets."""


class StreamReader:
    def __init__(
        self, redis: Redis, *, deliver: Deliver, drained: Drained = at_once, lost: Lost, keep_seconds: float
    ) -> None:
        """
        `deliver`: gets every event of the shards that are read.
        `drained`: waited for in the middle of a backlog, that no socket gets more of it at once than it can take.
        `lost`: hears of a shard of which Redis has lost events that were not delivered, before those after them are.
        `keep_seconds`: what came so long ago is kept for those who come back.
        """
        self._redis: Any = redis
        self._new_reader = partial(
            ShardReader, redis, deliver=deliver, drained=drained, lost=lost, keep_seconds=keep_seconds
        )
        self._readers: dict[Shard, ShardReader] = {}
        self._unneeded: set[Shard] = set()

    async def follow(self, account_id: UUID) -> ShardReader:
        """Read what is for an account, from now on at the latest."""
        shard = shard_of(account_id)
        if shard not in self._readers:
            self._readers[shard] = self._new_reader(shard)
        self._unneeded.discard(shard)
        reader = self._readers[shard]
        await reader.begin()
        return reader

    def position(self, account_id: UUID) -> str:
        """How far an account's events have been delivered; empty if nobody knows."""
        reader = self._readers.get(shard_of(account_id))
        return reader.position if reader else ""

    def lag_seconds(self, account_id: UUID) -> float:
        """How late the last events of an account's shard were delivered here."""
        reader = self._readers.get(shard_of(account_id))
        return reader.lag_seconds if reader else 0.0

    async def rest(self, accounts: Iterable[UUID]) -> None:
        """Stop reading the shards of which no account was needed now, nor when this was called before."""
        idle = self._readers.keys() - {shard_of(account) for account in accounts}
        ended = [self._readers.pop(shard) for shard in idle & self._unneeded]
        self._unneeded = idle - self._unneeded
        for reader in ended:
            BUS_LAG_SECONDS.labels(reader.shard.number).set(0)
            await reader.stop()

    async def stop(self) -> None:
        for reader in self._readers.values():
            await reader.stop()
        await self._redis.aclose()

    def is_current(self) -> bool:
        return all(reader.is_current() for reader in self._readers.values())
