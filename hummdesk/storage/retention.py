"""Retention: how long an account keeps conversations, visitors who never wrote, and rows that are too old."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from hummdesk.core.ids import lowest_id
from hummdesk.storage.database import Transaction
from hummdesk.storage.queries import load

queries = load("retention")

PRUNED = 1_000
"""Contacts that are looked at in one transaction, and old rows that are deleted in one."""
PRUNED_ACCOUNTS = 200
"""Accounts whose oldest rows are looked at in one transaction."""

BY_INDEX = {"enable_seqscan": "off", "enable_hashjoin": "off", "enable_mergejoin": "off"}
"""For deletions of old rows: a plan that does not know how few they are would read whole tables to join them."""

Position = tuple[UUID, UUID]
"""Account and contact."""

FIRST: Position = (UUID(int=0), UUID(int=0))
FIRST_ACCOUNT = UUID(int=0)

OldRow = Literal["ai_run", "model_call", "learned_answer", "ai_usage", "audit_entry", "idempotency_key", "page_visit"]


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


async def prune_old(
    tx: Transaction, kind: OldRow, *, before: datetime, after: UUID = FIRST_ACCOUNT
) -> tuple[int, UUID | None]:
    """Delete rows that are older than `before`, of the next accounts after one.

    Return their number, and the account to go on from, None after the last account.
    """
    scope = {"after": after, "accounts": PRUNED_ACCOUNTS, "limit": PRUNED}
    for name, value in BY_INDEX.items():
        await queries.set_planner(tx, name=name, value=value)
    row: dict[str, Any]
    match kind:
        case "ai_run":
            row = await queries.prune_runs(tx, before_id=lowest_id(before), **scope)
        case "model_call":
            row = await queries.prune_calls(tx, before=before, **scope)
        case "learned_answer":
            row = await queries.prune_answers(tx, before_id=lowest_id(before), **scope)
        case "ai_usage":
            row = await queries.prune_usage(tx, before=before, **scope)
        case "audit_entry":
            row = await queries.prune_audit(tx, before_id=lowest_id(before), **scope)
        case "idempotency_key":
            row = await queries.prune_requests(tx, before=before, **scope)
        case "page_visit":
            row = await queries.prune_pages(tx, before=before, **scope)
    return row["deleted"], after if row["deleted"] == PRUNED else row["last_account"]
