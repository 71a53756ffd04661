"""How many conversations an account has: open ones by agent and team, and those of saved views."""

from collections import Counter
from collections.abc import Collection
from dataclasses import dataclass, field
from uuid import UUID

from hummdesk.storage.database import Transaction
from hummdesk.storage.queries import load

queries = load("counts")

MOST = 20_000
"""Conversations of a status that are counted; of more, the least recently active are left out."""
MOST_VIEWS = 100
"""Saved views that are counted, the shared ones first."""


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
