"""Encoded Engine.IO packets, framed once however many recipients there are."""

import base64
import zlib
from functools import cached_property
from typing import Any

from engineio import packet as eio_packet
from socketio import packet

from hummdesk.engine.packet import Packet

TEXT = 0x81
BINARY = 0x82
COMPRESSED = 0x40
"""FIN with the opcode, and RSV1: RFC 6455, section 5.2, and RFC 7692, section 6."""

COMPRESSION_THRESHOLD = 256
"""Deflate does not shrink payloads below this size."""


def build_frame(payload: bytes, head: int = TEXT) -> bytes:
    """Return an unfragmented server frame. Server frames are unmasked, so all recipients share the same bytes."""
    length = len(payload)
    if length < 126:
        return bytes((head, length)) + payload
    if length < 1 << 16:
        return bytes((head, 126)) + length.to_bytes(2, "big") + payload
    return bytes((head, 127)) + length.to_bytes(8, "big") + payload


class EncodedPacket:
    """One Engine.IO packet as a WebSocket frame and as an item of a polling payload."""

    def __init__(self, encoded: str | bytes) -> None:
        """`encoded`: a text packet that starts with its type, or the data of a binary message."""
        self._head = TEXT if isinstance(encoded, str) else BINARY
        payload = encoded.encode() if isinstance(encoded, str) else bytes(encoded)
        self._payload_bytes = len(payload)
        self.frame = build_frame(payload, self._head)

    @property
    def _payload(self) -> bytes:
        """Cut from the frame, so that a buffered packet is kept once."""
        return self.frame[-self._payload_bytes :] if self._payload_bytes else b""

    @cached_property
    def compressed_frame(self) -> bytes:
        """The frame with permessage-deflate, without context takeover, so that recipients can share it."""
        if self._payload_bytes < COMPRESSION_THRESHOLD:
            return self.frame
        deflate = zlib.compressobj(wbits=-zlib.MAX_WBITS)
        deflated = deflate.compress(self._payload) + deflate.flush(zlib.Z_SYNC_FLUSH)
        return build_frame(deflated[:-4], self._head | COMPRESSED)

    @cached_property
    def base64_frame(self) -> bytes:
        """The frame for a client that accepts no binary frames."""
        return self.frame if self._head == TEXT else build_frame(self.polling_payload)

    @cached_property
    def polling_payload(self) -> bytes:
        """The packet as in the payload of a polling response."""
        return self._payload if self._head == TEXT else b"b" + base64.b64encode(self._payload)


CLOSE = EncodedPacket("1")
PING = EncodedPacket("2")
NOOP = EncodedPacket("6")
PROBE_PONG = EncodedPacket("3probe")


def encode(socketio_packet: packet.Packet) -> list[EncodedPacket]:
    """Encode a Socket.IO packet as Engine.IO messages: the packet, then its binary attachments."""
    encoded = socketio_packet.encode()
    parts = encoded if isinstance(encoded, list) else [encoded]
    return [EncodedPacket(eio_packet.Packet(eio_packet.MESSAGE, part).encode()) for part in parts]


def encode_list(
    packet_class: type[packet.Packet],
    kind: int,
    values: list[Any],
    *,
    namespace: str | None = None,
    id: int | None = None,
) -> EncodedPacket:
    """Encode an EVENT or an ACK without attachments, at a third of the cost if it is JSON in the namespace `/`."""
    if packet_class is Packet and namespace in (None, "/"):
        return EncodedPacket(f"4{kind}{'' if id is None else id}{Packet.json.dumps(values)}")
    (encoded,) = encode(packet_class(kind, data=values, namespace=namespace, id=id, binary=False))
    return encoded
