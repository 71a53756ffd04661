"""Conversations as staff or the customer sees them, and their changes; every change adds a row to the audit log."""

from collections import Counter
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any, Literal
from uuid import UUID

from psycopg.types.json import Jsonb

from hummdesk.core.clock import wire_time
from hummdesk.core.errors import Invalid, NotFound
from hummdesk.core.ids import new_id
from hummdesk.core.models import ANSWERING, Conversation, Person
from hummdesk.storage import page_cursor
from hummdesk.storage.database import Transaction
from hummdesk.storage.queries import load, nested
from hummdesk.storage.search_query import SearchQuery, parse, pattern, patterns, prefix_query, terms

queries = load("conversations")
label_queries = load("labels")

Status = Literal["open", "pending", "closed"]
SCANNED = 2_000
"""Conversations that a page of a team, priority or label looks through: it may be short, and still have a next one."""

SCANNED_CATEGORIES = 500
"""The same of a category, which is read from the classifications of each conversation."""

CLASSIFIED_MESSAGES = 10
"""The last messages of a conversation that say what it is about."""

SEARCH_LIMIT = 200
"""Maximum number of matching messages, subjects and customers in a search; the newest are taken."""

PAGE_BYTES = 1_000_000
"""Limit of a page of the list, as JSON, unless the caller names another one."""

NO_LIMIT = 2**62

UNREAD_WINDOW = 100
"""An agent's unread messages are counted among so many last messages of a conversation."""

LONGEST_WAIT = (datetime(1970, 1, 1, tzinfo=UTC), UUID(int=0))
"""The position before the longest wait."""

STATUSES: tuple[Status, ...] = ("open", "pending", "closed")


