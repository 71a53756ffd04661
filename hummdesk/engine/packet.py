"""Decoding Socket.IO packets of untrusted clients."""

import enum
import json
import re
from typing import Any

import orjson
from socketio import packet

MAX_ATTACHMENTS = 10
"""Limit of the attachments that a packet announces; they are buffered until the last has arrived."""

_UNDEFINED = 0
"""The MessagePack extension type that JavaScript's notepack.io uses for `undefined`."""

_EVENT = re.compile(r'2(?:/[^,]*,)?\d{0,18}\["([^"\\]{1,100})"')
DECODING_ERRORS = (ValueError, KeyError, IndexError, TypeError, AttributeError, RecursionError)


class UnparsedPayload(enum.Enum):
    """Takes the place of an event's arguments that were not parsed."""

    TOO_LARGE = "too large"
    TOO_DEEP = "nested too deeply"


class MalformedPacket(Exception):
    """Not a packet of the Socket.IO protocol v5; the server closes the session."""


class OversizedPacket(MalformedPacket):
    """A packet over the limit that cannot be answered: the server closes the session."""


class Json:
    """The JSON of packets: encoded by orjson, decoded by the more lenient standard library."""

    @staticmethod
    def dumps(value: Any, **_: Any) -> str:
        try:
            return orjson.dumps(value).decode()
        except TypeError:  # lone surrogates and integers over 64 bits, which a client may have sent
            return json.dumps(value, separators=(",", ":"))

    @staticmethod
    def loads(text: str, **_: Any) -> Any:
        return _decoder.decode(text)


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is not JSON")


_decoder = json.JSONDecoder(parse_constant=_refuse_constant)


class Packet(packet.Packet):  # type: ignore[misc]
    json = Json


def packet_class_of(serializer: str | type[packet.Packet]) -> str | type[packet.Packet]:
    """Return the packet class of a serializer; for `msgpack` one that reads what JavaScript clients send."""
    if serializer != "msgpack":
        return serializer
    from socketio.msgpack_packet import MsgPackPacket  # needs msgpack, an optional dependency

    def decode_extension(code: int, data: bytes) -> Any:
        return None if code == _UNDEFINED else MsgPackPacket.ext_hook(code, data)

    configured: type[packet.Packet] = MsgPackPacket.configure(ext_hook=decode_extension)
    return configured


def decode(encoded: str | bytes, *, max_bytes: int, packet_class: type[packet.Packet] = Packet) -> packet.Packet:
    """Decode one packet. Raises MalformedPacket.

    An event over `max_bytes` or nested too deeply keeps its name and its acknowledgement id, and has an
    `UnparsedPayload` for its argument, so that the client gets an error as its acknowledgement.
    """
    try:
        if isinstance(encoded, bytes):  # of a binary serializer, such as msgpack
            if len(encoded) > max_bytes:
                raise OversizedPacket
            return _checked(packet_class(encoded_packet=encoded))
        # A character has at most four bytes: most packets pass this check without being encoded.
        if len(encoded) * 4 > max_bytes and len(encoded.encode(errors="surrogatepass")) > max_bytes:
            return _decode_without_payload(encoded, UnparsedPayload.TOO_LARGE)
        return _checked(packet_class(encoded_packet=encoded))
    except RecursionError:
        if isinstance(encoded, bytes):
            raise MalformedPacket from None
        return _decode_without_payload(encoded, UnparsedPayload.TOO_DEEP)
    except DECODING_ERRORS as error:
        raise MalformedPacket from error


def _decode_without_payload(encoded: str, cause: UnparsedPayload) -> packet.Packet:
    head = _EVENT.match(encoded)
    if not head:
        raise MalformedPacket
    decoded = Packet(encoded_packet=f"{encoded[: head.end()]}]")
    decoded.data.append(cause)
    return decoded


def _checked(decoded: packet.Packet) -> packet.Packet:
    listed = (packet.EVENT, packet.BINARY_EVENT, packet.ACK, packet.BINARY_ACK)
    if decoded.packet_type in listed and not isinstance(decoded.data, list):
        raise MalformedPacket
    if decoded.packet_type in (packet.EVENT, packet.BINARY_EVENT) and not decoded.data:
        raise MalformedPacket
    if decoded.packet_type == packet.CONNECT and not isinstance(decoded.data, dict | None):
        raise MalformedPacket
    if decoded.attachment_count and decoded.packet_type not in (packet.BINARY_EVENT, packet.BINARY_ACK):
        raise MalformedPacket
    if decoded.attachment_count > MAX_ATTACHMENTS:
        raise MalformedPacket
    return decoded
