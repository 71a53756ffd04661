"""The event stream is cut into shards by account; all keys of one shard are in one slot of a Redis Cluster."""

import zlib
from dataclasses import dataclass
from uuid import UUID

SHARDS = 16
"""No setting: processes that count otherwise would not hear each other, and say nothing of it."""

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
        """The id of the last entry, also after that was trimmed."""
        return f"{self.stream}:tip"

    def writer(self, name: str) -> str:
        return f"{self.stream}:writer:{name}"

    def mark(self, name: str) -> str:
        """What was published lately, so that it is not published again or too early."""
        return f"{self.stream}:mark:{name}"


def shard_of(account_id: UUID) -> Shard:
    return Shard(zlib.crc32(account_id.bytes) % SHARDS)


def moment(entry_id: str) -> tuple[int, int]:
    """An entry's id as numbers that can be compared: Redis's clock in milliseconds, and a counter."""
    milliseconds, _, counter = entry_id.partition("-")
    return int(milliseconds), int(counter)
