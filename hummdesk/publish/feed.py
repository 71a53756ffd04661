"""The events of the feed, as the REST API, webhooks and scripts receive them.

An event shows its subject as it is now, in the fields of the socket's event of the same name where there is one. What
was deleted since is a tombstone, `{id, deleted: true}`, as is an erased message or result, `{…ids, erased: true}`.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from hummdesk.core.clock import wire_time
from hummdesk.core.models import Message
from hummdesk.publish.events.ai import AIError, events_of, finding_of
from hummdesk.publish.events.base import Payload
from hummdesk.publish.events.messages import MessageRead
from hummdesk.storage import feed
from hummdesk.storage.database import Transaction
from hummdesk.storage.feed import Entry, Subjects

LIMIT = 100
MAX_LIMIT = 500
NO_ACCOUNT = UUID(int=0)
"""The account decides the recipients of an event, and is no part of its payload."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FeedEvent:
    """A numbered change with its subject as it is now."""

    number: int
    type: str
    at: datetime
    conversation_id: UUID | None
    subject_id: UUID
    data: Payload
    digest: bytes

    def wire(self) -> Payload:
        event: Payload = {"number": self.number, "type": self.type, "at": wire_time(self.at)}
        if self.conversation_id is not None:
            event["conversationId"] = str(self.conversation_id)
        return event | {"subjectId": str(self.subject_id), "data": self.data}


@dataclass(frozen=True, slots=True, kw_only=True)
class FeedPage:
    """All events after a number up to another, and the digest of the last one."""

    events: list[FeedEvent]
    complete_to: int
    epoch: UUID
    digest: bytes

    def wire(self) -> Payload:
        return {
            "events": [event.wire() for event in self.events],
            "completeTo": self.complete_to,
            "epoch": str(self.epoch),
            "digest": self.digest.hex(),
        }


async def page(tx: Transaction, *, after: int | None, limit: int = LIMIT) -> FeedPage:
    """Number what is committed, and read the next events after a number; none without one, or after the last one.

    Raises feed.Gone for numbers that are no longer kept.
    """
    await feed.sequence(tx)
    last = await feed.position(tx)
    found = [] if after is None else await events(tx, after=after, limit=limit)
    if not found:
        return FeedPage(events=[], complete_to=last.last_number, epoch=last.epoch, digest=last.digest)
    return FeedPage(events=found, complete_to=found[-1].number, epoch=last.epoch, digest=found[-1].digest)


async def events(tx: Transaction, *, after: int, limit: int = LIMIT) -> list[FeedEvent]:
    """The next events of the account after a number, at most `limit`, without gaps; none after the last one.

    Raises feed.Gone for numbers that are no longer kept. Call `feed.sequence` before, in this or another transaction.
    """
    return await _shown(tx, await feed.entries(tx, after=after, limit=limit))


async def numbered(tx: Transaction, numbers: Sequence[int]) -> list[FeedEvent]:
    """The events of these numbers that are kept."""
    return await _shown(tx, await feed.numbered(tx, numbers))


async def _shown(tx: Transaction, found: Sequence[Entry]) -> list[FeedEvent]:
    read = await feed.subjects(tx, found)
    return [
        FeedEvent(
            number=entry.number,
            type=entry.type,
            at=entry.at,
            conversation_id=entry.conversation_id,
            subject_id=entry.subject_id,
            data=_data(entry, read),
            digest=entry.digest,
        )
        for entry in found
    ]


def _data(entry: Entry, read: Subjects) -> Payload:
    """The payload of an event; a tombstone if its subject does not exist any more."""
    shown = DATA[feed.kind_of(entry.type)](entry, read)
    return {"id": str(entry.subject_id), "deleted": True} if shown is None else shown


def _of_message(entry: Entry, read: Subjects) -> Payload | None:
    message = read.messages.get(entry.subject_id)
    return None if message is None else _shown_message(message)


