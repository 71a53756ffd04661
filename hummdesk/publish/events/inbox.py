"""Events about what an inbox shows beside its conversations: labels and counts."""

from typing import TypedDict
from uuid import UUID

from hummdesk.publish.audience import ACCOUNT
from hummdesk.publish.events.base import Event, SocketEvent, event
from hummdesk.publish.fields import Count, Id
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


class QueueCount(TypedDict):
    """How many conversations wait in the queue of a team."""

    teamId: Id
    count: Count


@event("counts_changed")
class CountsChanged(SocketEvent):
    """The numbers of open conversations: the person's own, the unassigned ones, and of these those in each queue.

    A team without one is left out. Sent to sockets that have asked for `get_inbox`, shortly after a change.
    """

    mine: Count
    unassigned: Count
    queues: list[QueueCount]
