"""The audit log of an account: changes of its people, keys and settings. Those of a conversation are in its events.

An entry names what was changed, never the content: no secret, no text, no value of a personal field.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Self
from uuid import UUID

from psycopg.types.json import Jsonb

from hummdesk.core.clock import wire_time
from hummdesk.core.ids import new_id
from hummdesk.core.models import Person
from hummdesk.storage.database import Transaction
from hummdesk.storage.queries import load

queries = load("audit")


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditEntry:
    id: UUID
    actor_id: UUID | None
    """None: an operator, by a command."""
    actor_type: str
    action: str
    subject_id: str
    details: dict[str, Any]
    created_at: datetime

    @classmethod
    def from_row(cls, row: dict[str, Any]) -> Self:
        return cls(**{name: row[name] for name in cls.__dataclass_fields__})

    def wire(self) -> dict[str, Any]:
        actor = {} if self.actor_id is None else {"actorId": str(self.actor_id)}
        return {
            "id": str(self.id),
            "actorType": self.actor_type,
            **actor,
            "action": self.action,
            "subjectId": self.subject_id,
            "details": self.details,
            "timestamp": wire_time(self.created_at),
        }


async def record(
    tx: Transaction, actor: Person | None, action: str, subject_id: UUID | str, details: dict[str, Any] | None = None
) -> None:
    """Add an entry in the transaction of the change. `actor` None is the operator; `action` is like `user.created`."""
    await queries.record(
        tx,
        id=new_id(),
        actor_id=actor and actor.id,
        actor_type="system" if actor is None else actor.actor_type,
        action=action,
        subject_id=str(subject_id),
        details=Jsonb(details or {}),
    )


async def entries(
    tx: Transaction, *, before: UUID, limit: int, noun: str | None = None, actor_id: UUID | None = None
) -> list[AuditEntry]:
    """The entries of the account before an id, newest first: of all actions, or those of a noun, and of all actors."""
    if noun is None and actor_id is None:
        rows = queries.entries(tx, before_id=before, limit=limit)
    else:
        rows = queries.filtered(tx, before_id=before, noun=noun, actor_id=actor_id, limit=limit)
    return [AuditEntry.from_row(row) async for row in rows]
