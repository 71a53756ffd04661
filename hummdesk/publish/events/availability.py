"""Events about the business hours of an account."""

from dataclasses import field
from datetime import datetime
from typing import NotRequired, TypedDict

from hummdesk.publish import rooms
from hummdesk.publish.audience import ACCOUNT, CUSTOMERS
from hummdesk.publish.events.base import Event, event, utc_now
from hummdesk.publish.fields import Routing


class ClosedMessage(TypedDict):
    """What customers read outside the hours, by language."""

    en: NotRequired[str]
    de: NotRequired[str]


@event("availability_changed", schema="Availability", to=(ACCOUNT, CUSTOMERS))
class AvailabilityChanged(Event):
    """Whether the account is open, when it opens or closes next, and while it is closed what customers read.

    Customers of an account that does not announce its hours do not receive it.
    """

    is_open: bool
    opens_at: datetime | None = None
    closes_at: datetime | None = None
    message: ClosedMessage | None = None
    timestamp: datetime = field(default_factory=utc_now, compare=False)
    is_announced: Routing[bool] = True
    """Whether customers receive it."""
    due: Routing[datetime | None] = None
    """The time of the change for which it is published, once."""

    @property
    def key(self) -> str | None:
        return f"availability/{self.account_id}/{self.due.timestamp()}" if self.due else None

    def rooms(self) -> tuple[str, ...]:
        to_staff = (rooms.account(self.account_id),)
        return (*to_staff, rooms.customers(self.account_id)) if self.is_announced else to_staff
