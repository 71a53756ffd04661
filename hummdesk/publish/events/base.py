"""The base of all events.

An event is one definition: its fields are its payload, `event` states its name and recipients, and its properties `key`
and `order` say how it is deduplicated and ordered. Schema, AsyncAPI, TypeScript and the leak test are derived from it.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, ClassVar, TypeVar, dataclass_transform
from uuid import UUID

from hummdesk.bus.envelope import Envelope, OrderKey
from hummdesk.publish.audience import JOINED, JOINED_STAFF, Group, Recipient
from hummdesk.publish.fields import Field, Routing, sent_fields

Payload = dict[str, Any]
SOCKET: frozenset[Recipient] = frozenset({"socket"})


def utc_now() -> datetime:
    return datetime.now(UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class SocketEvent:
    """An event for the one socket that it concerns."""

    event_name: ClassVar[str]
    schema: ClassVar[str]
    """The name of the payload in the contract. Events with the same payload share it."""
    recipients: ClassVar[frozenset[Recipient]] = SOCKET
    sent: ClassVar[tuple[Field, ...]] = ()

    def payload(self) -> Payload:
        """The payload as staff receives it."""
        found: Payload = {}
        for one in self.sent:
            value = getattr(self, one.name)
            if value is not None:
                found[one.key] = value if one.convert is None else one.convert(value)
        return found


@dataclass(frozen=True, slots=True, kw_only=True)
class Event(SocketEvent):
    """An event for the sockets in some rooms, in every process."""

    to: ClassVar[tuple[Group, ...]] = ()
    but: ClassVar[tuple[Group, ...]] = ()
    is_volatile: ClassVar[bool] = False
    """Clients that are away do not receive it later."""
    staff_only: ClassVar[frozenset[str]] = frozenset()
    """The keys of the payload that customers do not receive."""

    account_id: Routing[UUID]

    @property
    def key(self) -> str | None:
        """The deduplication key: an event is not published again under a key that was used before."""
        return None

    @property
    def order(self) -> OrderKey | None:
        """The ordering key: a position among the messages of a conversation."""
        return None

    def rooms(self) -> tuple[str, ...]:
        return self._rooms_of(self.to)

    def envelopes(self) -> tuple[Envelope, ...]:
        """The event as the stream takes it: once, or if customers do not receive all of it, once for each side."""
        payload = self.payload()
        if self.staff_only and not self.staff_only.isdisjoint(payload):
            return self._sides(payload)
        return (self._envelope(payload, self.rooms(), self._rooms_of(self.but) if self.but else (), self.key),)

    def _sides(self, payload: Payload) -> tuple[Envelope, Envelope]:
        """For staff as it is, and for the customer without the fields that are for staff only."""
        public = {name: value for name, value in payload.items() if name not in self.staff_only}
        staff = self._rooms_of(tuple(JOINED_STAFF if group is JOINED else group for group in self.to))
        joined_staff, key = self._rooms_of((JOINED_STAFF,)), self.key
        return (
            self._envelope(payload, staff, (), key and f"{key}/staff"),
            self._envelope(public, self._rooms_of((JOINED,)), joined_staff, key and f"{key}/customer"),
        )

    def _envelope(self, payload: Payload, to: tuple[str, ...], but: tuple[str, ...], key: str | None) -> Envelope:
        return Envelope(
            account_id=self.account_id,
            event=self.event_name,
            data=payload,
            rooms=to,
            except_rooms=but,
            order=self.order,
            key=key,
            is_volatile=self.is_volatile,
        )

    def _rooms_of(self, groups: tuple[Group, ...]) -> tuple[str, ...]:
        found = [(group.room, getattr(self, group.field)) for group in groups]
        return tuple([room(room_id) for room, room_id in found if room_id is not None])


@dataclass(frozen=True, slots=True, kw_only=True)
class OfConversation(Event):
    conversation_id: UUID
    timestamp: datetime = field(default_factory=utc_now, compare=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class OfMessage(OfConversation):
    message_id: UUID


EventType = TypeVar("EventType", bound=SocketEvent)


@dataclass_transform(frozen_default=True, kw_only_default=True, field_specifiers=(field,))
def event(
    name: str,
    *,
    schema: str | None = None,
    to: tuple[Group, ...] = (),
    but: tuple[Group, ...] = (),
    is_volatile: bool = False,
) -> Callable[[type[EventType]], type[EventType]]:
    """Define an event: a frozen, keyword-only, slotted dataclass with a name, a schema and recipients."""

    def define(cls: type[EventType]) -> type[EventType]:
        defined = dataclass(frozen=True, slots=True, kw_only=True)(cls)
        defined.event_name = name
        defined.schema = schema or cls.__name__
        defined.sent = sent_fields(defined)
        if issubclass(defined, Event):
            defined.to, defined.but, defined.is_volatile = to, but, is_volatile
            defined.recipients = frozenset(kind for group in to for kind in group.recipients)
            defined.staff_only = frozenset(one.key for one in defined.sent if one.is_staff_only)
        return defined

    return define
