"""The outbox: what has been committed and may not have been told yet.

An entry is written with what it is about and removed when Redis has its events. If its process dies in between, the
relay finds it here.
"""

from dataclasses import dataclass
from typing import Any, Self
from uuid import UUID

from hummdesk.core.errors import NotFound
from hummdesk.core.ids import new_id
from hummdesk.core.models import Conversation, Message
from hummdesk.storage import conversations
from hummdesk.storage.database import Transaction
from hummdesk.storage.queries import load

queries = load("outbox")

NEW = 0
CHANGED = -1


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """A message; a new conversation, with seq NEW; or, with seq CHANGED, one that stands otherwise than before."""

    account_id: UUID
    id: UUID
    conversation_id: UUID
    seq: int
    reopened_from: conversations.Status | None

    @classmethod
    def from_row(cls, row: dict[str, Any]) -> Self:
        return cls(**{name: row[name] for name in cls.__dataclass_fields__})


@dataclass(frozen=True, slots=True, kw_only=True)
class Depth:
    entries: int
    oldest_seconds: float


async def add_conversation(tx: Transaction, conversation_id: UUID) -> None:
    """Note that a conversation was started; `messages.send` notes messages by itself."""
    await queries.add(tx, id=conversation_id, conversation_id=conversation_id, seq=NEW)


async def add_change(tx: Transaction, conversation_id: UUID) -> UUID:
    """Note that staff has to be told how a conversation stands now; the entry's id."""
    entry = new_id()
    await queries.add(tx, id=entry, conversation_id=conversation_id, seq=CHANGED)
    return entry


def forgetting(entries: list[tuple[UUID, UUID]]) -> tuple[str, dict[str, Any]]:
    """A statement that removes entries, given as (account, id)."""
    accounts, ids = zip(*entries, strict=True)
    return queries.forget.sql, {"account_ids": list(accounts), "ids": list(ids)}


async def overdue(tx: Transaction, limit: int, *, older_than_seconds: float) -> list[Entry]:
    """Relay: the oldest entries that their process should have told by now."""
    rows = queries.overdue(tx, limit=limit, older_than_seconds=older_than_seconds)
    return [Entry.from_row(row) async for row in rows]


async def forget(tx: Transaction, entry: Entry) -> None:
    """Relay: one alone, which takes part in no deadlock with the web process that removes many."""
    await queries.forget(tx, account_ids=[entry.account_id], ids=[entry.id])


async def look_up(tx: Transaction, entry: Entry) -> Message | Conversation:
    """What an entry of the transaction's account is about; a conversation as staff sees it. Raises NotFound."""
    if entry.seq in (NEW, CHANGED):
        return await conversations.as_staff(tx, conversation_id=entry.conversation_id)
    row = await queries.message(tx, id=entry.id)
    if row is None:
        raise NotFound
    return Message.from_row(row)


async def depth(tx: Transaction) -> Depth:
    """Relay: how many entries there are, and for how long the oldest has been."""
    row = await queries.depth(tx)
    return Depth(entries=row["entries"], oldest_seconds=row["oldest_seconds"])
