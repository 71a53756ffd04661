"""Write coalescing: all packets of one event-loop tick leave in one write for each connection.

At most MAX_PENDING_BYTES wait for the end of the tick; beyond that they leave at once.
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


class WriteCoalescer:
    """Collects the packets of all sessions of a server, so that recipients of the same packets share the same bytes."""

    def __init__(self) -> None:
        self._pending: list[tuple[Recipients, EncodedPacket]] = []
        self._pending_bytes = 0

    def add(self, recipients: Recipients, packet: EncodedPacket) -> None:
        """Send at the end of this tick, in the order of the calls."""
        if not self._pending:
            asyncio.get_running_loop().call_soon(self.flush)
        self._pending.append((recipients, packet))
        self._pending_bytes += len(packet.frame)
        if self._pending_bytes > MAX_PENDING_BYTES:
            self.flush()

    def flush(self) -> None:
        """Send now what was added in this tick."""
        pending, self._pending, self._pending_bytes = self._pending, [], 0
        if not pending:
            return
        first, _ = pending[0]
        if all(recipients == first for recipients, _ in pending):
            _write(first, [packet for _, packet in pending])
            return
        for packets, recipients in _grouped_by_packets(pending):
            _write(recipients, packets)


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


def _grouped_by_packets(
    pending: list[tuple[Recipients, EncodedPacket]],
) -> Iterable[tuple[tuple[EncodedPacket, ...], Recipients]]:
    """Yield each sequence of packets with all the recipients of exactly that sequence."""
    packets_of: defaultdict[Recipient, list[EncodedPacket]] = defaultdict(list)
    for recipients, packet in pending:
        for recipient in recipients:
            packets_of[recipient].append(packet)
    groups: defaultdict[tuple[EncodedPacket, ...], list[Recipient]] = defaultdict(list)
    for recipient, packets in packets_of.items():
        groups[tuple(packets)].append(recipient)
    return groups.items()
