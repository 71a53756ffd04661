"""Read positions: how far agents and customers have read, and the unread counts that follow.

A position is a receipt, which other participants see and which never decreases. An agent can mark messages as unread,
which changes only the agent's own count.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from hummdesk.core.clock import wire_time
from hummdesk.core.errors import NotFound
from hummdesk.core.models import Person
from hummdesk.storage import conversations
from hummdesk.storage.accounts import ReadOnView
from hummdesk.storage.database import Transaction
from hummdesk.storage.queries import load

queries = load("reads")

MAX_POSITIONS = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadMark:
    """The last public message that is read.

    `is_receipt`: the reader had not read it before. `unread` is what is left for an agent.
    """

    message_id: UUID
    seq: int
    at: datetime
    is_receipt: bool
    unread: "OwnUnread | None"


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnUnread:
    """What is unread for an agent among the messages up to `last_seq`."""

    count: int
    last_seq: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadPosition:
    """How far a reader has read."""

    reader_id: UUID
    reader_type: Literal["agent", "customer"]
    seq: int
    read_at: datetime

    def wire(self) -> dict[str, Any]:
        return {
            "readBy": str(self.reader_id),
            "readByType": self.reader_type,
            "seq": self.seq,
            "timestamp": wire_time(self.read_at),
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class ViewRule:
    """Whose view of a conversation marks it as read, and whether that is the viewer."""

    read_on_view: ReadOnView
    applies: bool


async def mark_read(
    tx: Transaction, *, reader: Person, conversation_id: UUID, message_id: UUID | None
) -> ReadMark | None:
    """Mark messages as read up to one, or all of them; return None if none of them was unread. Raises NotFound.

    A mark as unread ends with the last public message of the conversation.

    The read position never is a note, which the customer must not learn of: it is the public message before the note.
    """
    up_to = await conversations.last_seq(tx, viewer=reader, conversation_id=conversation_id)
    if message_id is not None:
        up_to = await _seq_of(tx, reader=reader, conversation_id=conversation_id, message_id=message_id)
    position = {"conversation_id": conversation_id, "reader_id": reader.id}
    unread = await queries.unread(tx, up_to_seq=up_to, customer=not reader.is_staff, **position)
    if unread is None:
        return None
    await conversations.lock(tx, viewer=reader, conversation_id=conversation_id)
    row = await queries.advance(tx, seq=unread["seq"], reader_type=reader.side, **position)
    if row is None:  # another tab of the same reader has read further
        return None
    lower = queries.lower_staff if reader.is_staff else queries.lower_customer
    await lower(tx, conversation_id=conversation_id, seq=unread["seq"])
    return ReadMark(
        message_id=unread["id"],
        seq=unread["seq"],
        at=row["read_at"],
        is_receipt=row["is_receipt"],
        unread=_unread(await _own_unread(tx, **position)) if reader.is_staff else None,
    )


async def mark_unread(tx: Transaction, *, agent: Person, conversation_id: UUID, message_id: UUID | None) -> OwnUnread:
    """Mark a message and all after it as unread for an agent, or the customer's last one; return what is unread then.

    Without a message of the customer, or if these are unread, nothing changes. Raises NotFound.
    """
    position = {"conversation_id": conversation_id, "reader_id": agent.id}
    from_seq = await conversations.lock(tx, viewer=agent, conversation_id=conversation_id)
    if message_id is not None:
        from_seq = await _seq_of(tx, reader=agent, conversation_id=conversation_id, message_id=message_id)
    else:
        asked = await queries.last_asked(tx, conversation_id=conversation_id, before_seq=from_seq)
        from_seq = from_seq + 1 if asked is None else asked["seq"]
    before = await _own_unread(tx, **position)
    if from_seq > before["last_seq"] or (before["first_seq"] is not None and before["first_seq"] <= from_seq):
        return _unread(before)
    await queries.put_back(tx, unread_after=from_seq - 1, **position)
    return _unread(await _own_unread(tx, **position))


async def unread_of_agents(tx: Transaction, *, conversation_id: UUID) -> dict[UUID, OwnUnread]:
    """What is unread for each agent who has a read position in the conversation."""
    rows = queries.readers(tx, conversation_id=conversation_id, limit=MAX_POSITIONS)
    agents = [row["reader_id"] async for row in rows]
    return {agent: _unread(await _own_unread(tx, conversation_id=conversation_id, reader_id=agent)) for agent in agents}


async def view(tx: Transaction, *, viewer: Person, conversation_id: UUID) -> ViewRule:
    """Start the first draft of the newest public message, if the customer waits for an answer to it.

    Return whether the view of an agent marks the conversation as read: for its assignee, if the account has set that.
    A failed run is not repeated: a message that kills its worker would do so whenever an agent reconnects.

    Raises NotFound.
    """
    row = await queries.view(tx, conversation_id=conversation_id, viewer_id=viewer.id)
    if row is None:
        raise NotFound
    return ViewRule(read_on_view=row["read_on_view"], applies=row["read_on_view"] == "assignee" and row["is_assignee"])


async def positions(tx: Transaction, *, conversation_id: UUID) -> list[ReadPosition]:
    """The read positions of a conversation. The caller must have checked that the viewer may see it.

    Of more than MAX_POSITIONS readers, those who have read least are left out: clients show the furthest position.
    """
    rows = queries.positions(tx, conversation_id=conversation_id, limit=MAX_POSITIONS)
    return [ReadPosition(**row) async for row in rows]


async def _own_unread(tx: Transaction, *, conversation_id: UUID, reader_id: UUID) -> dict[str, Any]:
    row: dict[str, Any] = await queries.own_unread(
        tx, conversation_id=conversation_id, reader_id=reader_id, window=conversations.UNREAD_WINDOW
    )
    return row


def _unread(row: dict[str, Any]) -> OwnUnread:
    return OwnUnread(count=row["unread_count"], last_seq=row["last_seq"])


async def _seq_of(tx: Transaction, *, reader: Person, conversation_id: UUID, message_id: UUID) -> int:
    row = await queries.target(tx, conversation_id=conversation_id, message_id=message_id, customer=not reader.is_staff)
    if row is None:
        raise NotFound
    seq: int = row["seq"]
    return seq
