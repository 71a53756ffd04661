"""The labels of an account, and which of them are on a conversation.

A label is never deleted: one that is not active is hidden, and cannot be put on a conversation.
"""

from collections.abc import Collection
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Self
from uuid import UUID

from hummdesk.core.clock import wire_time
from hummdesk.core.errors import Conflict, Invalid, NotFound
from hummdesk.core.ids import new_id
from hummdesk.core.models import Person
from hummdesk.storage import audit, conversations, page_cursor
from hummdesk.storage.changes import changed_fields, first_page, unique
from hummdesk.storage.database import Transaction
from hummdesk.storage.queries import load

queries = load("labels")

MOST = 500
"""Labels of an account."""
MOST_OF_CONVERSATION = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Label:
    id: UUID
    name: str
    color: str
    active: bool
    created_at: datetime

    @classmethod
    def from_row(cls, row: dict[str, Any]) -> Self:
        return cls(**{name: row[name] for name in cls.__dataclass_fields__})

    def wire(self) -> dict[str, Any]:
        return {"id": str(self.id), "name": self.name, "color": self.color, "active": self.active} | {
            "createdAt": wire_time(self.created_at)
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Labelled:
    """The labels of a conversation after a change. `event_id`: of the log and the outbox entry; None: unchanged."""

    label_ids: list[UUID]
    event_id: UUID | None


async def create(tx: Transaction, actor: Person, *, name: str, color: str, label_id: UUID) -> tuple[Label, bool]:
    """Add a label; return it, and False for one that has this name already, which is not changed.

    Raises Conflict if the account has MOST labels.
    """
    if (await queries.count(tx))["labels"] >= MOST:
        raise Conflict(f"The account has {MOST} labels; rename one that is not needed")
    if await queries.add(tx, id=label_id, name=name, color=color) is None:
        return await get(tx, (await queries.id_of(tx, name=name))["id"]), False
    await audit.record(tx, actor, "label.created", label_id)
    return await get(tx, label_id), True


async def labels(tx: Transaction) -> list[Label]:
    """All labels of the account, by name."""
    return [Label.from_row(row) async for row in queries.labels(tx, limit=MOST)]


async def page(
    tx: Transaction, *, limit: int, cursor: str | None = None, active: bool | None = None
) -> tuple[list[Label], str | None]:
    """A page of the labels, newest first, and the cursor of the next one. Raises Invalid for a bad cursor."""
    rows = queries.page(tx, before_id=page_cursor.id_of(cursor), active=active, limit=limit + 1)
    return first_page([Label.from_row(row) async for row in rows], limit)


async def get(tx: Transaction, label_id: UUID) -> Label:
    """Raises NotFound."""
    row = await queries.get(tx, label_id=label_id)
    if row is None:
        raise NotFound
    return Label.from_row(row)


async def locked(tx: Transaction, label_id: UUID) -> Label:
    """The label, locked until the transaction ends. Raises NotFound."""
    await queries.lock(tx, label_id=label_id)
    return await get(tx, label_id)


async def update(tx: Transaction, actor: Person, label_id: UUID, **changes: Any) -> Label:
    """Change name, color and `active` as far as they are given.

    Raises NotFound, and Conflict for the name of another label.
    """
    old = await locked(tx, label_id)
    new = replace(old, **changes)
    if fields := changed_fields(old, new):
        with unique("Another label has this name"):
            await queries.change(tx, label_id=label_id, name=new.name, color=new.color, active=new.active)
        await audit.record(tx, actor, "label.updated", label_id, {"fields": fields})
    return new


async def change(
    tx: Transaction,
    *,
    actor: Person,
    conversation_id: UUID,
    added: Collection[UUID] = (),
    removed: Collection[UUID] = (),
    field: str = "add",
) -> Labelled:
    """Put labels on a conversation and take others off, in the log if that changes them.

    Raises NotFound, and Invalid, with the name of the field, for a label that is not active or too many of them.
    """
    if missing := set(added) - {row["id"] async for row in queries.active(tx, ids=list(added))}:
        raise Invalid(details={field: [f"No active label has the id {one}." for one in sorted(missing)]})
    event_id = new_id()
    row = await conversations.queries.change_labels(
        tx,
        conversation_id=conversation_id,
        added=list(added),
        removed=list(removed),
        event_id=event_id,
        actor_id=actor.id,
        actor_type=actor.actor_type,
    )
    if row is None:
        raise NotFound
    if len(row["label_ids"]) > MOST_OF_CONVERSATION:
        raise Invalid(details={field: [f"A conversation has at most {MOST_OF_CONVERSATION} labels."]})
    return Labelled(label_ids=row["label_ids"], event_id=event_id if row["changed"] else None)
