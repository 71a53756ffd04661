"""The latest entries of the shards that a process reads, kept to recover sessions, and bounded in bytes."""

from bisect import bisect_left
from dataclasses import dataclass

from hummdesk.bus.envelope import Event, unpack
from hummdesk.bus.shards import START, moment

ENTRY_BYTES, EVENT_BYTES = 300, 900
"""Memory of an entry, and of each of its events, beside their packed form."""

SHRINK = 8
"""The part of a shard's entries that is removed at a time: removing one by one would cost as much as reading."""


@dataclass(frozen=True, slots=True)
class Entry:
    """The events of one write. `previous` is the id of the entry before it; empty if events were lost in between."""

    id: str
    previous: str
    at: float
    events: tuple[Event, ...]
    size: int
    """Its memory in bytes, about."""
    shards: int = 0
    """The number of all shards, if the shard was split after this entry."""

    @classmethod
    def from_redis(cls, entry_id: bytes, fields: list[bytes]) -> "Entry":
        """`fields` are names and values in turn, in the order of append.lua or split_shard.lua."""
        previous, at, *packed = fields[1::2]
        if fields[4:5] == [b"shards"]:
            return cls(entry_id.decode(), previous.decode(), float(at), (), ENTRY_BYTES, int(packed[0]))
        return cls.of(entry_id.decode(), previous.decode(), at=float(at), packed=packed)

    @classmethod
    def of(cls, entry_id: str, previous: str, *, at: float, packed: list[bytes]) -> "Entry":
        events = [unpack(one, offset=f"{entry_id}.{index}") for index, one in enumerate(packed[:-1])]
        events += [unpack(one, offset=entry_id) for one in packed[-1:]]
        size = ENTRY_BYTES + sum(map(len, packed)) + EVENT_BYTES * len(packed)
        return cls(entry_id, previous, at, tuple(events), size)


class KeptShard:
    """The latest entries of one shard, in order and without a gap."""

    def __init__(self, memory: "KeptEntries") -> None:
        self.entries: list[Entry] = []
        self.bytes = 0
        self._memory = memory
        self._forgotten = ("", START)
        """The last text given to `forget`, and the position up to which no entry with it is kept."""

    def beginning(self) -> str | None:
        """Return the id of the entry before the first one; None if there is none."""
        return self.entries[0].previous if self.entries else None

    def append(self, entry: Entry, *, keep_seconds: float) -> None:
        """Add the next entry. Entries are removed when they are twice as old as `keep_seconds`."""
        self.entries.append(entry)
        self._grow(entry.size)
        oldest = moment(entry.id)[0] - keep_seconds * 1000
        if self.entries and moment(self.entries[0].id)[0] < oldest - keep_seconds * 1000:
            self._remove(bisect_left(self.entries, (oldest, 0), key=lambda kept: moment(kept.id)))

    def prepend(self, older: list[Entry]) -> None:
        """Add the entries before the first one."""
        self.entries[:0] = older
        self._grow(sum(entry.size for entry in older))

    def forget(self, text: str) -> None:
        """Remove the entries up to the last one with a text in a payload: they are kept without a gap."""
        known, position = self._forgotten
        start = bisect_left(self.entries, moment(position), key=lambda kept: moment(kept.id)) if text == known else 0
        found = text.encode()
        for index in range(len(self.entries) - 1, start - 1, -1):
            if any(found in event.body for event in self.entries[index].events):
                self._remove(index + 1)
                break
        self._forgotten = (text, self.entries[-1].id if self.entries else START)

    def clear(self) -> None:
        self._remove(len(self.entries))

    def after(self, entry_id: str, *, is_whole: bool, position: str) -> int | None:
        """Return where the entries after this one begin; None if some are missing.

        `is_whole`: the entry itself need not be among them. `position` is the id of the last delivered entry.
        """
        start = bisect_left(self.entries, moment(entry_id), key=lambda kept: moment(kept.id))
        if start < len(self.entries) and self.entries[start].id == entry_id:
            return start + 1
        beginning = self.beginning()
        return 0 if start == 0 and is_whole and entry_id == (position if beginning is None else beginning) else None

    def shrink(self) -> None:
        """Remove the oldest entries, an eighth of all bytes."""
        removed = number = 0
        while removed * SHRINK <= self.bytes and number < len(self.entries):
            removed += self.entries[number].size
            number += 1
        self._remove(number)

    def _grow(self, size: int) -> None:
        self.bytes += size
        self._memory.grow(size)

    def _remove(self, number: int) -> None:
        size = sum(entry.size for entry in self.entries[:number])
        del self.entries[:number]
        self.bytes -= size
        self._memory.bytes -= size


class KeptEntries:
    """The kept entries of all shards. Beyond `max_bytes` the shard with the most loses its oldest entries."""

    def __init__(self, max_bytes: int) -> None:
        self.max_bytes = max_bytes
        self.bytes = 0
        self._shards: set[KeptShard] = set()

    def begin(self, *, after: KeptShard | None = None) -> KeptShard:
        """Return the entries of one more reader of a shard; those of the shard that it was split from come first."""
        kept = KeptShard(self)
        self._shards.add(kept)
        if after is not None:
            kept.prepend(after.entries)
        return kept

    def end(self, kept: KeptShard) -> None:
        kept.clear()
        self._shards.discard(kept)

    def grow(self, size: int) -> None:
        self.bytes += size
        while self.bytes > self.max_bytes:
            max(self._shards, key=lambda kept: kept.bytes).shrink()
