"""Reads the shards of the event stream that a web process needs, each from its last position."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterable
from contextlib import suppress
from functools import partial
from itertools import pairwise
from time import monotonic, time
from typing import Any, Literal
from uuid import UUID

from hummdesk.bus.commands import Commands
from hummdesk.bus.delivery_position import AppendedEntry, Arrival, DeliveryPosition
from hummdesk.bus.envelope import Event
from hummdesk.bus.kept_entries import Entry, KeptEntries, KeptShard
from hummdesk.bus.own_connection import Connection
from hummdesk.bus.shards import START, Shard, ShardMap, moment
from hummdesk.bus.splitting import ShardSplitter, ShardState
from hummdesk.bus.unavailable import REDIS_ERRORS
from hummdesk.core.background import end
from hummdesk.core.errors import Unavailable
from hummdesk.core.metrics import BUS_LAG_SECONDS

log = logging.getLogger(__name__)

Deliver = Callable[[Event], object]
OnLoss = Callable[[Shard], object]
OnReconnected = Callable[[Shard], object]
OnSplit = Callable[[Shard, int, str], object]
"""(shard, number of all shards, id of the last entry before the split, or empty if it was not read)"""
Drain = Callable[[], Awaitable[object]]

BLOCK_SECONDS = 2.0
RETRY_SECONDS = 0.25
BATCH = 16
"""Entries in one read, each of at most 256 KiB and one event."""

BEGIN_SECONDS = 1.0
"""How long a socket waits for the first answer of Redis; without one, it is resynchronized later."""

PAUSE_SECONDS = 0.005
"""How long reading pauses while own entries are frequent, each of which would end a blocking read.

