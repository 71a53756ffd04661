"""Events about what an inbox shows beside its conversations: labels, agents, teams, saved views and counts."""

from typing import Literal, NotRequired, TypedDict, cast
from uuid import UUID

from hummdesk.publish import rooms
from hummdesk.publish.audience import ACCOUNT, STAFF, Group, agent
from hummdesk.publish.events.base import Event, SocketEvent, event
from hummdesk.publish.fields import Count, Id, Routing
from hummdesk.storage.labels import Label
from hummdesk.storage.saved_views import SavedView


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


@event("directory_changed", to=(ACCOUNT,))
class DirectoryChanged(Event):
    """Users, with their photos, or teams were created or changed in the settings or over REST, but not by a command or
    a sign-in with an identity provider: `get_presence` or `get_teams` answers otherwise than before.

    Many clients receive it at once: they wait for a random time of some seconds before they send the request again.
    """

    part: Literal["agents", "teams"]


class SavedFilter(TypedDict):
    """What a saved view shows; what is not given does not matter. `mine`: of the agent who looks at it.

    `snoozed`: whether there is a time at which it is reopened. `sort` is `activity` without it.
    """

    status: NotRequired[Literal["open", "pending", "closed"]]
    mine: NotRequired[bool]
    unassigned: NotRequired[bool]
    assignedTo: NotRequired[Id]
    teamId: NotRequired[Id]
    labelId: NotRequired[Id]
    priority: NotRequired[Literal["low", "medium", "high", "urgent"]]
    category: NotRequired[str]
    snoozed: NotRequired[bool]
    search: NotRequired[str]
    sort: NotRequired[Literal["activity", "waiting"]]


@event("saved_view_changed", to=(Group(rooms.account, "shared_with", STAFF), agent("owner_id")))
class SavedViewChanged(Event):
    """A saved view was created, changed or `deleted`. One that is not `shared` is known to its owner only."""

    shared_with: Routing[UUID | None]
    """The account of a shared view."""
    owner_id: Routing[UUID | None]
    view_id: UUID
    name: str
    shared: bool
    deleted: bool
    filter: SavedFilter

    @classmethod
    def of(cls, account_id: UUID, view: SavedView, *, deleted: bool = False) -> "SavedViewChanged":
        return cls(
            account_id=account_id,
            shared_with=account_id if view.owner_id is None else None,
            owner_id=view.owner_id,
            view_id=view.id,
            name=view.name,
            shared=view.owner_id is None,
            deleted=deleted,
            filter=cast("SavedFilter", view.filter),
        )


class QueueCount(TypedDict):
    """How many conversations wait in the queue of a team."""

    teamId: Id
    count: Count


class ViewCount(TypedDict):
    """How many conversations a saved view shows. `hasMore`: at least so many."""

    viewId: Id
    count: Count
    hasMore: NotRequired[bool]


@event("counts_changed")
class CountsChanged(SocketEvent):
    """The numbers of open conversations: the person's own, the unassigned ones, and of these those in each queue; and
    the number of each saved view.

    A team without one is left out, and so is a view that is not counted yet: that of closed conversations, of all
    statuses, of a category, or with a search is counted later than the others. Sent to sockets that have asked for
    `get_inbox`, shortly after a change.
    """

    mine: Count
    unassigned: Count
    queues: list[QueueCount]
    views: list[ViewCount]
