"""The feed: every change of an account under one contiguous number.

A trigger adds each change in the transaction that makes it, whichever process that is. `sequence` numbers the committed
ones, in an order in which a change follows all that were committed before it began. An event has no content:
`subjects` reads what it is about, as it is now, and publish/feed.py makes the payload of it.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal, Self
from uuid import UUID

from hummdesk.core.errors import NotFound
from hummdesk.core.models import Conversation, Message
from hummdesk.storage import conversations
from hummdesk.storage.contacts import Contact
from hummdesk.storage.database import Transaction
from hummdesk.storage.queries import load
from hummdesk.storage.runs import EndedRun
from hummdesk.storage.teams import ManagedTeam
from hummdesk.storage.users import User

queries = load("feed")

NUMBERED = 2_000
"""Changes that one call numbers."""
PAGE_BYTES = 1_000_000
"""Limit of the events of a page, as JSON."""
COUNTED = 100_000
"""Changes without a number are counted up to this."""
PRUNED_ACCOUNTS = 100
PRUNED = 1_000
"""Events of an account that are looked at in one transaction."""

FIRST_ACCOUNT = UUID(int=0)

Row = dict[str, Any]


class Gone(NotFound):
    """The numbers after this one are not kept any more."""

    code = "GONE"
    message = "Events after this number are no longer kept; read the current state and continue from its number"


@dataclass(frozen=True, slots=True, kw_only=True)
class Position:
    """The last number of an account, with the digest of its event.

    The epoch is replaced when numbers may have been lost, as in a restore.
    """

    last_number: int
    epoch: UUID
    digest: bytes

    @classmethod
    def from_row(cls, row: Row) -> Self:
        return cls(last_number=row["last_number"], epoch=row["epoch"], digest=bytes(row["digest"]))


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """A numbered change as it is stored. `digest` is that of the entry before it and of its number, type and ids."""

    number: int
    type: str
    at: datetime
    conversation_id: UUID | None
    subject_id: UUID
    digest: bytes

    @classmethod
    def from_row(cls, row: Row) -> Self:
        return cls(**{name: row[name] for name in cls.__dataclass_fields__} | {"digest": bytes(row["digest"])})


@dataclass(frozen=True, slots=True, kw_only=True)
class LogEntry:
    """An entry of the audit log of a conversation."""

    kind: str
    actor_id: UUID | None
    details: Row
    created_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Read:
    """How far a reader has read a conversation."""

    reader_type: Literal["agent", "customer"]
    seq: int
    read_at: datetime
    message_id: UUID


@dataclass(frozen=True, slots=True)
class Subjects:
    """What entries are about, as it is now; what was deleted is missing."""

    messages: dict[UUID, Message] = field(default_factory=dict)
    conversations: dict[UUID, Conversation] = field(default_factory=dict)
    log: dict[UUID, LogEntry] = field(default_factory=dict)
    runs: dict[UUID, tuple[EndedRun, Row | None]] = field(default_factory=dict)
    reads: dict[tuple[UUID, UUID], Read] = field(default_factory=dict)
    """By conversation and reader."""
    people: dict[UUID, Row] = field(default_factory=dict)
    """Contacts, users and teams as the REST API shows them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Backlog:
    changes: int
    oldest_seconds: float


async def sequence(tx: Transaction) -> int:
    """Number the committed changes of the account, at most NUMBERED of them; return its last number."""
    row = await queries.sequence(tx, most=NUMBERED)
    last_number: int = row["last_number"]
    return last_number


async def position(tx: Transaction) -> Position:
    """How far the feed of the account is numbered. `sequence` was called before."""
    return Position.from_row(await queries.position(tx))


async def entries(tx: Transaction, *, after: int, limit: int, max_bytes: int = PAGE_BYTES) -> list[Entry]:
    """The next entries after a number, at most `limit`; none after the last one.

    Raises Gone if the first of them is no longer kept.
    """
    found = await _entries(tx, after, limit, max_bytes)
    if not found and after < (await position(tx)).last_number:
        found = await _entries(tx, after, limit, max_bytes)  # another process may have numbered changes meanwhile
        if not found:
            raise Gone
    if found and found[0].number != after + 1:
        raise Gone
    return found


async def _entries(tx: Transaction, after: int, limit: int, max_bytes: int) -> list[Entry]:
    rows = queries.entries(tx, after=after, limit=limit, max_bytes=max_bytes)
    return [Entry.from_row(row) async for row in rows]


async def numbered(tx: Transaction, numbers: Sequence[int]) -> list[Entry]:
    """The entries of these numbers that are kept."""
    return [Entry.from_row(row) async for row in queries.numbered(tx, numbers=list(numbers))]


# What entries are about -----------------------------------------------------------------------------------------------


