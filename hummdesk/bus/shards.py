"""The event stream is partitioned into shards by account. All keys of a shard are in one slot of a Redis Cluster.

Their number is raised by splitting each shard in two, one after the other: see splitting.py.
"""

import zlib
from dataclasses import dataclass
from functools import cache, cached_property
from uuid import UUID

SHARDS = 16
"""The number of shards until it is raised."""
MAX_SHARDS = 1024

START = "0-0"
"""Before the first entry of a stream."""


@dataclass(frozen=True)
class Shard:
    number: int

    @property
    def created_with(self) -> int:
        """The number of shards when this one came into being."""
        return max(SHARDS, 1 << self.number.bit_length())

    @property
    def origin(self) -> "Shard":
        """The shard from which this one was split, by the doubling to `created_with`; one of the first is its own."""
        return self if self.number < SHARDS else Shard(self.number - self.created_with // 2)

    @cached_property
    def stream(self) -> str:
        return f"hummdesk:{{events:{self.number}}}"

    @cached_property
    def tip(self) -> str:
        """Key of the id of the last entry, which remains after the entry was trimmed."""
        return f"{self.stream}:tip"

    @cached_property
    def parts(self) -> str:
        """Key of the ids with which the latest parts of the stream end, each of the same size in bytes."""
        return f"{self.stream}:parts"

    @cached_property
    def part_bytes(self) -> str:
        """Key of the size of the entries after the last part."""
        return f"{self.stream}:part_bytes"

    @cached_property
    def epoch(self) -> str:
        """Key of the epoch of PostgreSQL's data in which events were appended last, and of how many there were.

        After a split also the number of shards, the id of the last entry for both parts, and the epoch at that time.
        """
        return f"{self.stream}:epoch"

    def writer(self, name: str) -> str:
        return f"{self.stream}:writer:{name}"

    def mark(self, name: str) -> str:
        """Key of a recent event or of the last message of a conversation, for deduplication and order."""
        return f"{self.stream}:mark:{name}"


class ShardMap:
    """The shard of each account, as far as a process knows the splits.

    Shards are split one after the other. So each has a number of its own: that of all shards when it was split last.
    """

    def __init__(self) -> None:
        self._numbers: dict[Shard, int] = {}

    def number_of(self, shard: Shard) -> int:
        return self._numbers.get(shard, shard.created_with)

    def split(self, shard: Shard, number: int) -> list[Shard]:
        """Record that a shard was split, with the number of all shards after it; return the new shards.

        The account of an event that was appended before the split is in the shard, and later in one of both.
        """
        before = self.number_of(shard)
        self._numbers[shard] = max(before, number)
        return [Shard(shard.number + one // 2) for one in doublings(before, number)]

    def shard_of(self, account_id: UUID) -> Shard:
        number = SHARDS
        shard = shard_of(account_id, number)
        while self.number_of(shard) > number:
            number *= 2
            shard = shard_of(account_id, number)
        return shard


def doublings(before: int, number: int) -> list[int]:
    """Return the numbers of shards after `before` up to `number`, each twice the one before it."""
    return [before << step for step in range(1, (number // before).bit_length())]


def shard_of(account_id: UUID, number: int = SHARDS) -> Shard:
    """Return the shard of an account among so many."""
    return _shard(zlib.crc32(account_id.bytes) % number)


_shard = cache(Shard)
"""All users of a shard share the names of its keys, which are made once."""


def moment(entry_id: str) -> tuple[int, int]:
    """Return an entry's id as comparable numbers: the clock of Redis in milliseconds, and a counter."""
    milliseconds, _, counter = entry_id.partition("-")
    return int(milliseconds), int(counter)
