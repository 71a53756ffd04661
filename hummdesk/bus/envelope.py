"""What travels between processes: one event and whom it is for."""

import json
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import orjson


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where a message stands in its conversation: every node delivers a conversation's messages in `seq` order.

    `has_recent_predecessor`: another process may not have published the message before it yet.
    """

    conversation_id: UUID
    seq: int
    has_recent_predecessor: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Envelope:
    """An event to be published. `data` reaches once every socket in any of `rooms` and none of `except_rooms`.

    `key` names what may be published more than once and must be heard once: the events of an AI run, which a second
    worker or the relay tells again when it cannot know whether the first one did.
    """

    account_id: UUID
    event: str
    data: dict[str, Any]
    rooms: tuple[str, ...]
    except_rooms: tuple[str, ...] = ()
    place: Place | None = None
    key: str | None = None
    is_volatile: bool = False
    """It is of no use later: who was away is not told."""


@dataclass(frozen=True, slots=True)
class Event:
    """An event as it was read. Its payload stays the JSON that it travelled as, until somebody asks."""

    event: str
    rooms: list[str]
    except_rooms: list[str]
    is_volatile: bool
    body: bytes
    offset: str
    """After it, this names how far the stream has been heard."""

    @property
    def data(self) -> Any:
        return orjson.loads(self.body)


def pack(envelope: Envelope) -> bytes:
    """For whom it is, and after a line break, which JSON has none of, the payload."""
    head = (envelope.event, envelope.rooms, envelope.except_rooms, envelope.is_volatile)
    return orjson.dumps(head) + b"\n" + _json(envelope.data)


def unpack(packed: bytes, *, offset: str) -> Event:
    head, _, body = packed.partition(b"\n")
    event, rooms, except_rooms, is_volatile = orjson.loads(head)
    return Event(event, rooms, except_rooms, is_volatile, body, offset)


def _json(data: dict[str, Any]) -> bytes:
    try:
        return orjson.dumps(data)
    except TypeError:  # PostgreSQL gives 1e20 back as an integer, and orjson writes none beyond 64 bits
        return json.dumps(data, default=str).encode()
