"""The staff sessions that are not revoked: tokens name their session, and are refused when it has ended."""

from collections import OrderedDict
from uuid import UUID

from hummdesk.core.errors import Unauthorized
from hummdesk.storage import staff_sessions
from hummdesk.storage.database import Database

MOST = 10_000
"""Sessions that are remembered."""

ENDED = "The session has ended; sign in again"


class ActiveSessions:
    """Remembers active sessions until the database reports a change of them."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._active: OrderedDict[UUID, None] = OrderedDict()
        self._changes = 0

    async def require(self, account_id: UUID, session_id: UUID) -> None:
        """Raises Unauthorized for a session that was revoked, and Unavailable."""
        if session_id in self._active:
            self._active.move_to_end(session_id)
            return
        changes = self._changes
        async with self._database.account(account_id) as tx:
            is_active = await staff_sessions.is_active(tx, session_id)
        if not is_active:
            raise Unauthorized(ENDED)
        if changes == self._changes:
            self._active[session_id] = None
        if len(self._active) > MOST:
            self._active.popitem(last=False)

    def forget(self, session_id: UUID | None) -> None:
        """Read a session again, or all of them (None), when a token names it."""
        self._changes += 1
        if session_id is None:
            self._active.clear()
        else:
            self._active.pop(session_id, None)
