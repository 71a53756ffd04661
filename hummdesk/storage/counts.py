"""How many open and pending conversations an account has, by what the views of an inbox select them by."""

from collections import Counter
from dataclasses import dataclass
from typing import Any, Self
from uuid import UUID

from hummdesk.storage.database import Transaction
from hummdesk.storage.queries import load

queries = load("counts")

MOST = 20_000
"""Conversations that are counted; of more, the least recently active are left out."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """What conversations of a group have in common."""

    status: str
    assigned_to: UUID | None
    assigned_team: UUID | None
    priority: str
    label_ids: tuple[UUID, ...]

    @classmethod
    def from_row(cls, row: dict[str, Any]) -> Self:
        return cls(**{name: row[name] for name in cls.__dataclass_fields__} | {"label_ids": tuple(row["label_ids"])})


async def by_kind(tx: Transaction) -> Counter[Kind]:
    """The number of open and pending conversations of the transaction's account by kind."""
    return Counter({Kind.from_row(row): row["conversations"] async for row in queries.by_kind(tx, limit=MOST)})
