"""Read positions: how far staff and customers have read, and the unread counts that follow."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from hummdesk.core.clock import wire_time
from hummdesk.core.errors import NotFound
from hummdesk.core.models import Person
from hummdesk.storage import conversations
from hummdesk.storage.database import Transaction
from hummdesk.storage.queries import load

queries = load("reads")

MAX_POSITIONS = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadMark:
    """The last public message that is read."""

    message_id: UUID
    seq: int
    at: datetime


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


async def mark_read(
    tx: Transaction, *, reader: Person, conversation_id: UUID, message_id: UUID | None
) -> ReadMark | None:
    """Mark messages as read up to one, or all of them; return None if none of them was unread. Raises NotFound.

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
    return ReadMark(message_id=unread["id"], seq=unread["seq"], at=row["read_at"])


async def positions(tx: Transaction, *, conversation_id: UUID) -> list[ReadPosition]:
    """The read positions of a conversation. The caller must have checked that the viewer may see it.

    Of more than MAX_POSITIONS readers, those who have read least are left out: clients show the furthest position.
    """
    rows = queries.positions(tx, conversation_id=conversation_id, limit=MAX_POSITIONS)
    return [ReadPosition(**row) async for row in rows]


async def _seq_of(tx: Transaction, *, reader: Person, conversation_id: UUID, message_id: UUID) -> int:
    row = await queries.target(tx, conversation_id=conversation_id, message_id=message_id, customer=not reader.is_staff)
    if row is None:
        raise NotFound
    seq: int = row["seq"]
    return seq
