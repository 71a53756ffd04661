"""The event of an account's business hours."""

from datetime import datetime
from uuid import UUID

from hummdesk.publish.events.availability import AvailabilityChanged, ClosedMessage
from hummdesk.routing.hours import opening
from hummdesk.storage.hours import BusinessHours


def availability(
    account_id: UUID, hours: BusinessHours, at: datetime, *, due: datetime | None = None
) -> AvailabilityChanged:
    """The state of an account at a time. `due` is that of the change for which it is published."""
    now = opening(hours, at)
    message: ClosedMessage = {**hours.texts}  # type: ignore[typeddict-item]
    return AvailabilityChanged(
        account_id=account_id,
        is_open=now.is_open,
        opens_at=now.opens_at,
        closes_at=now.closes_at,
        message=message if message and not now.is_open else None,
        is_announced=hours.outside == "announce",
        due=due,
    )
