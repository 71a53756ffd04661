"""Payloads of the HTTP long-polling transport: packets joined by a record separator."""

import base64
from collections.abc import Iterable, Iterator

from hummdesk.engine.encoding import NOOP, EncodedPacket

SEPARATOR = b"\x1e"


PACKET_OVERHEAD_BYTES = 256
"""Of a buffered packet, beside its frame; it is most of what a short packet occupies."""


class TooManyPacketsError(ValueError):
    pass


def decode_payload(payload: str, *, max_packets: int | None = None) -> Iterator[str | bytes]:
    """Yield the packets in the body of a POST. Raises TooManyPacketsError, and ValueError for invalid base64.

    One packet is decoded at a time: a body of a megabyte has up to half a million of them.
    """
    separator = SEPARATOR.decode()
    if max_packets and payload.count(separator) >= max_packets:
        raise TooManyPacketsError
    start = 0
    while (end := payload.find(separator, start)) >= 0:
        yield _decode_packet(payload[start:end])
        start = end + 1
    yield _decode_packet(payload[start:])


def _decode_packet(packet: str) -> str | bytes:
    return base64.b64decode(packet[1:], validate=True) if packet.startswith("b") else packet


class PollBuffer:
    """The packets that wait for a session's next poll."""

    __slots__ = ("_packets", "byte_count")

    def __init__(self) -> None:
        self._packets: list[EncodedPacket] = []
        self.byte_count = 0

    def __len__(self) -> int:
        return len(self._packets)

    def extend(self, packets: Iterable[EncodedPacket]) -> None:
        for packet in packets:
            self._packets.append(packet)
            self.byte_count += _size(packet)

    def take_payload(self, max_bytes: int) -> bytes:
        """Remove and encode as many packets as fit into `max_bytes`, at least one; a NOOP if there are none."""
        if not self._packets:
            return NOOP.polling_payload
        payloads: list[bytes] = []
        size = 0
        for packet in self._packets:
            payload = packet.polling_payload
            if payloads and size + len(payload) >= max_bytes:
                break
            size += len(payload) + len(SEPARATOR)
            payloads.append(payload)
        taken, self._packets = self._packets[: len(payloads)], self._packets[len(payloads) :]
        self.byte_count -= sum(map(_size, taken))
        return SEPARATOR.join(payloads)

    def take_all(self) -> list[EncodedPacket]:
        taken, self._packets = self._packets, []
        self.byte_count = 0
        return taken


def _size(packet: EncodedPacket) -> int:
    return len(packet.frame) + PACKET_OVERHEAD_BYTES
