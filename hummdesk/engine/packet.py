"""Reading packets of strangers: what cannot be read is named, so that it can be answered."""

import enum
import json
import re
from typing import Any

import orjson
from socketio import packet

MAX_ATTACHMENTS = 10
"""A BINARY_EVENT announces how many frames follow; they are held until the last has come."""

_EVENT = re.compile(r'2(?:/[^,]*,)?\d{0,18}\["([^"\\]{1,100})"')
_MALFORMED = (ValueError, KeyError, IndexError, TypeError, AttributeError, RecursionError)


class Unreadable(enum.Enum):
    """Stands in an event's arguments for a payload that was not parsed."""

    TOO_LARGE = "too large"
    TOO_DEEP = "nested too deeply"


class MalformedPacket(Exception):
    """Not a Socket.IO v5 packet: the session is closed."""


class Json:
    """The JSON of packets: orjson on the way out, the forgiving standard library on the way in."""

    @staticmethod
    def dumps(value: Any, **_: Any) -> str:
        try:
            return orjson.dumps(value).decode()
        except TypeError:  # lone surrogates, integers over 64 bits: echoed back from what a client sent
            return json.dumps(value, separators=(",", ":"))

    @staticmethod
    def loads(text: str, **_: Any) -> Any:
        return json.loads(text, parse_constant=_refuse_constant)


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is not JSON")


class Packet(packet.Packet):  # type: ignore[misc]
    json = Json


def decode(encoded: str | bytes, *, max_bytes: int, packet_class: type[packet.Packet] = Packet) -> packet.Packet:
    """Decode one packet, or raise MalformedPacket.

    An event over `max_bytes` or nested too deeply keeps its name and acknowledgement id, and has an
    `Unreadable` for its argument: whoever asked gets an answer.
    """
    try:
        if isinstance(encoded, bytes):  # a serializer of its own, such as msgpack
            return _checked(packet_class(encoded_packet=encoded))
        # A character is at most four bytes; most packets are cleared without encoding them.
        if len(encoded) * 4 > max_bytes and len(encoded.encode(errors="surrogatepass")) > max_bytes:
            return _unreadable(encoded, Unreadable.TOO_LARGE)
        return _checked(packet_class(encoded_packet=encoded))
    except RecursionError:
        if isinstance(encoded, bytes):
            raise MalformedPacket from None
        return _unreadable(encoded, Unreadable.TOO_DEEP)
    except _MALFORMED as fault:
        raise MalformedPacket from fault


def _unreadable(encoded: str, why: Unreadable) -> packet.Packet:
    head = _EVENT.match(encoded)
    if not head:
        raise MalformedPacket
    readable = Packet(encoded_packet=f"{encoded[: head.end()]}]")
    readable.data.append(why)
    return readable


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
