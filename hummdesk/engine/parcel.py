"""An Engine.IO packet on its way out: encoded once, framed once, for however many receivers."""

import base64
import zlib
from functools import cached_property

TEXT = 0x81
BINARY = 0x82
COMPRESSED = 0x40
"""FIN with the opcode, and RSV1: RFC 6455, section 5.2, and RFC 7692, section 6."""

COMPRESSION_THRESHOLD = 256
"""Shorter payloads do not get shorter."""


def frame(payload: bytes, head: int = TEXT) -> bytes:
    """A whole message in one frame. A server's frames are not masked, so receivers can share the bytes."""
    length = len(payload)
    if length < 126:
        return bytes((head, length)) + payload
    if length < 1 << 16:
        return bytes((head, 126)) + length.to_bytes(2, "big") + payload
    return bytes((head, 127)) + length.to_bytes(8, "big") + payload


class Parcel:
    def __init__(self, encoded: str | bytes) -> None:
        """`encoded`: a packet with its type in front, or the data of a binary message."""
        self._head = TEXT if isinstance(encoded, str) else BINARY
        self._payload = encoded.encode() if isinstance(encoded, str) else bytes(encoded)
        self.frame = frame(self._payload, self._head)

    @cached_property
    def compressed_frame(self) -> bytes:
        """The same without context takeover, so that this too can be shared."""
        if len(self._payload) < COMPRESSION_THRESHOLD:
            return self.frame
        deflate = zlib.compressobj(wbits=-zlib.MAX_WBITS)
        deflated = deflate.compress(self._payload) + deflate.flush(zlib.Z_SYNC_FLUSH)
        return frame(deflated[:-4], self._head | COMPRESSED)

    @cached_property
    def polled(self) -> bytes:
        """As it stands in the payload of a poll."""
        return self._payload if self._head == TEXT else b"b" + base64.b64encode(self._payload)


CLOSE = Parcel("1")
PING = Parcel("2")
NOOP = Parcel("6")
