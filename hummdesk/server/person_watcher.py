"""Applies changes of users and contacts in the database to their sockets at once."""

import asyncio
import json
from collections.abc import Iterable
from uuid import UUID

from hummdesk.core.background import end, soon
from hummdesk.core.errors import Unavailable
from hummdesk.server.context import ServerContext
from hummdesk.server.handlers import connection

CHANNEL = "hummdesk_people"
RETRY_SECONDS = 0.5


class PersonWatcher:
    """Listens to notifications of the database. After a lost connection every connected person is checked."""

    def __init__(self, context: ServerContext) -> None:
        self._context = context
        self._task: asyncio.Task[None] | None = None
        self._is_stopped = False

    def start(self) -> None:
        self._task = asyncio.create_task(self._run())

    async def stop(self) -> None:
        self._is_stopped = True
        if self._task is not None:
            await end(self._task)

    async def _run(self) -> None:
        async for _, payload in self._context.database.listen(CHANNEL):
            for account_id, person_id in self._changed(payload):
                soon(self._update(account_id, person_id))

    def _changed(self, payload: str) -> Iterable[tuple[UUID, UUID]]:
        """Return the changed person, as (account, person); everybody here if the payload names none: any database
        client may notify."""
        try:
            change = json.loads(payload)
            return [(UUID(change["accountId"]), UUID(change["personId"]))]
        except (ValueError, TypeError, KeyError, AttributeError):
            people = (session.person for session in self._context.sockets.sessions.values())
            return {(person.account_id, person.id) for person in people if person is not None}

    async def _update(self, account_id: UUID, person_id: UUID) -> None:
        while not self._is_stopped:
            try:
                async with self._context.person_locks.of(person_id):
                    await connection.person_changed(self._context, account_id, person_id)
                return
            except Unavailable:
                await asyncio.sleep(RETRY_SECONDS)
