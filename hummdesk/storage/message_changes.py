"""Changes of stored messages by their senders, each counted as a revision, logged, and in the outbox."""

from dataclasses import dataclass, field, replace
from typing import Any, Literal
from uuid import UUID

from hummdesk.core.errors import Conflict, Forbidden, NotFound
from hummdesk.core.ids import new_id
from hummdesk.core.models import Message, Person
from hummdesk.storage import audit, conversations
from hummdesk.storage.database import Transaction
from hummdesk.storage.messages import NewMessage
from hummdesk.storage.queries import load

queries = load("message_changes")

KINDS = ("message_edited", "message_withdrawn")
"""Of the entries in the log of a conversation."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangedMessage:
    """A message after a change. `event_id` is that of the log and of the outbox entry; None: nothing has changed."""

    message: Message
    event_id: UUID | None
    has_pending_predecessor: bool = False
    """A change of the conversation's messages before it may be unpublished."""
    attachments: list[dict[str, Any]] = field(default_factory=list)
    """Those that a withdrawn message had."""


async def edit(
    tx: Transaction,
    *,
    actor: Person,
    conversation_id: UUID,
    message_id: UUID,
    content: str,
    content_type: Literal["text", "html"],
    minutes: float,
) -> ChangedMessage:
    """Replace the content of an own message, within so many minutes after it was sent.

    Raises NotFound, Forbidden for a message of somebody else or an older one, Conflict for an erased one, and
    PayloadTooLarge.
    """
    found = await _locked(tx, actor, conversation_id, message_id, minutes=minutes)
    if found.erased:
        raise Conflict("The message was withdrawn")
    if (found.content, found.content_type) == (content, content_type):
        return ChangedMessage(message=found, event_id=None)
    NewMessage(
        conversation_id=conversation_id, content=content, attachments=found.attachments, metadata=found.metadata
    ).check_weight()
    edited = replace(found, content=content, content_type=content_type)
    return await _store(tx, actor, edited, kind="message_edited")


async def withdraw(
    tx: Transaction,
    *,
    actor: Person,
    conversation_id: UUID,
    message_id: UUID,
    minutes: float,
) -> ChangedMessage:
    """Erase an own message, within so many minutes after it was sent, with what the AI has made of it.

    A message that was withdrawn before is returned as it is. Raises NotFound, and Forbidden for a message of somebody
    else or an older one.
    """
    await _own(tx, actor, conversation_id, message_id, minutes=minutes)
    await queries.end_runs(tx, conversation_id=conversation_id)  # before it is locked, as workers lock both
    found = await _locked(tx, actor, conversation_id, message_id, minutes=minutes)
    if found.erased:
        return ChangedMessage(message=found, event_id=None)
    await queries.forget_results(tx, conversation_id=conversation_id, seq=found.seq)
    left = replace(found, content="", content_type="text", attachments=[], metadata={}, erased=True, withdrawn=True)
    changed = await _store(tx, actor, left, kind="message_withdrawn")
    return replace(changed, attachments=found.attachments)


async def delete_files(tx: Transaction, *, conversation_id: UUID, ids: list[UUID]) -> None:
    """Delete files of a withdrawn message, unless another message refers to them."""
    await queries.delete_files(tx, conversation_id=conversation_id, ids=ids)


async def _locked(
    tx: Transaction, actor: Person, conversation_id: UUID, message_id: UUID, *, minutes: float
) -> Message:
    await conversations.lock(tx, viewer=actor, conversation_id=conversation_id)
    return await _own(tx, actor, conversation_id, message_id, minutes=minutes)


async def _own(tx: Transaction, actor: Person, conversation_id: UUID, message_id: UUID, *, minutes: float) -> Message:
    row = await queries.find(tx, conversation_id=conversation_id, message_id=message_id)
    if row is None:
        raise NotFound
    message = Message.from_row(row)
    if (message.sender_id, message.sender_type) != (actor.id, actor.sender_type):
        raise Forbidden("Only the sender changes a message")
    if not message.erased and row["age_seconds"] > minutes * 60:
        raise Forbidden(f"A message can be changed for {minutes:g} minutes", details={"minutes": minutes})
    return message


async def _store(tx: Transaction, actor: Person, message: Message, *, kind: str) -> ChangedMessage:
    """Store a changed message, and remove what the AI has learned from it."""
    event_id = new_id()
    logged = {"kind": kind, "actor_id": actor.id, "actor_type": actor.actor_type, "event_id": event_id}
    row = await queries.count(tx, conversation_id=message.conversation_id, message_id=message.id, **logged)
    stored = replace(message, revision=row["revision"])
    await queries.change(
        tx,
        message_id=message.id,
        sender_id=actor.id,
        content=None if message.withdrawn else message.content,
        content_type=message.content_type,
        revision=stored.revision,
    )
    await queries.forget_answer(tx, message_id=message.id)
    await queries.forget_passages(tx, message_id=message.id)
    action, where = kind.replace("_", "."), {"conversationId": str(message.conversation_id)}
    await audit.record(tx, actor, action, message.id, where)
    return ChangedMessage(message=stored, event_id=event_id, has_pending_predecessor=row["has_pending_predecessor"])