An entry of another process is delayed by at most this time, and only until the next own entry reveals it.
"""
OWN_FREQUENT_SECONDS = 0.01
"""Own entries are frequent if there were two within this time."""

KEEP_BYTES = 1 << 26
LOADED_PART = 4
"""Recovery loads at most this part of the bytes that a process keeps; a client that missed more is not recovered."""


class ShardReader:
    """Delivers the events of one shard, and keeps the latest for recovery."""

    def __init__(
        self,
        connection: Connection,
        commands: Commands,
        shard: Shard,
        *,
        deliver: Deliver,
        drain: Drain,
        on_loss: OnLoss,
        on_reconnected: OnReconnected,
        on_split: OnSplit,
        keep_seconds: float,
        memory: KeptEntries,
        loading: asyncio.Lock,
        after: "ShardReader | None" = None,
    ) -> None:
        """`after`: the reader of the shard that this one was split from, which has just read the split."""
        self.shard = shard
        self.number = shard.created_with
        """The number of all shards at the last split of this one."""
        self._position = DeliveryPosition()
        self._position.id = self._common = after.position if after else ""
        """`_common` is the last entry before the split that made this shard; empty for the first shards."""
        self.lag_seconds = 0.0
        """From the publication to the delivery of the last entry; 0 while there is no backlog."""
        self._lag_metric = BUS_LAG_SECONDS.labels(shard.number)
        self._connection = connection
        self._commands = commands
        """For commands while the connection waits for entries."""
        self._deliver = deliver
        self._drain = drain
        self._on_loss = on_loss
        self._on_reconnected = on_reconnected
        self._on_split = on_split
        self._keep_seconds = keep_seconds
        self._memory = memory
        self._kept: KeptShard = memory.begin(after=after._kept if after else None)
        self._has_begun = asyncio.Event()
        self._is_late = False
        self._is_restored = False
        """The last answer lacked a split, which was then repeated."""
        """Sockets did not wait for the first answer of Redis: events before it count as lost."""
        self._has_position = False
        self._found_on = 0
        """`opened` of the connection on which the position was found."""
        self._loading = loading
        self._read_at = monotonic()
        self._own_at = self._own_before_at = float("-inf")
        """When the last two own entries were appended."""
        self._is_behind = asyncio.Event()
        """An own entry was not delivered at once, since others must be read before."""
        self._task = asyncio.create_task(self._run())

    @property
    def position(self) -> str:
        """The id of the last entry that was delivered or is older than this reader; empty until Redis has answered."""
        return self._position.id

    async def begin(self) -> None:
        """Return when all events published from now on will be delivered, or recognized as lost."""
        if self._has_begun.is_set():
            return
        try:
            async with asyncio.timeout(BEGIN_SECONDS):
                await self._has_begun.wait()
        except TimeoutError:
            self._begin_late()

    async def stop(self) -> None:
        await end(self._task)
        self._memory.end(self._kept)
        await self._connection.close()

    def is_current(self) -> bool:
        """Whether Redis answered within the last two blocking reads."""
        return monotonic() - self._read_at < 2 * BLOCK_SECONDS + 1

    def deliver_appended(self, entry: AppendedEntry) -> None:
        """Deliver an entry that this process has appended, unless others must be read before."""
        self._own_before_at, self._own_at = self._own_at, monotonic()
        if self._position.accepts(entry):
            self._deliver_next(Entry.of(entry.id, entry.previous, at=entry.at, packed=entry.packed))
        elif not self._position.has_passed(entry.id):
            self._is_behind.set()

    async def _run(self) -> None:
        while True:
            try:
                while not self._has_position:
                    await self._find_position()
                await self._read()
            except (*REDIS_ERRORS, Unavailable) as error:
                self._has_position = False
                log.warning("stream.read_failed", extra={"error": type(error).__name__})
                self._begin_late()
                await asyncio.sleep(RETRY_SECONDS)

    def _begin_late(self) -> None:
        self._is_late = self._is_late or not self.position
        self._has_begun.set()

    async def _find_position(self) -> None:
        """Begin at the end of the stream; after a failure, check that Redis still has what was read.

        Own entries may be appended and delivered before the answer arrives, which says nothing about them.
        """
        delivered = self.position
        found, epoch = await self._connection.request(("GET", self.shard.tip), ("GET", self.shard.epoch))
        state = ShardState.parsed(epoch)
        if state.number < self.number:  # the split is new, or Redis has lost it
            await ShardSplitter(self._commands).restore(self.shard, self.number)
            if self._is_restored:  # the connections lead to different servers, until a failover ends
                await asyncio.sleep(RETRY_SECONDS)
            self._is_restored = True
            return
        self._is_restored = False
        tip = (found or START.encode()).decode()
        if not delivered and not self._is_late:
            self._position.id = tip
        elif not delivered or moment(tip) < moment(delivered):
            self._lose(tip)
        self._has_position = True
        self._found_on = self._connection.opened
        self._notice_split(state)
        self._has_begun.set()
        if delivered:
            self._on_reconnected(self.shard)

    def _notice_split(self, state: ShardState) -> None:
        """Record a split before the position, which is not read any more, or the one that made this shard."""
        if state.number == self.shard.created_with:
            self._common = state.split_entry
        if state.number > self.number and moment(state.split_entry) <= moment(self.position):
            if self._has_begun.is_set():  # it is among what was lost
                self._on_loss(self.shard)
            self._split(state.number)

    def _split(self, number: int, split_entry: str = "") -> None:
        self.number = number
        self._on_split(self.shard, number, split_entry)

    def _lose(self, position: str) -> None:
        log.warning("stream.events_lost", extra={"shard": self.shard.number})
        self._position.id = position
        self._kept.clear()
        self._on_loss(self.shard)

    async def _read(self) -> None:
        self._is_behind.clear()
        answer = await self._request()
        self._read_at = monotonic()
        if not answer:
            self._measure(0.0)
        for _, entries in answer or ():
            for number, (entry_id, fields) in enumerate(entries):
                if number:
                    await asyncio.sleep(0)
                await self._deliver_read(entry_id, fields)
        if self._connection.opened != self._found_on:  # perhaps to a replica that was promoted
            self._has_position = False
        if monotonic() - self._own_before_at < OWN_FREQUENT_SECONDS:
            await self._pause()

    async def _deliver_read(self, entry_id: bytes, fields: list[bytes]) -> None:
        """Deliver an entry that was read, unless it was delivered when it was appended."""
        if self._position.needs_drain:
            await self._drain()
            self._position.drained()
        arrival = self._position.arrival(entry_id.decode(), fields[1].decode())
        if arrival is Arrival.DELIVERED:
            return
        entry = Entry.from_redis(entry_id, fields)
        if arrival is Arrival.AFTER_LOSS:
            self._lose(entry.previous)
            self._has_position = False  # a split may be among what is lost
        self._deliver_next(entry)
        if entry.shards > self.number:
            self._split(entry.shards, entry.id)

    async def _pause(self) -> None:
        """Wait until an own entry reveals others before it, or for PAUSE_SECONDS."""
        with suppress(TimeoutError):
            async with asyncio.timeout(PAUSE_SECONDS):
                await self._is_behind.wait()

    async def _request(self) -> Any:
        """Return the answer of XREAD: None, or the next entries of the stream as (id, names and values in turn)."""
        block = int(BLOCK_SECONDS * 1000)
        command = ("XREAD", "COUNT", BATCH, "BLOCK", block, "STREAMS", self.shard.stream, self.position)
        return (await self._connection.request(command))[0]

    def _deliver_next(self, entry: Entry) -> None:
        """Deliver an entry without an await: between two entries, every socket has all events up to the position."""
        for event in entry.events:
            try:
                self._deliver(event)
            except Exception:
                log.exception("stream.delivery_failed", extra={"event_name": event.event})
        self._position.advance(entry.id, sum(len(event.body) for event in entry.events))
        self._kept.append(entry, keep_seconds=self._keep_seconds)
        self._measure(max(0.0, time() - entry.at))

    def _measure(self, lag: float) -> None:
        self.lag_seconds = lag
        self._lag_metric.set(lag)

    # Missed events ---------------------------------------------------------------------------------------------------

    def forget(self, text: str) -> None:
        """Keep no entry with a text in a payload; clients from before it are not recovered."""
        self._kept.forget(text)

    async def load(self, entry_id: str, index: int | None) -> bool:
        """Load the events that `after` returns; False if they are too many, or Redis no longer has all of them."""
        async with self._loading:
            if self._since(entry_id, index) is not None:
                return True
            older = await self._older(entry_id)
            if not older or older[-1].id != self._beginning():
                return False
            self._kept.prepend(older)
            return self._since(entry_id, index) is not None

    def after(self, entry_id: str, index: int | None) -> list[Event] | None:
        """Return the events after one, given by its index in its entry (None: the last); None if some are missing."""
        start = self._since(entry_id, index)
        if start is None:
            return None
        entries = self._kept.entries
        found = [event for entry in entries[start:] for event in entry.events]
        return found if index is None else [*entries[start - 1].events[index + 1 :], *found]

    def _beginning(self) -> str:
        """Return the id of the entry before those that are kept."""
        beginning = self._kept.beginning()
        return self.position if beginning is None else beginning

    def _since(self, entry_id: str, index: int | None) -> int | None:
        return self._kept.after(entry_id, is_whole=index is None, position=self.position)

    async def _older(self, entry_id: str) -> list[Entry]:
        """Return the entries from one to the first that is kept; none if they are too many or some are missing."""
        before = self._beginning()
        most = self._memory.max_bytes // LOADED_PART
        found: list[Entry] = []
        for stream, first, last in self._ranges(entry_id, before) if before else ():
            while most >= 0:
                raw = await self._commands.run("XRANGE", stream, first, last, "COUNT", BATCH)
                loaded = [Entry.from_redis(entry_id, fields) for entry_id, fields in raw]
                found += loaded
                most -= sum(entry.size for entry in loaded)
                if len(raw) < BATCH:
                    break
                first = f"({found[-1].id}"
        whole = all(later.previous == earlier.id for earlier, later in pairwise(found))
        return found if whole and most >= 0 else []

    def _ranges(self, first: str, last: str) -> list[tuple[str, str, str]]:
        """Return streams with their first and last id: entries from before the split are in the shard it split."""
        common, stream = self._common, self.shard.stream
        if not common or moment(first) > moment(common):
            return [(stream, first, last)]
        return [(self.shard.origin.stream, first, min(common, last, key=moment)), (stream, f"({common}", last)]


async def no_drain() -> None:
    """For readers without sockets."""


class StreamReader:
    def __init__(
        self,
        connection: Connection,
        *,
        deliver: Deliver,
        drain: Drain = no_drain,
        on_loss: OnLoss,
        keep_seconds: float,
        keep_bytes: int = KEEP_BYTES,
    ) -> None:
        """
        `deliver`: called with every event of the shards that are read.
        `drain`: awaited during a backlog, so that no socket gets more at once than it can buffer.
        `on_loss`: called with a shard of which Redis has lost undelivered events, before later ones are delivered.
        `keep_seconds`, `keep_bytes`: how long, and how many, events are kept for recovery.
        """
        self._connection = connection
        self._commands = Commands(connection)
        self.memory = KeptEntries(keep_bytes)
        self._new_reader = partial(
            ShardReader,
            commands=self._commands,
            deliver=deliver,
            drain=drain,
            on_loss=on_loss,
            on_reconnected=self._reconnected,
            on_split=self._split,
            keep_seconds=keep_seconds,
            memory=self.memory,
            loading=asyncio.Lock(),
        )
        self.on_reconnected: OnReconnected | None = None
        """Called with a shard when it is read on a new connection, perhaps from a server that has lost events."""
        self._map = ShardMap()
        self._readers: dict[Shard, ShardReader] = {}
        self._unneeded: set[Shard] = set()

    async def follow(self, account_id: UUID) -> ShardReader:
        """Deliver the events of an account from now on. Return the reader of its shard."""
        while True:
            shard = self.shard_of(account_id)
            if shard not in self._readers:
                self._readers[shard] = self._new_reader(self._connection.another(), shard=shard)
            self._unneeded.discard(shard)
            reader = self._readers[shard]
            await reader.begin()
            if self.shard_of(account_id) == shard:  # otherwise it was split, and the events are in another one
                return reader

    def shard_of(self, account_id: UUID) -> Shard:
        """Return the shard of which the events of an account are delivered."""
        return self._map.shard_of(account_id)

    def reads(self, account_id: UUID, reader: ShardReader) -> bool:
        """Whether this is still the reader of an account."""
        return self._readers.get(self.shard_of(account_id)) is reader

    def _split(self, shard: Shard, number: int, split_entry: str) -> None:
        """Read the new shards from the split on. A split that was not read is no concern of any socket."""
        after = self._readers.get(shard)  # None if it is being stopped
        for new in self._map.split(shard, number):
            if split_entry and after is not None and new not in self._readers:
                self._readers[new] = self._new_reader(self._connection.another(), shard=new, after=after)

    def deliver_appended(self, shard: Shard, entry: AppendedEntry) -> None:
        """Deliver an entry that this process has appended, if it reads the shard and has delivered all before it."""
        if (reader := self._readers.get(shard)) is not None:
            reader.deliver_appended(entry)

    def _reconnected(self, shard: Shard) -> None:
        if self.on_reconnected is not None:
            self.on_reconnected(shard)

    def position(self, account_id: UUID) -> str:
        """Return the last delivered position of an account's shard; empty if it is unknown."""
        reader = self._readers.get(self.shard_of(account_id))
        return reader.position if reader else ""

    def forget(self, text: str) -> None:
        """Keep no entry with a text in a payload for recovery."""
        for reader in self._readers.values():
            reader.forget(text)

    def lag_seconds(self, account_id: UUID) -> float:
        """Return the delivery lag of an account's shard."""
        reader = self._readers.get(self.shard_of(account_id))
        return reader.lag_seconds if reader else 0.0

    async def stop_idle(self, accounts: Iterable[UUID]) -> None:
        """Stop reading the shards of which no account was passed in this call, nor in the one before."""
        idle = self._readers.keys() - {self.shard_of(account) for account in accounts}
        ended = [self._readers.pop(shard) for shard in idle & self._unneeded]
        self._unneeded = idle - self._unneeded
        for reader in ended:
            BUS_LAG_SECONDS.labels(reader.shard.number).set(0)
            await reader.stop()

    async def stop(self) -> None:
        while self._readers:  # one that is still running may add others, by a split
            _, reader = self._readers.popitem()
            await reader.stop()
        await self._commands.close()

    def state(self) -> Literal["ok", "partly", "down"]:
        """Whether all followed shards are read, some, as while one master of a cluster fails, or none."""
        current = [reader.is_current() for reader in self._readers.values()]
        return "ok" if all(current) else "partly" if any(current) else "down"
