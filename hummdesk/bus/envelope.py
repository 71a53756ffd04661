"""What travels between processes: one event and whom it is for."""

import json
from dataclasses import asdict, dataclass
from typing import Any
from uuid import UUID

import orjson


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where a message stands in its conversation, so that every node delivers in `seq` order.

    `follows_closely` says that the message before it is so young that another process may not have published it yet.
    """

    account_id: UUID
    conversation_id: UUID
    seq: int
    follows_closely: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Envelope:
    """`data` reaches once every socket in any of `rooms` and none of `except_rooms`.

    `key` names what may be published more than once and must be heard once: the events of an AI run, which a second
    worker or the relay tells again when it cannot know whether the first one did.
    """

    event: str
    data: dict[str, Any]
    rooms: tuple[str, ...]
    except_rooms: tuple[str, ...] = ()
    place: Place | None = None
    key: str | None = None


def pack(envelope: Envelope) -> bytes:
    try:
        return orjson.dumps(asdict(envelope))
    except TypeError:  # PostgreSQL gives 1e20 back as an integer, and orjson writes none beyond 64 bits
        return json.dumps(asdict(envelope), default=str).encode()


def join(packed: list[bytes]) -> bytes:
    """Packed envelopes as one value of a stream entry."""
    return b"[" + b",".join(packed) + b"]"


def unpack(joined: bytes) -> list[Envelope]:
    return [_from_wire(**fields) for fields in orjson.loads(joined)]


def _from_wire(*, place: dict[str, Any] | None, rooms: list[str], except_rooms: list[str], **rest: Any) -> Envelope:
    where: Place | None = None
    if place is not None:
        ids = {name: UUID(place[name]) for name in ("account_id", "conversation_id")}
        where = Place(**(place | ids))
    return Envelope(rooms=tuple(rooms), except_rooms=tuple(except_rooms), place=where, **rest)
