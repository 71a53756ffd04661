"""What agents have made of the AI's classifications."""

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
"""Characters of the corrected message that come along."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Corrected:
    """None in `category` or `priority`: was left as it was found. `vector` is as the embedding `model` gave it."""

    message_id: UUID
    category: str | None
    priority: str | None
    content: str
    vector: bytes | None
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
    """Keep a correction and log it; when that was. Raises NotFound unless a customer wrote that message there."""
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
    """Of each account that has corrections, what changes when they do."""
    return {row["account_id"]: row["version"] async for row in queries.versions(tx, account_ids=list(account_ids))}


async def newest(tx: Transaction, account_id: UUID, *, most: int) -> list[Corrected]:
    """The last corrections of an account, the newest first."""
    rows = queries.newest(tx, account_id=account_id, most=most, length=TEXT_LENGTH)
    return [Corrected.from_row(row) async for row in rows]


async def keep_vectors(tx: Transaction, account_id: UUID, vectors: Mapping[UUID, bytes], *, model: str) -> None:
    """Keep the embeddings of corrected messages."""
    made = {"message_ids": list(vectors), "vectors": list(vectors.values()), "model": model}
    [_ async for _ in queries.keep_vectors(tx, account_id=account_id, **made)]
