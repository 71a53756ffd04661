"""Saves what each socket of this process needs for recovery, in case that its connection or the process is lost."""

import asyncio
import time
from contextlib import suppress
from dataclasses import dataclass, field

from hummdesk.bus.recovery_store import CONNECTED_SECONDS, RecoverableSession, RecoveryStore
from hummdesk.core.background import soon
from hummdesk.core.errors import Unavailable
from hummdesk.core.models import Person
from hummdesk.server.sockets import NEVER, ClientSession, SocketRegistry

WAIT_SECONDS = 0.25
"""Longest wait for a save before a request that has changed the session is acknowledged."""


@dataclass(slots=True)
class _Save:
    """A save in progress. `has_changed`: the session was changed since it began."""

    has_changed: bool = True
    ended: asyncio.Event = field(default_factory=asyncio.Event)


class RecoverySaver:
    """Does nothing without a store, that is while recovery is turned off."""

    def __init__(self, store: RecoveryStore | None, sockets: SocketRegistry) -> None:
        self._store = store
        self._sockets = sockets
        self._saving: dict[ClientSession, _Save] = {}

    def schedule(self, session: ClientSession) -> None:
        """Save a session whose person or rooms have changed. A save that fails is repeated by `renew`."""
        session.saved_at = NEVER
        if session in self._saving:
            self._saving[session].has_changed = True
        elif self._store is not None:
            self._saving[session] = _Save()
            soon(self._save_changes(self._store, session))

    async def wait(self, session: ClientSession) -> None:
        """Wait until the changes of a session are saved, while Redis answers.

        If its process is killed before, the client is recovered without them, and takes its session for complete.
        """
        if session in self._saving:
            with suppress(TimeoutError):
                async with asyncio.timeout(WAIT_SECONDS):
                    await self._saving[session].ended.wait()

    async def renew(self) -> None:
        """Save the sessions that are unsaved or about to expire."""
        due = time.monotonic() - CONNECTED_SECONDS / 2
        outdated = [session for session in self._sockets.sessions.values() if session.saved_at < due]
        if self._store is not None:
            await asyncio.gather(*(self._save(self._store, session) for session in outdated))

    async def disconnect(self, session: ClientSession, *, is_final: bool) -> bool:
        """Begin the recovery window of a closed socket; delete its session if the client has left permanently.

        Returns whether the client has recovered the session already, at another process.
        """
        person, store = session.person, self._store
        if store is None or person is None:
            return False
        try:
            if is_final or not session.is_recoverable:
                await store.delete(session.pid)
                return False
            if session.saved_at == NEVER:
                await store.save(session.pid, _recoverable(session, person))
            return not await store.disconnect(session.pid)
        except Unavailable:
            return False

    def delete(self, session: ClientSession) -> None:
        """Delete a session that is no longer authenticated."""
        if self._store is not None:
            soon(self._delete(self._store, session))

    async def _save_changes(self, store: RecoveryStore, session: ClientSession) -> None:
        """Save a session, and once more if it changes meanwhile: however often it does, one save waits for Redis."""
        saving = self._saving[session]
        try:
            while saving.has_changed:
                saving.has_changed = False
                await self._save(store, session)
        finally:
            del self._saving[session]
            saving.ended.set()

    async def _save(self, store: RecoveryStore, session: ClientSession) -> None:
        if session.closed or session.person is None or not session.is_recoverable:
            return
        started_at = time.monotonic()
        try:
            await store.save(session.pid, _recoverable(session, session.person))
        except Unavailable:
            return
        saving = self._saving.get(session)
        if saving is None or not saving.has_changed:
            session.saved_at = started_at

    async def _delete(self, store: RecoveryStore, session: ClientSession) -> None:
        try:
            await store.delete(session.pid)
        except Unavailable:
            return


def _recoverable(session: ClientSession, person: Person) -> RecoverableSession:
    return RecoverableSession(
        sid=session.sid,
        account_id=person.account_id,
        person_id=person.id,
        rooms=session.rooms,
        joined=list(session.joined),
    )
