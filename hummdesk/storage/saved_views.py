"""Saved views: filters of the inbox with a name, each of one agent or shared with all staff of the account."""

from collections.abc import Collection
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Self
from uuid import UUID

from psycopg.types.json import Jsonb

from hummdesk.core.clock import wire_time
from hummdesk.core.errors import Conflict, Invalid, NotFound
from hummdesk.core.models import Person
from hummdesk.storage import audit
from hummdesk.storage.changes import changed_fields
from hummdesk.storage.database import Transaction
from hummdesk.storage.queries import load

queries = load("saved_views")

MOST_SHARED = 100
MOST_OWN = 50
"""Views of an agent."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SavedView:
    """`owner_id` None: shared with all staff. `filter` is the SavedFilter of the contract."""

    id: UUID
    owner_id: UUID | None
    name: str
    filter: dict[str, Any]
    created_at: datetime

    @classmethod
    def from_row(cls, row: dict[str, Any]) -> Self:
        return cls(**{name: row[name] for name in cls.__dataclass_fields__})

    def wire(self) -> dict[str, Any]:
        return {"id": str(self.id), "name": self.name, "shared": self.owner_id is None, "filter": self.filter} | {
            "createdAt": wire_time(self.created_at)
        }


async def create(
    tx: Transaction, actor: Person, *, name: str, filter: dict[str, Any], shared: bool, view_id: UUID
) -> SavedView:
    """Add a view; a repeated id returns the one that it has added.

    Raises Conflict if there are too many, and Invalid for an unknown user, team or label.
    """
    await _require_known(tx, filter)
    owner_id, most = (None, MOST_SHARED) if shared else (actor.id, MOST_OWN)
    if (await queries.count(tx, owner_id=owner_id))["views"] >= most:
        raise Conflict(f"There are {most} views already; remove one that is not needed")
    if await queries.add(tx, id=view_id, owner_id=owner_id, name=name, filter=Jsonb(filter)) is not None:
        await audit.record(tx, actor, "view.created", view_id)
    return await get(tx, actor, view_id)


async def views(tx: Transaction, viewer: Person) -> list[SavedView]:
    """The shared views and the viewer's own, the shared ones first, each by name."""
    rows = queries.views(tx, owner_id=viewer.id, limit=MOST_SHARED + MOST_OWN)
    return [SavedView.from_row(row) async for row in rows]


async def scanned(tx: Transaction, *, owners: Collection[UUID], limit: int) -> list[SavedView]:
    """The shared views and those of the owners that `counts.by_kind` does not count, the shared ones first."""
    return [SavedView.from_row(row) async for row in queries.scanned(tx, owners=list(owners), limit=limit)]


async def get(tx: Transaction, viewer: Person, view_id: UUID) -> SavedView:
    """Raises NotFound, also for a view of another agent."""
    row = await queries.get(tx, view_id=view_id, owner_id=viewer.id)
    if row is None:
        raise NotFound
    return SavedView.from_row(row)


async def locked(tx: Transaction, viewer: Person, view_id: UUID) -> SavedView:
    """The view, locked until the transaction ends. Raises NotFound."""
    await queries.lock(tx, view_id=view_id)
    return await get(tx, viewer, view_id)


async def update(tx: Transaction, actor: Person, old: SavedView, **changes: Any) -> SavedView:
    """Change name and filter of a locked view as far as they are given.

    Raises Invalid for an unknown user, team or label.
    """
    await _require_known(tx, changes.get("filter", {}))
    new = replace(old, **changes)
    if fields := changed_fields(old, new):
        await queries.change(tx, view_id=old.id, name=new.name, filter=Jsonb(new.filter))
        await audit.record(tx, actor, "view.updated", old.id, {"fields": fields})
    return new


async def remove(tx: Transaction, actor: Person, view: SavedView) -> None:
    await queries.remove(tx, view_id=view.id)
    await audit.record(tx, actor, "view.deleted", view.id)


async def _require_known(tx: Transaction, filter: dict[str, Any]) -> None:
    known = await queries.known(
        tx, user_id=filter.get("assignedTo"), team_id=filter.get("teamId"), label_id=filter.get("labelId")
    )
    if missing := [name for name, is_known in known.items() if not is_known]:
        raise Invalid(details={f"filter.{name}": [f"There is no {filter[name]}."] for name in missing})