@dataclass(frozen=True, slots=True, kw_only=True)
class StatusChange:
    """`old` equals `new` if nothing has changed; `at` is then the time of the last activity."""

    old: Status
    new: Status
    at: datetime
    event_id: UUID
    """Of the log, and of the outbox entry, if it has changed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Filter:
    """Which conversations a list shows; None: all of them.

    `words`, for staff only, are words and filters of a SearchQuery: a message, the subject, or the customer's name and
    address must contain each of the words, or parts of words. If nothing does, similar words are found.
    """

    status: Status | None = None
    assigned_to: UUID | None = None
    unassigned: bool = False
    team_id: UUID | None = None
    priority: str | None = None
    label_id: UUID | None = None
    category: str | None = None
    """What it is about, as its last messages were classified; for staff."""
    is_snoozed: bool | None = None
    """Whether there is a time at which it is reopened; for staff."""
    contact_id: UUID | None = None
    words: str | None = None
    is_waiting: bool = False
    """Only those whose customers wait for an answer, the longest wait first; for staff, and not with words."""

    @property
    def is_for_staff(self) -> bool:
        """Whether it is about something that customers do not see."""
        hidden = (self.priority, self.label_id, self.category, self.is_snoozed, self.words)
        return any(value is not None for value in hidden)

    @property
    def needs_scan(self) -> bool:
        """Whether no index has what the list is filtered by."""
        filters = (self.team_id, self.priority, self.label_id, self.category, self.is_snoozed)
        return any(value is not None for value in filters)

    @property
    def scanned(self) -> int:
        """The conversations that a page looks through."""
        return SCANNED if self.category is None else SCANNED_CATEGORIES


EVERYTHING = Filter()


@dataclass(frozen=True, slots=True, kw_only=True)
class ConversationEvent:
    """A change of a conversation, in its log."""

    id: UUID
    kind: str
    actor_id: UUID | None
    """None: the system."""
    actor_type: str
    details: dict[str, Any]
    created_at: datetime

    def wire(self) -> dict[str, Any]:
        actor = {} if self.actor_id is None else {"actorId": str(self.actor_id)}
        return {
            "id": str(self.id),
            "kind": self.kind,
            "actorType": self.actor_type,
            **actor,
            "details": self.details,
            "timestamp": wire_time(self.created_at),
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Position:
    """The last message that a viewer may see, and the last change to a stored message."""

    last_seq: int
    revision: int


def owner(viewer: Person) -> UUID | None:
    """The contact whose conversations the viewer may see; None for staff, who see all."""
    return None if viewer.is_staff else viewer.id


def reader(viewer: Person) -> UUID | None:
    """The agent whose unread count the viewer sees; None for viewers and API keys, who see that of all staff."""
    return viewer.id if viewer.role in ANSWERING and not viewer.is_key else None


async def get(tx: Transaction, *, viewer: Person, conversation_id: UUID) -> Conversation:
    """The conversation as the viewer sees it. Raises NotFound, also for a conversation of another customer."""
    found = await _views(tx, ids=[conversation_id], contact_id=owner(viewer), reader_id=reader(viewer))
    if not found:
        raise NotFound
    return found[0]


async def as_staff(tx: Transaction, *, conversation_id: UUID) -> Conversation:
    """The conversation as staff sees it, without an unread count; never send it to a customer. Raises NotFound."""
    found = await all_as_staff(tx, ids=[conversation_id])
    if not found:
        raise NotFound
    return found[0]


async def all_as_staff(tx: Transaction, *, ids: list[UUID]) -> list[Conversation]:
    """Several conversations of an account as staff sees them, without unread counts; unknown ids are left out."""
    return [replace(one, unread_count=None) for one in await _views(tx, ids=ids, contact_id=None, reader_id=None)]


async def check(tx: Transaction, *, viewer: Person, conversation_id: UUID) -> None:
    """Raise NotFound unless the viewer may see the conversation."""
    await last_seq(tx, viewer=viewer, conversation_id=conversation_id)


async def visible(tx: Transaction, *, viewer: Person, ids: list[UUID]) -> set[UUID]:
    """The ids of conversations that the viewer may see."""
    return {row["id"] async for row in queries.visible(tx, ids=ids, contact_id=owner(viewer))}


async def last_seq(tx: Transaction, *, viewer: Person, conversation_id: UUID) -> int:
    """The seq of the last message that the viewer may see; 0 without one. Raises NotFound."""
    return (await position(tx, viewer=viewer, conversation_id=conversation_id)).last_seq


async def position(tx: Transaction, *, viewer: Person, conversation_id: UUID) -> Position:
    """How far the conversation has got for the viewer. Raises NotFound."""
    row = await queries.check(tx, conversation_id=conversation_id, contact_id=owner(viewer))
    return Position(last_seq=_last_seq(row), revision=row["revision"])


async def lock(tx: Transaction, *, viewer: Person, conversation_id: UUID) -> int:
    """Lock the conversation against writes until the transaction ends; return its last seq. Raises NotFound.

    Statements after this one see what other transactions have written. A single statement that locks and reads would
    not: it has the snapshot from before it waited.
    """
    return _last_seq(await queries.lock(tx, conversation_id=conversation_id, contact_id=owner(viewer)))


async def page(
    tx: Transaction,
    *,
    viewer: Person,
    wanted: Filter = EVERYTHING,
    limit: int = 50,
    max_bytes: int = PAGE_BYTES,
    cursor: str | None = None,
) -> tuple[list[Conversation], str | None]:
    """A page of the list, newest activity or longest wait first, and the cursor of the next page.

    Raises Invalid for a bad cursor.

    The page ends before it exceeds `max_bytes` as JSON; it has at least one conversation, or there is none among
    SCANNED.
    """
    found = await _page_rows(tx, viewer, wanted, limit=limit + 1, cursor=cursor)
    end = found.pop() if found and found[-1].get("is_end") else None
    ids = [row["id"] for row in found[:limit]]
    whose = {"contact_id": owner(viewer), "reader_id": reader(viewer), "window": UNREAD_WINDOW}
    views = [row async for row in queries.view(tx, ids=ids, max_bytes=max_bytes, **whose)]
    shown = views[-1]["position"] if views else len(ids)
    last = found[shown - 1] if shown < len(found) else end
    cursor = None if last is None else page_cursor.encode(last["updated_at"], last["id"])
    return [_conversation(row, owner(viewer)) for row in views], cursor


async def number_by_agent(
    tx: Transaction, *, wanted: Filter, owner_id: UUID | None, is_mine: bool, limit: int
) -> tuple[Counter[UUID | None], bool]:
    """The number of conversations of a list of staff, at most `limit`, and whether there can be more.

    They are counted under None, or under their agents if the list `is_mine`, that of each agent who looks at it, and
    has no owner. Raises Invalid for an unknown filter of a search.
    """
    search = SearchQuery() if wanted.words is None else parse(wanted.words)
    is_mine = is_mine or "mine" in search.states
    if is_mine and owner_id is not None:
        wanted, is_mine = replace(wanted, assigned_to=owner_id), False
    search = replace(search, states=search.states - {"mine"})
    if wanted.is_waiting and wanted.words is None:
        found = await _waiting_rows(tx, wanted, limit=limit + 1, cursor=None)
    else:
        wanted = await _narrowed(tx, None, wanted, search)
        found = await _rows(
            tx, wanted, search, before=page_cursor.NEWEST, limit=limit + 1, has_agents=is_mine, marks_end=True
        )
    rows = [row for row in found if not row.get("is_end")]
    has_more = len(rows) > limit or len(rows) < len(found)
    if not is_mine:
        return Counter({None: min(len(rows), limit)}), has_more
    return Counter(row["assigned_to"] for row in rows[:limit] if row["assigned_to"] is not None), has_more


async def _page_rows(
    tx: Transaction, viewer: Person, wanted: Filter, *, limit: int, cursor: str | None
) -> list[dict[str, Any]]:
    """The id and the time of each conversation of a page, and its agent if the query reads it."""
    before = page_cursor.NEWEST if cursor is None else page_cursor.decode(cursor)
    if viewer.is_staff and wanted.is_waiting and wanted.words is None:
        return await _waiting_rows(tx, wanted, limit=limit, cursor=cursor)
    search = SearchQuery() if wanted.words is None or not viewer.is_staff else parse(wanted.words)
    wanted = await _narrowed(tx, viewer.id, wanted, search)
    wanted = wanted if viewer.is_staff else replace(wanted, contact_id=viewer.id)
    return await _rows(tx, wanted, search, before=before, limit=limit)


async def _rows(
    tx: Transaction,
    wanted: Filter,
    search: SearchQuery,
    *,
    before: tuple[datetime, UUID],
    limit: int,
    has_agents: bool = False,
    marks_end: bool = False,
) -> list[dict[str, Any]]:
    """As `_page_rows`, by the query whose index fits, or one that reads the agents.

    `marks_end`: of a search with more matches than it returns, the last row has `is_end`.
    """
    before_at, before_id = before
    if search.before is not None and search.before < before_at:
        before_at, before_id = search.before, UUID(int=0)
    position = {"before_at": before_at, "before_id": before_id, "limit": limit}
    position["statuses"] = _statuses(wanted, search)
    agent = {"agent_id": wanted.assigned_to, "unassigned": wanted.unassigned}
    contact_id = wanted.contact_id
    more = agent | _more(wanted) | {"since": search.after}
    sender = {"sender": search.sender and pattern(search.sender), "search_limit": SEARCH_LIMIT, "marks_end": marks_end}
    if search.words:
        words = {"words": prefix_query(search.words), "parts": patterns(search.words), "terms": terms(search.words)}
        rows = queries.page_of_found(tx, contact_id=contact_id, **words, **sender, **more, **position)
    elif search.sender is not None:
        rows = queries.page_of_sender(tx, contact_id=contact_id, **sender, **more, **position)
    elif contact_id is not None:
        rows = queries.page_of_contact(tx, contact_id=contact_id, **more, **position)
    elif wanted.needs_scan or search.after is not None or has_agents:
        rows = queries.page_of_filtered(tx, scanned=wanted.scanned, **more, **position)
    elif wanted.unassigned:
        rows = queries.page_of_unassigned(tx, **position)
    elif wanted.assigned_to is not None:
        rows = queries.page_of_agent(tx, agent_id=wanted.assigned_to, **position)
    else:
        rows = queries.page_of_account(tx, **position)
    return [row async for row in rows]


async def _waiting_rows(tx: Transaction, wanted: Filter, *, limit: int, cursor: str | None) -> list[dict[str, Any]]:
    after_at, after_id = LONGEST_WAIT if cursor is None else page_cursor.decode(cursor)
    rows = queries.page_of_waiting(
        tx,
        contact_id=wanted.contact_id,
        agent_id=wanted.assigned_to,
        unassigned=wanted.unassigned,
        **_more(wanted),
        statuses=list(STATUSES if wanted.status is None else (wanted.status,)),
        after_at=after_at,
        after_id=after_id,
        scanned=wanted.scanned,
        limit=limit,
    )
    return [row async for row in rows]


async def _narrowed(tx: Transaction, viewer_id: UUID | None, wanted: Filter, search: SearchQuery) -> Filter:
    """The filter with those of a search. Raises Invalid for an unknown label."""
    if search.label is not None:
        row = await label_queries.id_of(tx, name=search.label)
        if row is None:
            raise Invalid(details={"search": [f"There is no label `{search.label}`."]})
        wanted = replace(wanted, label_id=row["id"])
    if "snoozed" in search.states:
        wanted = replace(wanted, is_snoozed=True)
    if "mine" in search.states:
        wanted = replace(wanted, assigned_to=viewer_id)
    return replace(wanted, unassigned=True) if "unassigned" in search.states else wanted


def _statuses(wanted: Filter, search: SearchQuery) -> list[Status]:
    """Those of the filter, and among them those of the search, if it has any."""
    known = STATUSES if wanted.status is None else (wanted.status,)
    if search.states.isdisjoint(STATUSES):
        return list(known)
    return [status for status in known if status in search.states]


def _more(wanted: Filter) -> dict[str, Any]:
    return {
        "team_id": wanted.team_id,
        "priority": wanted.priority,
        "label_id": wanted.label_id,
        "category": wanted.category,
        "is_snoozed": wanted.is_snoozed,
        "recent": CLASSIFIED_MESSAGES,
    }


async def start(
    tx: Transaction,
    *,
    contact: Person,
    actor: Person | None = None,
    subject: str | None,
    metadata: dict[str, Any],
    client_message_id: str | None,
    conversation_id: UUID | None = None,
) -> tuple[UUID, bool]:
    """Open a conversation; return its id and True, or the id and False if it exists.

    It exists by a repeated `client_message_id` of the contact, or a repeated `conversation_id`. `actor` None: the
    contact.
    """
    same = {"id": conversation_id or new_id(), "contact_id": contact.id, "client_message_id": client_message_id}
    row = await queries.start(
        tx, subject=subject, metadata=Jsonb(metadata), event_id=new_id(), **same, **_actor(actor or contact)
    )
    created = row is not None
    if row is None:
        row = await queries.started(tx, **same)
    return row["id"], created


async def change_status(
    tx: Transaction, *, actor: Person, conversation_id: UUID, status: Status, reason: str | None
) -> StatusChange:
    """Change the status, and if it differs add an outbox entry. Raises NotFound."""
    event_id = new_id()
    row = await queries.change_status(
        tx, conversation_id=conversation_id, status=status, reason=reason or None, event_id=event_id, **_actor(actor)
    )
    if row is None:
        raise NotFound
    return StatusChange(old=row["old"], new=status, at=row["at"], event_id=event_id)


async def events(
    tx: Transaction, *, conversation_id: UUID, limit: int, cursor: str | None
) -> tuple[list[ConversationEvent], str | None]:
    """A page of the log of a conversation, newest first, and the cursor of the next page.

    Raises Invalid for a bad cursor. The caller must have checked that the viewer is of staff, and the conversation
    exists.
    """
    before_at, before_id = page_cursor.NEWEST if cursor is None else page_cursor.decode(cursor)
    rows = queries.events(
        tx, conversation_id=conversation_id, before_at=before_at, before_id=before_id, limit=limit + 1
    )
    found = [ConversationEvent(**row) async for row in rows]
    page = found[:limit]
    return page, page_cursor.encode(page[-1].created_at, page[-1].id) if len(found) > limit else None


async def set_priority(tx: Transaction, *, actor: Person, conversation_id: UUID, priority: str) -> UUID | None:
    """Set the priority; return the id of the logged event and the outbox entry, None if it has it. Raises NotFound."""
    event_id = new_id()
    row = await queries.set_priority(
        tx, conversation_id=conversation_id, priority=priority, event_id=event_id, **_actor(actor)
    )
    if row is None:
        raise NotFound
    return event_id if row["changed"] else None


async def _views(
    tx: Transaction, *, ids: list[UUID], contact_id: UUID | None, reader_id: UUID | None
) -> list[Conversation]:
    whose = {"contact_id": contact_id, "reader_id": reader_id, "window": UNREAD_WINDOW}
    rows = queries.view(tx, ids=ids, max_bytes=NO_LIMIT, **whose)
    return [_conversation(row, contact_id) async for row in rows]


def _conversation(row: dict[str, Any], contact_id: UUID | None) -> Conversation:
    hidden = {} if contact_id is None else {"priority": None, "label_ids": None, "snoozed_until": None}
    return Conversation.from_row(row | {"last_message": _last_message(row)} | hidden)


def _last_message(row: dict[str, Any]) -> dict[str, Any] | None:
    message = nested(row, "message")
    return message if message["id"] is not None else None


def _last_seq(row: dict[str, Any] | None) -> int:
    if row is None:
        raise NotFound
    seq: int = row["last_seq"]
    return seq


def _actor(actor: Person) -> dict[str, Any]:
    return {"actor_id": actor.id, "actor_type": actor.actor_type}
