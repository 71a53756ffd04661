"""The event stream is partitioned into shards by account. All keys of a shard are in one slot of a Redis Cluster."""

import zlib
from dataclasses import dataclass
from uuid import UUID

SHARDS = 16
"""Not a setting: processes with different numbers would not receive each other's events, without any error."""

START = "0-0"
"""Before the first entry of a stream."""


@dataclass(frozen=True, slots=True)
class Shard:
    number: int

    @property
    def stream(self) -> str:
        return f"hummdesk:{{events:{self.number}}}"

    @property
    def tip(self) -> str:
        """Key of the id of the last entry, which remains after the entry was trimmed."""
        return f"{self.stream}:tip"

    @property
    def parts(self) -> str:
        """Key of the ids with which the latest parts of the stream end, each of the same size in bytes."""
        return f"{self.stream}:parts"

    @property
    def part_bytes(self) -> str:
        """Key of the size of the entries after the last part."""
        return f"{self.stream}:part_bytes"

    @property
    def epoch(self) -> str:
        """Key of the epoch of PostgreSQL's data in which events were appended last, and of how many there were."""
        return f"{self.stream}:epoch"

    def writer(self, name: str) -> str:
        return f"{self.stream}:writer:{name}"

    def mark(self, name: str) -> str:
        """Key of a recent event or of the last message of a conversation, for deduplication and order."""
        return f"{self.stream}:mark:{name}"


def shard_of(account_id: UUID) -> Shard:
    return Shard(zlib.crc32(account_id.bytes) % SHARDS)


def moment(entry_id: str) -> tuple[int, int]:
    """Return an entry's id as comparable numbers: the clock of Redis in milliseconds, and a counter."""
    milliseconds, _, counter = entry_id.partition("-")
    return int(milliseconds), int(counter)
