"""The outbox: committed changes whose events may not have been published yet.

An entry is written in the transaction of its change and removed when Redis has stored the events. If the web process
dies in between, the relay finds the entry and publishes the events.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Self
from uuid import UUID

from hummdesk.core.errors import NotFound
from hummdesk.core.ids import new_id
from hummdesk.core.models import Conversation, Message
from hummdesk.storage import conversations, message_changes, moves
from hummdesk.storage.database import Transaction
from hummdesk.storage.moves import LoggedChange
from hummdesk.storage.queries import load, uuid_array

queries = load("outbox")

EntryKey = tuple[UUID, UUID]
"""Account and entry."""

NEW_CONVERSATION = 0
CHANGED_CONVERSATION = -1
LOGGED_CHANGE = -2
READ_CONVERSATION = -10


@dataclass(frozen=True, slots=True, kw_only=True)
class OutboxEntry:
    """An unpublished message, or by its `seq` a NEW_CONVERSATION, a CHANGED_CONVERSATION, a LOGGED_CHANGE, or a
    READ_CONVERSATION, in which the unread count of an agent has changed.

    The id of a LOGGED_CHANGE is that of the logged event.
    """

    account_id: UUID
    id: UUID
    conversation_id: UUID
    seq: int
    reopened_from: conversations.Status | None

    @classmethod
    def from_row(cls, row: dict[str, Any]) -> Self:
        return cls(**{name: row[name] for name in cls.__dataclass_fields__})


@dataclass(frozen=True, slots=True, kw_only=True)
class Backlog:
    entries: int
    oldest_seconds: float


async def add_conversation(tx: Transaction, conversation_id: UUID) -> None:
    """Add an entry for a new conversation. `messages.send` adds the entry of a message itself."""
    await queries.add(tx, id=conversation_id, conversation_id=conversation_id, seq=NEW_CONVERSATION)


async def add_change(tx: Transaction, conversation_id: UUID) -> UUID:
    """Add an entry for a conversation whose staff view has changed; return its id."""
    entry = new_id()
    await queries.add(tx, id=entry, conversation_id=conversation_id, seq=CHANGED_CONVERSATION)
    return entry


async def add_read(tx: Transaction, conversation_id: UUID) -> UUID:
    """Add an entry for a conversation in which the unread count of an agent has changed; return its id."""
    entry = new_id()
    await queries.add(tx, id=entry, conversation_id=conversation_id, seq=READ_CONVERSATION)
    return entry


def removal(entries: list[EntryKey]) -> tuple[str, dict[str, Any]]:
    """A statement that removes entries."""
    return queries.remove.sql, _parameters(entries)


def _parameters(entries: Sequence[EntryKey]) -> dict[str, str]:
    return {"account_ids": uuid_array({account for account, _ in entries}), "ids": uuid_array(id for _, id in entries)}


async def overdue(tx: Transaction, limit: int, *, older_than_seconds: float) -> list[OutboxEntry]:
    """The oldest entries whose events the web process should have published by now, for the relay."""
    rows = queries.overdue(tx, limit=limit, older_than_seconds=older_than_seconds)
    return [OutboxEntry.from_row(row) async for row in rows]


async def unpublished(tx: Transaction, ids: list[UUID]) -> set[UUID]:
    """Those of the account's messages that have an entry."""
    return {row["id"] async for row in queries.unpublished(tx, ids=ids)}


async def remove(tx: Transaction, entry: OutboxEntry) -> None:
    """Remove a single entry, for the relay; a single entry cannot deadlock with a web process that removes many."""
    await queries.remove(tx, account_ids=[entry.account_id], ids=[entry.id])


async def remove_all(tx: Transaction, entries: Sequence[EntryKey]) -> None:
    """Remove entries that the caller has added, for the relay."""
    await queries.remove(tx, **_parameters(entries))


async def subject(tx: Transaction, entry: OutboxEntry) -> Message | Conversation:
    """The message or conversation of an entry of the transaction's account, as staff sees it. Raises NotFound."""
    if entry.seq in (NEW_CONVERSATION, CHANGED_CONVERSATION, LOGGED_CHANGE):
        return await conversations.as_staff(tx, conversation_id=entry.conversation_id)
    row = await queries.message(tx, id=entry.id)
    if row is None:
        raise NotFound
    return Message.from_row(row)


async def logged_change(tx: Transaction, entry: OutboxEntry) -> LoggedChange:
    """What was logged of a LOGGED_CHANGE. Raises NotFound."""
    found = await moves.logged(tx, [(entry.conversation_id, entry.id)])
    if not found:
        raise NotFound
    return found[0]


async def changed_message(tx: Transaction, logged: LoggedChange) -> Message | None:
    """The message that a logged change has edited or withdrawn, as it is now; None for other changes."""
    message_id = logged.id_of("messageId") if logged.kind in message_changes.KINDS else None
    row = None if message_id is None else await queries.message(tx, id=message_id)
    return None if row is None else Message.from_row(row)


async def backlog(tx: Transaction) -> Backlog:
    """Number of entries and age of the oldest, for the relay."""
    row = await queries.backlog(tx)
    return Backlog(entries=row["entries"], oldest_seconds=row["oldest_seconds"])
