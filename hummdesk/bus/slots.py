"""Which master of a Redis Cluster has which keys, without any I/O."""

from binascii import crc_hqx
from bisect import bisect_right
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from hummdesk.bus.own_connection import Command, Key
from hummdesk.core.redis_address import Host

SLOTS = 16_384
KEYLESS = {"PING", "TIME", "ROLE", "INFO", "CLUSTER", "SCAN", "SCRIPT"}


def slot_of(key: str | bytes) -> int:
    """Return the slot of a key: of its hash tag, the first part in braces, if it has one."""
    name = key.encode() if isinstance(key, str) else key
    start = name.find(b"{") + 1
    end = name.find(b"}", start) if start else -1
    return crc_hqx(name[start:end] if end > start else name, 0) % SLOTS


def key_of(command: Command) -> Key:
    """Return the first key of a command that HummDesk sends; None if it has none."""
    name = command[0]
    if name == "EVALSHA":
        key = command[3]
    elif name == "XREAD":
        key = command[-2]
    elif name in KEYLESS or len(command) == 1:
        return None
    else:
        key = command[1]
    return key if isinstance(key, str | bytes) else None


@dataclass(frozen=True, slots=True)
class SlotMap:
    """The masters of a cluster by the beginning of each range of slots; ranges without a master are absent."""

    starts: tuple[int, ...] = ()
    ends: tuple[int, ...] = ()
    owners: tuple[Host, ...] = ()

    @classmethod
    def from_redis(cls, answer: Iterable[Any], *, asked: Host) -> "SlotMap":
        """`answer` is that of CLUSTER SLOTS; a master without an address is the server that was `asked`."""
        ranges = sorted(
            (start, end, (master[0].decode() if master[0] else asked[0], int(master[1])))
            for start, end, master, *_ in answer
        )
        return cls(
            tuple(start for start, _, _ in ranges),
            tuple(end for _, end, _ in ranges),
            tuple(owner for _, _, owner in ranges),
        )

    def owner(self, slot: int) -> Host | None:
        index = bisect_right(self.starts, slot) - 1
        return self.owners[index] if index >= 0 and slot <= self.ends[index] else None

    @property
    def masters(self) -> list[Host]:
        return list(dict.fromkeys(self.owners))

    @property
    def missing(self) -> int:
        """The number of slots without a master."""
        return SLOTS - sum(end - start + 1 for start, end in zip(self.starts, self.ends, strict=True))
