"""Snoozed conversations: pending until a time, when the relay reopens them, or until a customer's message does."""

from collections.abc import Collection
from datetime import datetime
from uuid import UUID

from hummdesk.core.errors import Conflict, NotFound
from hummdesk.core.ids import new_id
from hummdesk.core.models import Person
from hummdesk.storage.conversations import StatusChange
from hummdesk.storage.database import Transaction
from hummdesk.storage.queries import load

queries = load("snoozes")


async def snooze(
    tx: Transaction, *, actor: Person, conversation_id: UUID, until: datetime | None, reason: str | None = None
) -> StatusChange:
    """Make a conversation pending until a time, or with None until a reply; if that differs, add an outbox entry.

    Raises NotFound, and Conflict for a closed one.
    """
    event_id = new_id()
    if until is not None:
        until = until.replace(microsecond=until.microsecond // 1000 * 1000)  # as it is published
    row = await queries.snooze(
        tx,
        conversation_id=conversation_id,
        until=until,
        reason=reason or None,
        event_id=event_id,
        actor_id=actor.id,
        actor_type=actor.actor_type,
    )
    if row is None:
        raise NotFound
    if row["old"] == "closed":
        raise Conflict("The conversation is closed; reopen it first", details={"status": "closed"})
    return StatusChange(old=row["old"], new="pending", at=row["at"], event_id=event_id)


async def due(tx: Transaction, *, limit: int) -> dict[UUID, list[UUID]]:
    """By account the conversations whose time has come, at most `limit`; for the relay."""
    found: dict[UUID, list[UUID]] = {}
    async for row in queries.due(tx, limit=limit):
        found.setdefault(row["account_id"], []).append(row["id"])
    return found


async def wake(tx: Transaction, conversation_ids: Collection[UUID]) -> list[UUID]:
    """Reopen those of the account's conversations whose time has come; return their ids.

    Each is reopened once, whoever does it: what a customer's message or another relay has reopened is left out.
    """
    return [row["conversation_id"] async for row in queries.wake(tx, conversation_ids=list(conversation_ids))]
