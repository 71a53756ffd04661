"""The counts of inboxes: read once for an account and process, and sent to the sockets that have asked for them.

Events that may change a count cause one query after a short delay, however many they are and however many sockets wait.
A query is repeated at most once in PACE times its own duration, the shorter one of the last two: a single query that
has waited for something delays no counts.
"""

import asyncio
import logging
from dataclasses import dataclass
from time import monotonic
from uuid import UUID
from weakref import WeakKeyDictionary

from hummdesk.bus.envelope import Event
from hummdesk.core.background import end
from hummdesk.core.errors import HummDeskError
from hummdesk.publish import rooms
from hummdesk.publish.counts import counts_of
from hummdesk.publish.events.inbox import CountsChanged
from hummdesk.server.sockets import ClientSession, SocketRegistry
from hummdesk.server.view_counts import ViewCounts
from hummdesk.storage import counts
from hummdesk.storage.counts import Totals
from hummdesk.storage.database import Database

log = logging.getLogger(__name__)

DELAY_SECONDS = 0.3
PACE = 20
"""The share of time in which an account is counted is at most 1 / PACE."""
RETRY_SECONDS = 5.0
NO_QUERY = (0.0, 0.0)

CHANGING = {
    "conversation_created",
    "conversation_updated",
    "conversation_status_changed",
    "conversation_assigned",
    "conversation_unassigned",
    "saved_view_changed",
}
"""The events after which a count may differ."""
MESSAGE = "new_message"
"""An event after which only the count of a view of waiting customers, or of a search, may differ."""
CLASSIFICATION = "ai_classification"
"""An event after which only the count of a view of a category may differ."""
COUNTED = CHANGING | {MESSAGE, CLASSIFICATION}


@dataclass(frozen=True, slots=True)
class Read:
    """A query that runs, and the people whose own views it counts."""

    owners: frozenset[UUID]
    result: asyncio.Task[Totals]


class InboxCounts:
    def __init__(self, database: Database, sockets: SocketRegistry) -> None:
        self._database = database
        self._sockets = sockets
        self._sent: dict[UUID, WeakKeyDictionary[ClientSession, CountsChanged | None]] = {}
        """By account and socket that has asked, what it was sent last; None: not answered yet."""
        self._accounts: dict[str, UUID] = {}
        """The accounts of these sockets, by the rooms of accounts and agents."""
        self._due: dict[UUID, asyncio.TimerHandle] = {}
        """Accounts that are counted after the delay."""
        self._reads: dict[UUID, Read] = {}
        self._refreshing: set[asyncio.Task[None]] = set()
        self._is_stopped = False
        self._seconds: dict[UUID, tuple[float, float]] = {}
        """How long the last two queries of an account took."""
        self._waiting: set[UUID] = set()
        """Accounts with a view of waiting customers."""
        self._views = ViewCounts(
            database, owners=self._owners, changed=lambda account_id: self._schedule(account_id, 0)
        )

    async def of(self, session: ClientSession) -> CountsChanged:
        """The counts of a socket, which from now on is sent their changes. Raises Unavailable."""
        person = session.authenticated_person
        for room in (rooms.account(person.account_id), rooms.agent(person.id)):
            self._accounts[room] = person.account_id
        sent = self._sent.setdefault(person.account_id, WeakKeyDictionary())
        sent[session] = None
        found = counts_of(await self._read(person.account_id, person.id), person)
        sent[session] = found = sent.get(session) or found  # a later query may have ended first
        self._views.include(person.account_id, person.id)
        return found

    def deliver(self, event: Event) -> None:
        """Count again after an event that may change something."""
        if event.event not in COUNTED or not self._accounts:
            return
        for account_id in {self._accounts[room] for room in event.rooms if room in self._accounts}:
            self._views.note(account_id, event.event)
            if event.event in CHANGING or (event.event == MESSAGE and account_id in self._waiting):
                self._schedule(account_id, max(DELAY_SECONDS, PACE * min(self._seconds.get(account_id, NO_QUERY))))

    async def stop(self) -> None:
        """Count no more."""
        self._is_stopped = True
        for timer in self._due.values():
            timer.cancel()
        await self._views.stop()
        await end(*self._refreshing)

    def _schedule(self, account_id: UUID, seconds: float) -> None:
        """Count an account after a delay, unless it is counted then anyway."""
        if account_id not in self._due and not self._is_stopped:
            loop = asyncio.get_running_loop()
            self._due[account_id] = loop.call_later(seconds, self._begin, account_id)

    def _begin(self, account_id: UUID) -> None:
        task = asyncio.ensure_future(self._refresh(account_id))
        self._refreshing.add(task)
        task.add_done_callback(self._refreshing.discard)

    async def _refresh(self, account_id: UUID) -> None:
        if timer := self._due.pop(account_id, None):  # a change from now on is counted again
            timer.cancel()
        asking = self._asking(account_id)
        if not asking:
            self._accounts = {room: one for room, one in self._accounts.items() if one != account_id}
            self._sent.pop(account_id, None)
            self._seconds.pop(account_id, None)
            self._waiting.discard(account_id)
            self._views.forget(account_id)
            return
        try:
            totals = await self._count(account_id, self._owners(account_id))
        except HummDeskError as error:
            log.warning("inbox_counts.failed", extra={"account_id": str(account_id), "error": error.code})
            self._schedule(account_id, RETRY_SECONDS)
            return
        for session in asking:
            self._send(account_id, session, totals)

    def _asking(self, account_id: UUID) -> list[ClientSession]:
        return [session for session in self._sent.get(account_id, ()) if _is_of(session, account_id)]

    def _owners(self, account_id: UUID) -> frozenset[UUID]:
        """The people whose own views are counted: those of the sockets that have asked."""
        return frozenset(session.authenticated_person.id for session in self._asking(account_id))

    def _send(self, account_id: UUID, session: ClientSession, totals: Totals) -> None:
        if not _is_of(session, account_id):
            return
        found = counts_of(totals, session.authenticated_person)
        sent = self._sent[account_id]
        if found != sent.get(session):
            sent[session] = found
            self._sockets.send(session, found)

    async def _read(self, account_id: UUID, owner_id: UUID) -> Totals:
        """As `_count`; those who ask while a query runs share its result, or that of the next one if it began without
        their own views.
        """
        while (read := self._reads.get(account_id)) is not None and owner_id not in read.owners:
            await asyncio.wait([read.result])
        if read is None:
            owners = self._owners(account_id) | {owner_id}
            read = Read(owners, asyncio.ensure_future(self._count(account_id, owners)))
            self._reads[account_id] = read
            read.result.add_done_callback(lambda _: self._reads.pop(account_id, None))
        return await asyncio.shield(read.result)

    async def _count(self, account_id: UUID, owners: frozenset[UUID]) -> Totals:
        began = monotonic()
        async with self._database.account(account_id) as tx:
            found = await counts.by_kind(tx, owners=owners)
        _, last = self._seconds.get(account_id, NO_QUERY)
        self._seconds[account_id] = (last, monotonic() - began)
        if any(view.is_waiting for view in found.views.values()):
            self._waiting.add(account_id)
        else:
            self._waiting.discard(account_id)
        return Totals(kinds=found.kinds, views=self._views.of(account_id) | found.views)


def _is_of(session: ClientSession, account_id: UUID) -> bool:
    """Whether a socket is open and of this account: it may have signed in to another one, or lost its person."""
    return not session.closed and session.person is not None and session.person.account_id == account_id
