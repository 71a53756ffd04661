"""Events as they travel between processes."""

from dataclasses import dataclass
from typing import Any
from uuid import UUID

import orjson

from hummdesk.core import json_encoding
from hummdesk.core.errors import PayloadTooLarge

MAX_EVENT_BYTES = 1 << 20
"""Above every event of the contract: a limit for applications that publish events of their own."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderKey:
    """The position of a message: every process delivers the messages of a conversation in the order of `seq`.

    `has_pending_predecessor`: the message before it may be unpublished. Otherwise it was published long ago, and can be
    forgotten in Redis.
    """

    conversation_id: UUID
    seq: int
    has_pending_predecessor: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Envelope:
    """An event to be published: every socket in any of `rooms` and in none of `except_rooms` receives `data` once.

    `key` is the deduplication key of an event that may be published more than once, for instance one of an AI run that
    is published again when it is unknown whether it has been.
    """

    account_id: UUID
    event: str
    data: dict[str, Any]
    rooms: tuple[str, ...]
    except_rooms: tuple[str, ...] = ()
    order: OrderKey | None = None
    key: str | None = None
    is_volatile: bool = False
    """Clients that were disconnected do not receive it later."""


@dataclass(frozen=True, slots=True)
class Event:
    """An event read from the stream. Its payload remains JSON until `data` is read."""

    event: str
    rooms: list[str]
    except_rooms: list[str]
    is_volatile: bool
    body: bytes
    offset: str
    """The position in the stream after this event."""

    @property
    def data(self) -> Any:
        return orjson.loads(self.body)


def pack(envelope: Envelope) -> bytes:
    """Return the recipients and the payload as two lines of JSON. Raises PayloadTooLarge above MAX_EVENT_BYTES."""
    head = (envelope.event, envelope.rooms, envelope.except_rooms, envelope.is_volatile)
    packed = orjson.dumps(head) + b"\n" + json_encoding.encode(envelope.data)
    if len(packed) > MAX_EVENT_BYTES:
        raise PayloadTooLarge(f"An event has at most {MAX_EVENT_BYTES:,} bytes", details={"event": envelope.event})
    return packed


def unpack(packed: bytes, *, offset: str) -> Event:
    head, _, body = packed.partition(b"\n")
    event, rooms, except_rooms, is_volatile = orjson.loads(head)
    return Event(event, rooms, except_rooms, is_volatile, body, offset)
