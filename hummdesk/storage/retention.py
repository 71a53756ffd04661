"""Retention: how long an account keeps conversations, and visitors who never wrote."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from hummdesk.storage.database import Transaction
from hummdesk.storage.queries import load

queries = load("retention")

PRUNED = 1_000
"""Contacts that are looked at in one transaction."""

Position = tuple[UUID, UUID]
"""Account and contact."""

FIRST: Position = (UUID(int=0), UUID(int=0))


@dataclass(frozen=True, slots=True, kw_only=True)
class DueAccount:
    """An account whose conversations that were last active up to `until` are to be erased."""

    account_id: UUID
    until: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class DueConversation:
    id: UUID
    updated_at: datetime


async def accounts_due(tx: Transaction) -> list[DueAccount]:
    rows = [row async for row in queries.accounts_due(tx)]
    return [DueAccount(account_id=row["account_id"], until=row["until"]) for row in rows]


async def conversations_due(tx: Transaction, *, until: datetime, limit: int) -> list[DueConversation]:
    """The next conversations to erase; `advance` to the last one when they are erased and published."""
    rows = queries.conversations_due(tx, until=until, limit=limit)
    return [DueConversation(id=row["id"], updated_at=row["updated_at"]) async for row in rows]


async def advance(tx: Transaction, until: datetime) -> None:
    await queries.advance(tx, until=until)


async def prune_visitors(tx: Transaction, *, after: Position, days: int) -> tuple[int, Position | None]:
    """Delete visitors without a conversation among the next contacts after a position.

    Return their number and the position to go on from, None after the last contact.
    """
    row = await queries.prune_visitors(tx, account_id=after[0], contact_id=after[1], days=days, limit=PRUNED)
    return row["deleted"], None if row["id"] is None else (row["account_id"], row["id"])


async def prune_sign_ins(tx: Transaction) -> tuple[int, int]:
    """Delete sign-in links and staff sessions that have expired; return their numbers."""
    row = await queries.prune_sign_ins(tx)
    return row["links"], row["sessions"]
