"""The erasure of conversations and contacts, by statements made from the classification in storage/personal_data.py.

A conversation is erased in batches of messages, each in a transaction that locks the conversation. Rows and `seq` stay;
values that hold content are replaced. Each statement changes only rows that are not erased yet, so that an erasure that
was interrupted can be repeated; the same conditions find what is left.
"""

import json
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal, Self
from uuid import UUID

import psycopg

from hummdesk.core.clock import wire_time
from hummdesk.core.errors import NotFound, Unavailable
from hummdesk.core.models import Message
from hummdesk.storage import personal_statements as statements
from hummdesk.storage.database import Database, Transaction
from hummdesk.storage.outbox import OutboxEntry
from hummdesk.storage.personal_data import DELETION_ORDER, TABLES, Scope, Table
from hummdesk.storage.queries import load
from hummdesk.storage.runs import EndedRun

queries = load("erasures")

BATCH = 500
"""Messages in one transaction."""

ATTEMPTS = 5
DELETED = 2_000
"""Rows of an account that are deleted in one transaction."""

RECENT_SECONDS = 60.0
"""A process that has recorded the end of an AI run as published publishes nothing of it after this time."""

Subject = Literal["contact", "account"]
Counts = Counter[str]
"""Numbers of rows, or of entries in Redis, by place."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Receipt:
    """What was erased of a subject, where. `verified_at` is the time of a verification that found nothing."""

    account_id: UUID
    subject_id: UUID
    subject: Subject
    requested_at: datetime
    completed_at: datetime | None
    verified_at: datetime | None
    erased: Mapping[str, int]

    @classmethod
    def from_row(cls, row: dict[str, Any]) -> Self:
        return cls(**{name: row[name] for name in cls.__dataclass_fields__})

    def wire(self) -> dict[str, object]:
        """The receipt as JSON."""
        return {
            self.subject: str(self.subject_id),
            "account": str(self.account_id),
            "requestedAt": wire_time(self.requested_at),
            "completedAt": self.completed_at and wire_time(self.completed_at),
            "verifiedAt": self.verified_at and wire_time(self.verified_at),
            "erased": dict(sorted(self.erased.items())),
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """Some messages of a conversation, by ascending seq."""

    ids: list[UUID]
    last_seq: int
    is_last: bool


# Receipts -------------------------------------------------------------------------------------------------------------


async def account_of(tx: Transaction, contact_id: UUID) -> UUID:
    """The account of a contact, erased or not. Raises NotFound."""
    row = await queries.contact_account(tx, contact_id=contact_id)
    if row is None:
        raise NotFound("No contact has this id")
    account_id: UUID = row["account_id"]
    return account_id


async def request(tx: Transaction, *, account_id: UUID, subject_id: UUID, subject: Subject) -> None:
    await queries.request(tx, account_id=account_id, subject_id=subject_id, subject=subject)


async def add_counts(tx: Transaction, *, account_id: UUID, subject_id: UUID, counts: Counts) -> None:
    await queries.add_counts(tx, account_id=account_id, subject_id=subject_id, counts=json.dumps(+counts))


async def complete(tx: Transaction, *, account_id: UUID, subject_id: UUID) -> None:
    await queries.complete(tx, account_id=account_id, subject_id=subject_id)


async def record_verification(tx: Transaction, *, account_id: UUID, subject_id: UUID, is_verified: bool) -> None:
    await queries.verified(tx, account_id=account_id, subject_id=subject_id, is_verified=is_verified)


async def receipt(tx: Transaction, subject_id: UUID) -> Receipt:
    """The receipt of an erasure. Raises NotFound."""
    row = await queries.receipt(tx, subject_id=subject_id)
    if row is None:
        raise NotFound("No erasure of this id was requested")
    return Receipt.from_row(row)


# Erasing --------------------------------------------------------------------------------------------------------------


async def sign_out(tx: Transaction, contact_id: UUID) -> None:
    """Deactivate a contact. When this is committed, the contact can neither send nor start a conversation."""
    await queries.lock_contact(tx, contact_id=contact_id)
    await queries.deactivate_contact(tx, contact_id=contact_id)


async def conversations_of(tx: Transaction, contact_id: UUID) -> list[UUID]:
    return [row["id"] async for row in queries.conversations_of(tx, contact_id=contact_id)]


async def next_batch(tx: Transaction, *, conversation_id: UUID, after_seq: int) -> Batch:
    rows = queries.messages_after(tx, conversation_id=conversation_id, after_seq=after_seq, limit=BATCH)
    found = [row async for row in rows]
    last_seq = found[-1]["seq"] if found else after_seq
    return Batch(ids=[row["id"] for row in found], last_seq=last_seq, is_last=len(found) < BATCH)


async def erase_batch(tx: Transaction, *, conversation_id: UUID, after_seq: int, closes: bool) -> tuple[Batch, Counts]:
    """Erase the next messages of a conversation with what depends on them, and after the last ones the conversation.

    `closes`: the conversation accepts no more messages. Raises NotFound.
    """
    early = await next_batch(tx, conversation_id=conversation_id, after_seq=after_seq)
    await queries.end_runs(tx, message_ids=early.ids)  # before the conversation is locked, as workers lock both
    locked = await queries.lock_conversation(tx, conversation_id=conversation_id)
    if locked is None:
        raise NotFound
    counts: Counts = Counter()
    values = {"conversation": conversation_id, "messages": early.ids, "revision": locked["revision"]}
    if closes:  # its files first: a trigger deletes those that an older version leaves, without counting them
        counts += await _erase(tx, [table for table in _tables(("conversation",)) if table.name == "files"], values)
        await queries.close_conversation(tx, conversation_id=conversation_id)
    batch = await next_batch(tx, conversation_id=conversation_id, after_seq=after_seq)
    await queries.end_runs(tx, message_ids=batch.ids)  # a worker may have created draft runs meanwhile
    scopes: tuple[Scope, ...] = ("message", "conversation") if batch.is_last else ("message",)
    counts += await _erase(tx, _tables(scopes), values | {"messages": batch.ids})
    await queries.raise_revision(tx, conversation_id=conversation_id, number=counts["messages"])
    return batch, counts


async def erase_contact(tx: Transaction, contact_id: UUID) -> Counts:
    """Erase name and address of a contact."""
    return await _erase(tx, _tables(("contact",)), {"contact": contact_id})


async def _erase(tx: Transaction, tables: Iterable[Table], values: Mapping[str, object]) -> Counts:
    counts: Counts = Counter()
    for table in tables:
        cursor = await tx.execute(statements.erase(table), values)
        counts[table.name] += cursor.rowcount
    return counts


def _tables(scopes: tuple[Scope, ...]) -> list[Table]:
    return [table for table in TABLES if table.scope in scopes and (table.deletes or table.erased)]


# Verification ---------------------------------------------------------------------------------------------------------


async def left_of_batch(tx: Transaction, *, conversation_id: UUID, after_seq: int) -> tuple[Batch, Counts]:
    """Count the rows that are not erased, as `erase_batch` goes through them."""
    batch = await next_batch(tx, conversation_id=conversation_id, after_seq=after_seq)
    scopes: tuple[Scope, ...] = ("message", "conversation") if batch.is_last else ("message",)
    return batch, await _count(tx, _tables(scopes), {"conversation": conversation_id, "messages": batch.ids})


async def left_of_contact(tx: Transaction, contact_id: UUID) -> Counts:
    return await _count(tx, _tables(("contact",)), {"contact": contact_id})


async def _count(tx: Transaction, tables: Iterable[Table], values: Mapping[str, object]) -> Counts:
    counts: Counts = Counter()
    for table in tables:
        cursor = await tx.execute(statements.count_left(table), values)
        row = await cursor.fetchone()
        counts[table.name] += row["n"] if row is not None else 0
    return counts


# What has to be published ---------------------------------------------------------------------------------------------


async def changed_messages(tx: Transaction, *, conversation_id: UUID, after_revision: int) -> list[Message]:
    """The next changed messages of a conversation, by revision; at most BATCH."""
    rows = queries.changed_messages(tx, conversation_id=conversation_id, revision=after_revision, limit=BATCH)
    return [Message.from_row(row) async for row in rows]


async def outbox_of(tx: Transaction, conversation_id: UUID) -> list[OutboxEntry]:
    return [OutboxEntry.from_row(row) async for row in queries.outbox_of(tx, conversation_id=conversation_id)]


async def unannounced_runs(tx: Transaction, conversation_id: UUID) -> list[EndedRun]:
    return [EndedRun.from_row(row) async for row in queries.unannounced_runs(tx, conversation_id=conversation_id)]


async def run_messages(tx: Transaction, conversation_id: UUID) -> list[UUID]:
    """The messages with AI runs whose results may not be published yet."""
    rows = queries.run_messages(tx, conversation_id=conversation_id, recent_seconds=RECENT_SECONDS)
    return [row["id"] async for row in rows]


# Accounts -------------------------------------------------------------------------------------------------------------


async def request_account(tx: Transaction, account_id: UUID) -> None:
    """Record, as the operator, that an account is to be erased. Raises NotFound, unless that was recorded before."""
    if await queries.account_or_erasure(tx, account_id=account_id) is None:
        raise NotFound("No account has this id")
    await request(tx, account_id=account_id, subject_id=account_id, subject="account")


async def sign_out_account(tx: Transaction, account_id: UUID) -> bool:
    """Deactivate all users and contacts of an account; return whether it exists."""
    return await queries.deactivate_people(tx, account_id=account_id) is not None


async def delete_account(database: Database, account_id: UUID) -> None:
    """Delete the rows of an account, in short transactions, and add their numbers to its receipt.

    A request in progress may add rows to a table that was deleted before; then it is repeated. Raises Unavailable if
    that does not end.
    """
    for _ in range(ATTEMPTS):
        try:
            for table in DELETION_ORDER:
                await _delete_table(database, table, account_id)
            return
        except psycopg.errors.ForeignKeyViolation:
            continue
    raise Unavailable


async def _delete_table(database: Database, table: Table, account_id: UUID) -> None:
    number = DELETED
    while number == DELETED:
        async with database.all_accounts() as tx:
            cursor = await tx.execute(statements.delete_some(table), {"account": account_id, "most": DELETED})
            number = cursor.rowcount
            counts: Counts = Counter({table.name: number})
            await add_counts(tx, account_id=account_id, subject_id=account_id, counts=counts)


async def left_of_account(tx: Transaction, account_id: UUID) -> Counts:
    """Count the rows of an account by table."""
    counts: Counts = Counter()
    for table in TABLES:
        cursor = await tx.execute(statements.count_account(table), {"account": account_id})
        row = await cursor.fetchone()
        counts[table.name] += row["n"] if row is not None else 0
    return counts
