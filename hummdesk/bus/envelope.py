"""What travels between processes: one event and whom it is for."""

from dataclasses import asdict, dataclass
from typing import Any
from uuid import UUID

import orjson


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where a message stands in its conversation, so that every node delivers in `seq` order.

    `follows_closely` says that the message before it is so young that another process may not have published it yet.
    """

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


def pack(envelopes: list[Envelope]) -> bytes:
    return orjson.dumps([asdict(envelope) for envelope in envelopes])


def unpack(packed: bytes) -> list[Envelope]:
    return [_from_wire(**fields) for fields in orjson.loads(packed)]


def _from_wire(*, place: dict[str, Any] | None, rooms: list[str], except_rooms: list[str], **rest: Any) -> Envelope:
    where: Place | None = None
    if place is not None:
        where = Place(**(place | {"conversation_id": UUID(place["conversation_id"])}))
    return Envelope(rooms=tuple(rooms), except_rooms=tuple(except_rooms), place=where, **rest)