def _of_conversation(entry: Entry, read: Subjects) -> Payload | None:
    conversation = read.conversations.get(entry.subject_id)
    if conversation is None:
        return None
    shown: Payload = {"id": str(conversation.id)} | conversation.wire()
    last = conversation.last_message
    return shown if last is None else shown | {"lastMessage": _shown_message(last)}


def _shown_message(message: Message) -> Payload:
    return {"id": str(message.id)} | message.wire()


def _of_read(entry: Entry, read: Subjects) -> Payload | None:
    conversation_id = entry.conversation_id
    found = conversation_id and read.reads.get((conversation_id, entry.subject_id))
    if not conversation_id or not found:
        return None
    return MessageRead(
        account_id=NO_ACCOUNT,
        conversation_id=conversation_id,
        timestamp=found.read_at,
        message_id=found.message_id,
        seq=found.seq,
        read_by=entry.subject_id,
        read_by_type=found.reader_type,
    ).payload()


def _of_run(entry: Entry, read: Subjects) -> Payload | None:
    """The event of the result, or of a failed run its terminal event."""
    if entry.subject_id not in read.runs:
        return None
    ended, result = read.runs[entry.subject_id]
    if result is not None:
        return finding_of(ended, result, at=entry.at).payload()
    if entry.type == AIError.event_name:
        [event] = events_of(ended, None)
        return event.payload() | {"timestamp": wire_time(entry.at)}
    ids = {"conversationId": ended.conversation_id, "messageId": ended.message_id, "runId": ended.id}
    return {name: str(value) for name, value in ids.items()} | {"erased": True}


def _of_person(entry: Entry, read: Subjects) -> Payload | None:
    return read.people.get(entry.subject_id)


def _of_log(entry: Entry, read: Subjects) -> Payload | None:
    """The fields of the event; the actor is missing for the system."""
    logged = read.log.get(entry.subject_id)
    if logged is None:
        return None
    actor, names = LOGGED.get(entry.type, ("changedBy", {}))
    data: Payload = {"conversationId": str(entry.conversation_id), "timestamp": wire_time(logged.created_at)}
    data |= {} if logged.actor_id is None else {actor: str(logged.actor_id)}
    return data | {names[name]: value for name, value in logged.details.items() if name in names}


STATUS = {"from": "oldStatus", "to": "newStatus", "reason": "reason", "snoozedUntil": "snoozedUntil"}
MOVED = {"rule": "rule", "note": "note"}

LOGGED: dict[str, tuple[str, dict[str, str]]] = {
    "conversation_status_changed": ("changedBy", STATUS),
    "conversation_assigned": ("assignedBy", {"toAgent": "assignedTo", "toTeam": "assignedTeam"} | MOVED),
    "conversation_unassigned": (
        "unassignedBy",
        {"fromAgent": "unassignedFrom", "toTeam": "assignedTeam", "reason": "reason"} | MOVED,
    ),
    "conversation_rated": ("ratedBy", {"rating": "rating", "comment": "comment"}),
    "conversation_priority_changed": ("changedBy", {"from": "oldPriority", "to": "newPriority"}),
    "conversation_labels_changed": ("changedBy", {"from": "oldLabelIds", "to": "newLabelIds"}),
    "conversation_continued": ("continuedBy", {"to": "continuedIn"}),
    "conversation_merged": ("mergedBy", {"to": "continuedIn", "from": "mergedFrom"}),
    "classification_corrected": ("correctedBy", {name: name for name in ("messageId", "category", "priority")}),
    "draft_used": ("usedBy", {name: name for name in ("messageId", "runId", "use")}),
}
"""By type the name of the actor, and those of the details in the audit log."""

DATA: dict[str, Callable[[Entry, Subjects], Payload | None]] = {
    "message": _of_message,
    "conversation": _of_conversation,
    "read": _of_read,
    "run": _of_run,
    "contact": _of_person,
    "user": _of_person,
    "team": _of_person,
    "log": _of_log,
}