async def subjects(tx: Transaction, found: Sequence[Entry]) -> Subjects:
    """Read the subjects of entries, each kind in one query."""
    read = Subjects()
    by_kind: dict[str, list[Entry]] = {}
    for entry in found:
        by_kind.setdefault(kind_of(entry.type), []).append(entry)
    for kind, theirs in by_kind.items():
        await READERS[kind](tx, read, theirs)
    return read


def kind_of(event_type: str) -> str:
    """The kind of what an event of this type is about."""
    if event_type in ("new_message", "message_updated"):
        return "message"
    if event_type in ("conversation_created", "conversation_updated"):
        return "conversation"
    if event_type == "message_read":
        return "read"
    if event_type.startswith("ai_"):
        return "run"
    noun = event_type.partition("_")[0]
    return noun if noun in ("contact", "user", "team") else "log"


async def _read_messages(tx: Transaction, read: Subjects, found: list[Entry]) -> None:
    async for row in queries.messages(tx, ids=_subject_ids(found)):
        read.messages[row["id"]] = Message.from_row(row)


async def _read_conversations(tx: Transaction, read: Subjects, found: list[Entry]) -> None:
    for conversation in await conversations.all_as_staff(tx, ids=_subject_ids(found)):
        read.conversations[conversation.id] = conversation


async def _read_log(tx: Transaction, read: Subjects, found: list[Entry]) -> None:
    rows = queries.log_entries(tx, conversation_ids=_conversation_ids(found), ids=_subject_ids(found))
    async for row in rows:
        values = {name: row[name] for name in LogEntry.__dataclass_fields__}
        read.log[row["id"]] = LogEntry(**values)


async def _read_runs(tx: Transaction, read: Subjects, found: list[Entry]) -> None:
    async for row in queries.runs(tx, ids=_subject_ids(found)):
        read.runs[row["id"]] = (EndedRun.from_row(row), row["payload"])


async def _read_reads(tx: Transaction, read: Subjects, found: list[Entry]) -> None:
    rows = queries.reads(tx, conversation_ids=_conversation_ids(found), reader_ids=_subject_ids(found))
    async for row in rows:
        values = {name: row[name] for name in Read.__dataclass_fields__}
        read.reads[row["conversation_id"], row["reader_id"]] = Read(**values)


async def _read_contacts(tx: Transaction, read: Subjects, found: list[Entry]) -> None:
    async for row in queries.contacts(tx, ids=_subject_ids(found)):
        read.people[row["id"]] = Contact.from_row(row).wire()


async def _read_users(tx: Transaction, read: Subjects, found: list[Entry]) -> None:
    async for row in queries.users(tx, ids=_subject_ids(found)):
        read.people[row["id"]] = User.from_row(row).wire()


async def _read_teams(tx: Transaction, read: Subjects, found: list[Entry]) -> None:
    async for row in queries.teams(tx, ids=_subject_ids(found)):
        read.people[row["id"]] = ManagedTeam.from_row(row).wire()


READERS = {
    "message": _read_messages,
    "conversation": _read_conversations,
    "log": _read_log,
    "run": _read_runs,
    "read": _read_reads,
    "contact": _read_contacts,
    "user": _read_users,
    "team": _read_teams,
}


def _subject_ids(found: list[Entry]) -> list[UUID]:
    return list({entry.subject_id for entry in found})


def _conversation_ids(found: list[Entry]) -> list[UUID]:
    return list({entry.conversation_id for entry in found if entry.conversation_id is not None})


# For the relay --------------------------------------------------------------------------------------------------------


async def sequence_all(
    tx: Transaction, *, after: UUID = FIRST_ACCOUNT, most: int = NUMBERED
) -> tuple[int, UUID | None]:
    """Number the changes of the accounts after one, at most `most` of them.

    Return how many, and the account to go on from, None after the last.
    """
    row = await queries.sequence_all(tx, after=after, most=most)
    return row["numbered"], row["last_account"]


async def has_changes(tx: Transaction, *, after: UUID = FIRST_ACCOUNT) -> bool:
    """Whether an account after one has changes without a number."""
    return await queries.unnumbered(tx, after=after) is not None


async def backlog(tx: Transaction) -> Backlog:
    """Changes without a number and the age of the oldest."""
    row = await queries.backlog(tx, limit=COUNTED)
    return Backlog(changes=row["changes"], oldest_seconds=row["oldest_seconds"])


async def prune(tx: Transaction, *, days: int, after: UUID = FIRST_ACCOUNT) -> tuple[int, UUID | None]:
    """Delete events that are older than `days` of the next accounts after one.

    Return their number, and the account to go on from, None after the last account.
    """
    row = await queries.prune(tx, after=after, accounts=PRUNED_ACCOUNTS, days=days, most=PRUNED)
    return row["deleted"], after if row["is_partial"] else row["last_account"]
