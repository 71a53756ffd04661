"""Events about what an inbox shows beside its conversations: the labels of the account."""

from uuid import UUID

from hummdesk.publish.audience import ACCOUNT
from hummdesk.publish.events.base import Event, event
from hummdesk.storage.labels import Label


@event("label_changed", to=(ACCOUNT,))
class LabelChanged(Event):
    """A label was created or changed. One that is not `active` is hidden."""

    label_id: UUID
    name: str
    color: str
    active: bool

    @classmethod
    def of(cls, account_id: UUID, label: Label) -> "LabelChanged":
        return cls(account_id=account_id, label_id=label.id, name=label.name, color=label.color, active=label.active)
