"""Keeps what each socket of this process needs to come back, if its connection or the whole process is lost."""

import asyncio
import time

from hummdesk.bus.recovery_store import CONNECTED_SECONDS, RecoverableSession, RecoveryStore
from hummdesk.core.background import soon
from hummdesk.core.errors import Unavailable
from hummdesk.core.models import Person
from hummdesk.server.sockets import ClientSession, SocketRegistry


class RecoverySaver:
    """Without `absences` no socket comes back, and nothing is kept."""

    def __init__(self, absences: RecoveryStore | None, sockets: SocketRegistry) -> None:
        self._absences = absences
        self._sockets = sockets

    def keep(self, session: ClientSession) -> None:
        """Its person or rooms have changed. Nobody waits; what Redis does not take now is kept at the next `renew`."""
        session.kept_at = float("-inf")
        if self._absences is not None:
            soon(self._keep(self._absences, session))

    async def renew(self) -> None:
        """Keep anew what could not be kept, or is old."""
        due = time.monotonic() - CONNECTED_SECONDS / 2
        late = [session for session in self._sockets.sessions.values() if session.kept_at < due]
        if self._absences is not None:
            await asyncio.gather(*(self._keep(self._absences, session) for session in late))

    async def leave(self, session: ClientSession, *, for_good: bool) -> bool:
        """The socket has gone. Tells whether it has come back already, to another process."""
        person, absences = session.person, self._absences
        if absences is None or person is None:
            return False
        try:
            if for_good or not session.may_return:
                await absences.delete(session.pid)
                return False
            if session.kept_at == float("-inf"):
                await absences.save(session.pid, _absent(session, person))
            return not await absences.disconnect(session.pid)
        except Unavailable:
            return False

    def forget(self, session: ClientSession) -> None:
        """It has lost its person."""
        if self._absences is not None:
            soon(self._forget(self._absences, session))

    async def _keep(self, absences: RecoveryStore, session: ClientSession) -> None:
        if session.closed or session.person is None or not session.may_return:
            return
        began = time.monotonic()
        try:
            await absences.save(session.pid, _absent(session, session.person))
        except Unavailable:
            return
        session.kept_at = began

    async def _forget(self, absences: RecoveryStore, session: ClientSession) -> None:
        try:
            await absences.delete(session.pid)
        except Unavailable:
            return


def _absent(session: ClientSession, person: Person) -> RecoverableSession:
    return RecoverableSession(
        sid=session.sid,
        account_id=person.account_id,
        person_id=person.id,
        rooms=session.rooms,
        joined=list(session.joined),
    )
