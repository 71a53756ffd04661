"""How many conversations an account has: open ones by agent and team, and those of saved views."""

from collections import Counter
from collections.abc import Collection
from dataclasses import dataclass, field
from uuid import UUID

from hummdesk.core.errors import Invalid
from hummdesk.storage import conversations, saved_views
from hummdesk.storage.conversations import Filter
from hummdesk.storage.database import Transaction
from hummdesk.storage.queries import load
from hummdesk.storage.saved_views import SavedView

queries = load("counts")

MOST = 20_000
"""Conversations of a status that are counted; of more, the least recently active are left out."""
MOST_VIEWS = 100
"""Saved views that are counted, the shared ones first."""
MOST_SCANNED_VIEWS = 20
"""The same of views that are counted by their lists."""
MOST_SCANNED = 1_000
"""Conversations of such a view that are counted."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """What the open conversations of a group have in common."""

    assigned_to: UUID | None
    assigned_team: UUID | None


@dataclass(slots=True, kw_only=True)
class ViewTotal:
    """The conversations that a saved view shows, by agent if it shows each agent's own."""

    owner_id: UUID | None
    mine: bool
    is_waiting: bool = False
    """Only those whose customers wait for an answer: messages change them, too."""
    has_more: bool = False
    """Whether there can be more than were counted."""
    numbers: Counter[UUID | None] = field(default_factory=Counter)

    def of(self, person_id: UUID) -> int:
        return self.numbers[person_id if self.mine else None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Totals:
    kinds: Counter[Kind] = field(default_factory=Counter)
    views: dict[UUID, ViewTotal] = field(default_factory=dict)


async def by_kind(tx: Transaction, *, owners: Collection[UUID] = ()) -> Totals:
    """Count the open conversations of the transaction's account by kind, and those of its shared views and of the views
    of the owners.
    """
    found = Totals()
    async for row in queries.by_kind(tx, owners=list(owners), views=MOST_VIEWS, limit=MOST):
        if row["view_id"] is None:
            kind = Kind(assigned_to=row["assigned_to"], assigned_team=row["assigned_team"])
            found.kinds[kind] += row["conversations"]
        else:
            view = ViewTotal(owner_id=row["owner_id"], mine=row["mine"], is_waiting=row["is_waiting"])
            total = found.views.setdefault(row["view_id"], view)
            total.numbers[row["assigned_to"]] += row["conversations"]
    return found


async def scanned_views(tx: Transaction, *, owners: Collection[UUID]) -> list[SavedView]:
    """The views that `by_kind` leaves out: of closed conversations, of all statuses, of a category or a search."""
    return await saved_views.scanned(tx, owners=owners, limit=MOST_SCANNED_VIEWS)


async def of_view(tx: Transaction, view: SavedView) -> ViewTotal | None:
    """Count the conversations of a view by its list; None if its search is not valid any more."""
    wanted = view.filter
    found = Filter(
        status=wanted.get("status"),
        assigned_to=_id(wanted.get("assignedTo")),
        unassigned=wanted.get("unassigned", False),
        team_id=_id(wanted.get("teamId")),
        priority=wanted.get("priority"),
        label_id=_id(wanted.get("labelId")),
        category=wanted.get("category"),
        is_snoozed=wanted.get("snoozed"),
        words=wanted.get("search"),
        is_waiting=wanted.get("sort") == "waiting",
    )
    is_mine = wanted.get("mine", False)
    try:
        numbers, has_more = await conversations.number_by_agent(
            tx, wanted=found, owner_id=view.owner_id, is_mine=is_mine, limit=MOST_SCANNED
        )
    except Invalid:
        return None
    return ViewTotal(owner_id=view.owner_id, mine=None not in numbers, numbers=numbers, has_more=has_more)


def _id(value: str | None) -> UUID | None:
    return None if value is None else UUID(value)
