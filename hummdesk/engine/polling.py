"""Payloads of the HTTP long-polling transport: packets joined by a record separator."""

import base64
from collections.abc import Iterable

from hummdesk.engine.encoding import NOOP, EncodedPacket

SEPARATOR = b"\x1e"


def decode_payload(payload: str) -> list[str | bytes]:
    """Split the body of a POST into packets. Raises ValueError for invalid base64."""
    return [_decode_packet(packet) for packet in payload.split(SEPARATOR.decode())]


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
            self.byte_count += len(packet.frame)

    def take_payload(self, max_bytes: int) -> bytes:
        """Remove and encode as many packets as fit into `max_bytes`, at least one; a NOOP if there are none."""
        if not self._packets:
            return NOOP.polling_payload
        count, size = 0, 0
        for packet in self._packets:
            if count and size + len(packet.polling_payload) >= max_bytes:
                break
            size += len(packet.polling_payload) + len(SEPARATOR)
            count += 1
        taken, self._packets = self._packets[:count], self._packets[count:]
        self.byte_count -= sum(len(packet.frame) for packet in taken)
        return SEPARATOR.join(packet.polling_payload for packet in taken)

    def take_all(self) -> list[EncodedPacket]:
        taken, self._packets = self._packets, []
        self.byte_count = 0
        return taken
