"""Applies changes of people, keys and staff sessions in the database to this process and its sockets at once."""

import asyncio
import json
from collections.abc import Awaitable, Callable, Iterable
from contextlib import AbstractAsyncContextManager, nullcontext
from functools import partial
from uuid import UUID

from hummdesk.core.background import end, soon
from hummdesk.core.errors import Unavailable
from hummdesk.server.context import ServerContext
from hummdesk.server.handlers import connection
from hummdesk.server.sockets import ClientSession

PEOPLE = "hummdesk_people"
SIGNING_KEYS = "hummdesk_signing_keys"
API_KEYS = "hummdesk_api_keys"
STAFF_SESSIONS = "hummdesk_staff_sessions"
FEED = "hummdesk_feed"
HOURS = "hummdesk_hours"
ROUTING = "hummdesk_routing"
RETRY_SECONDS = 0.5


class ChangeWatcher:
    """Listens to notifications of the database. After a lost connection every socket is checked."""

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
        changes: dict[str, Callable[[str], None]] = {
            PEOPLE: self._change_people,
            SIGNING_KEYS: self._change_signing_keys,
            API_KEYS: self._change_api_keys,
            STAFF_SESSIONS: self._change_sessions,
            FEED: self._wake_polls,
            HOURS: self._forget_hours,
            ROUTING: self._change_routing,
        }
        async for channel, payload in self._context.database.listen(*changes):
            for change in [changes[channel]] if channel in changes else changes.values():  # all after a reconnect
                change(payload)

    def _change_people(self, payload: str) -> None:
        for account_id, person_id in self._changed_people(payload):
            self._context.feed_polls.end(person_id)
            lock = self._context.person_locks.of(person_id)
            soon(self._apply(partial(connection.person_changed, self._context, account_id, person_id), lock))

    def _change_signing_keys(self, payload: str) -> None:
        for account_id in self._changed_accounts(payload):
            soon(self._apply(partial(connection.signing_keys_changed, self._context, account_id)))

    def _change_api_keys(self, payload: str) -> None:
        key_id = _changed_key(payload)
        self._context.api_keys.forget(key_id)
        self._context.feed_polls.end(key_id)

    def _wake_polls(self, payload: str) -> None:
        self._context.feed_polls.wake(_account(payload))

    def _forget_hours(self, payload: str) -> None:
        self._context.hours.forget(_account(payload))

    def _change_routing(self, payload: str) -> None:
        self._context.router.forget(_account(payload))

    def _change_sessions(self, payload: str) -> None:
        for account_id, session_id in self._changed_sessions(payload):
            soon(self._apply(partial(connection.staff_session_changed, self._context, account_id, session_id)))

    def _changed_people(self, payload: str) -> Iterable[tuple[UUID, UUID]]:
        """Return the changed person, as (account, person); everybody of an account that was disabled or enabled.

        Everybody here if the payload names no account: any database client may notify.
        """
        try:
            change = json.loads(payload)
            account_id = UUID(change["accountId"])
            if "personId" in change:
                return [(account_id, UUID(change["personId"]))]
            sessions: Iterable[ClientSession] = self._context.sockets.of_account(account_id)
        except (ValueError, TypeError, KeyError, AttributeError):
            sessions = self._context.sockets.sessions.values()
        self._context.sockets.mark_all_changed()
        self._context.api_keys.forget(None)
        return {(session.person.account_id, session.person.id) for session in sessions if session.person is not None}

    def _changed_accounts(self, payload: str) -> Iterable[UUID]:
        """Return the account whose keys have changed, or all accounts with sockets; forget the keys read before."""
        try:
            account_id = UUID(json.loads(payload)["accountId"])
        except (ValueError, TypeError, KeyError, AttributeError):
            self._context.tokens.forget(None)
            people = (session.person for session in self._context.sockets.sessions.values() if session.signed_with)
            return {person.account_id for person in people if person is not None}
        self._context.tokens.forget(account_id)
        return [account_id]

    def _changed_sessions(self, payload: str) -> Iterable[tuple[UUID, UUID]]:
        """Return the changed session, as (account, session), or all with sockets; forget what was read of them."""
        try:
            change = json.loads(payload)
            account_id, session_id = UUID(change["accountId"]), UUID(change["sessionId"])
        except (ValueError, TypeError, KeyError, AttributeError):
            self._context.tokens.forget_session(None)
            return {
                (one.person.account_id, one.staff_session_id)
                for one in self._context.sockets.sessions.values()
                if one.person is not None and one.staff_session_id is not None
            }
        self._context.tokens.forget_session(session_id)
        return [(account_id, session_id)]

    async def _apply(
        self, change: Callable[[], Awaitable[None]], lock: AbstractAsyncContextManager[object] | None = None
    ) -> None:
        """Apply a change, and again until the database answers."""
        while not self._is_stopped:
            try:
                async with lock or nullcontext():
                    await change()
                return
            except Unavailable:
                await asyncio.sleep(RETRY_SECONDS)


def _account(payload: str) -> UUID | None:
    try:
        return UUID(payload)
    except ValueError:
        return None


def _changed_key(payload: str) -> UUID | None:
    """Return the changed API key; None, which is any, if the payload names none."""
    try:
        return UUID(json.loads(payload)["keyId"])
    except (ValueError, TypeError, KeyError, AttributeError):
        return None
