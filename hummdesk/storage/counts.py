"""How many open conversations an account has, by agent and team."""

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
    """What the conversations of a group have in common."""

    assigned_to: UUID | None
    assigned_team: UUID | None

    @classmethod
    def from_row(cls, row: dict[str, Any]) -> Self:
        return cls(**{name: row[name] for name in cls.__dataclass_fields__})


async def by_kind(tx: Transaction) -> Counter[Kind]:
    """The number of open conversations of the transaction's account by kind."""
    return Counter({Kind.from_row(row): row["conversations"] async for row in queries.by_kind(tx, limit=MOST)})
