"""Write coalescing: all packets of one event-loop tick leave in one write for each connection.

At most MAX_PENDING_BYTES wait for the end of the tick; beyond that they leave at once. A tick writes to MAX_WRITES
connections at most; the others follow in the next ticks, so that an event for thousands does not delay everything else.
A session that connects, polls, is upgraded or closes needs what waits for it at once, and flushes what waits for all.
"""

import asyncio
from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import Protocol

from hummdesk.engine.encoding import EncodedPacket
from hummdesk.engine.websocket import DirectSocket


class Recipient(Protocol):
    direct_socket: DirectSocket | None
    """The socket to send plain frames on; None if packets must go through `write_packets`."""

    def write_packets(self, packets: Sequence[EncodedPacket]) -> None: ...

    def write_remainder(self, frames: bytes) -> None:
        """Write what the direct socket did not accept."""


Recipients = Sequence[Recipient]

MAX_PENDING_BYTES = 1 << 20
MAX_WRITES = 2_000
"""About 12 ms: a write takes 6 µs (P1 and P8 of `make bench`)."""

Group = tuple[Sequence[EncodedPacket], Recipients]
"""Packets, and all recipients of exactly these."""


class WriteCoalescer:
    """Collects the packets of all sessions of a server, so that recipients of the same packets share the same bytes."""

    def __init__(self) -> None:
        self._pending: list[tuple[Recipients, EncodedPacket]] = []
        self._pending_bytes = 0
        self._is_scheduled = False
        """Whether `_end_tick` follows: a flush in between does not add a second one."""

    def add(self, recipients: Recipients, packet: EncodedPacket) -> None:
        """Send at the end of this tick, in the order of the calls."""
        self._schedule()
        self._pending.append((recipients, packet))
        self._pending_bytes += len(packet.frame)
        if self._pending_bytes > MAX_PENDING_BYTES:
            self.flush()

    def flush(self) -> None:
        """Send now what was added in this tick."""
        for packets, recipients in _grouped(self._take()):
            _write(recipients, packets)

    def _schedule(self) -> None:
        if not self._is_scheduled:
            self._is_scheduled = True
            asyncio.get_running_loop().call_soon(self._end_tick)

    def _end_tick(self) -> None:
        """Write to MAX_WRITES recipients, first to the smallest groups; the rest stays pending before later packets."""
        self._is_scheduled = False
        if sum(len(recipients) for recipients, _ in self._pending) <= MAX_WRITES:
            self.flush()
            return
        now: list[Group] = []
        free = MAX_WRITES
        for packets, recipients in sorted(_grouped(self._take()), key=lambda group: len(group[1])):
            if free:
                now.append((packets, recipients[:free]))
            if later := recipients[free:]:
                self._pending += [(later, packet) for packet in packets]
            free -= min(free, len(recipients))
        self._pending_bytes = sum(len(packet.frame) for _, packet in self._pending)
        if self._pending:
            self._schedule()
        for packets, recipients in now:
            _write(recipients, packets)

    def _take(self) -> list[tuple[Recipients, EncodedPacket]]:
        pending, self._pending, self._pending_bytes = self._pending, [], 0
        return pending


def _write(recipients: Recipients, packets: Sequence[EncodedPacket]) -> None:
    """The inner loop of every fan-out."""
    frames = packets[0].frame if len(packets) == 1 else b"".join([packet.frame for packet in packets])
    size = len(frames)
    for recipient in recipients:
        if (direct_socket := recipient.direct_socket) is None:
            recipient.write_packets(packets)
            continue
        try:
            sent = direct_socket.send(frames)
        except OSError:  # the socket buffer is full, or the connection is broken, which the transport reports
            sent = 0
        if sent != size:
            recipient.write_remainder(frames[sent:])


def _grouped(pending: list[tuple[Recipients, EncodedPacket]]) -> Iterable[Group]:
    """Yield each sequence of packets with all the recipients of exactly that sequence."""
    if not pending:
        return []
    first, _ = pending[0]
    if all(recipients == first for recipients, _ in pending):
        return [([packet for _, packet in pending], first)]
    packets_of: defaultdict[Recipient, list[EncodedPacket]] = defaultdict(list)
    for recipients, packet in pending:
        for recipient in recipients:
            packets_of[recipient].append(packet)
    groups: defaultdict[tuple[EncodedPacket, ...], list[Recipient]] = defaultdict(list)
    for recipient, packets in packets_of.items():
        groups[tuple(packets)].append(recipient)
    return groups.items()
