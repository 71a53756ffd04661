"""Corrections of classifications by agents."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Self
from uuid import UUID

from hummdesk.core.errors import NotFound
from hummdesk.core.ids import new_id
from hummdesk.core.models import Person
from hummdesk.storage.database import Transaction
from hummdesk.storage.queries import load

queries = load("corrections")

TEXT_LENGTH = 2_000
"""Maximum length of a corrected message in a result."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Corrected:
    """A correction with the corrected message. None in `category` or `priority`: not corrected."""

    message_id: UUID
    category: str | None
    priority: str | None
    content: str
    vector: bytes | None
    """The embedding of the message by `model`."""
    model: str | None

    @classmethod
    def from_row(cls, row: dict[str, Any]) -> Self:
        return cls(**{name: row[name] for name in cls.__dataclass_fields__})


async def correct(
    tx: Transaction,
    *,
    actor: Person,
    conversation_id: UUID,
    message_id: UUID,
    category: str | None,
    priority: str | None,
) -> datetime:
    """Store a correction and log it; return its time. Raises NotFound unless it is a customer's message."""
    row = await queries.correct(
        tx,
        conversation_id=conversation_id,
        message_id=message_id,
        category=category,
        priority=priority,
        actor_id=actor.id,
        event_id=new_id(),
    )
    if row is None:
        raise NotFound
    moment: datetime = row["corrected_at"]
    return moment


async def versions(tx: Transaction, account_ids: Iterable[UUID]) -> dict[UUID, datetime]:
    """By account with corrections, a value that changes when its corrections change."""
    return {row["account_id"]: row["version"] async for row in queries.versions(tx, account_ids=list(account_ids))}


async def newest(tx: Transaction, account_id: UUID, *, limit: int) -> list[Corrected]:
    """The newest corrections of an account, newest first."""
    rows = queries.newest(tx, account_id=account_id, limit=limit, length=TEXT_LENGTH)
    return [Corrected.from_row(row) async for row in rows]


async def store_vectors(tx: Transaction, account_id: UUID, vectors: Mapping[UUID, bytes], *, model: str) -> None:
    """Store the embeddings of corrected messages."""
    columns = {"message_ids": list(vectors), "vectors": list(vectors.values()), "model": model}
    [_ async for _ in queries.store_vectors(tx, account_id=account_id, **columns)]
