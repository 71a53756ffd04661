"""Long polls of the feed: requests that wait for a change of their account."""

import asyncio
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from time import monotonic
from uuid import UUID

from hummdesk.bus.envelope import Event
from hummdesk.core.models import Person
from hummdesk.publish import rooms

MOST = 100
"""Waiting polls of an account in this process; further ones are answered at once."""
READS = 2
"""Reads of feeds at a time: a change may wake many polls, and connections of the pool remain for other requests."""


@dataclass(slots=True, eq=False)
class Poll:
    actor: Person
    deadline: float
    """In seconds of `time.monotonic()`."""
    is_ended: bool = False
    changed: asyncio.Event = field(default_factory=asyncio.Event)

    async def wait(self) -> bool:
        """Wait for a change of the account; False if the poll is to be answered as it is."""
        with suppress(TimeoutError):
            async with asyncio.timeout(max(0.0, self.deadline - monotonic())):
                await self.changed.wait()
        is_changed = self.changed.is_set()
        self.changed.clear()
        return is_changed and not self.is_ended


class FeedPolls:
    """The waiting polls of this process. Events of the stream wake those of their account."""

    def __init__(self) -> None:
        self._polls: defaultdict[str, set[Poll]] = defaultdict(set)
        """By the room of the account."""
        self._is_closed = False
        self.reading = asyncio.Semaphore(READS)

    @contextmanager
    def poll(self, actor: Person, *, seconds: float) -> Iterator[Poll]:
        """A poll that notices changes from now on, so that the caller reads the feed before it waits."""
        room = rooms.account(actor.account_id)
        may_wait = not self._is_closed and len(self._polls.get(room, ())) < MOST
        one = Poll(actor, monotonic() + (seconds if may_wait else 0.0))
        self._polls[room].add(one)
        try:
            yield one
        finally:
            self._polls[room].discard(one)
            if not self._polls[room]:
                del self._polls[room]

    def accounts(self) -> set[UUID]:
        """The accounts whose events are needed here."""
        return {poll.actor.account_id for polls in self._polls.values() for poll in polls}

    def deliver(self, event: Event) -> None:
        for room in event.rooms if self._polls else ():
            self._wake(room)

    def wake(self, account_id: UUID | None) -> None:
        """Let the polls of an account, or all of them, read the feed again."""
        for room in [*self._polls] if account_id is None else [rooms.account(account_id)]:
            self._wake(room)

    def end(self, actor_id: UUID | None) -> None:
        """Answer the polls of a user or key, or all of them, without events: the right to them may have ended."""
        for polls in self._polls.values():
            for poll in polls:
                if actor_id in (None, poll.actor.id):
                    poll.is_ended = True
                    poll.changed.set()

    def close(self) -> None:
        """Answer all polls, and let none wait any more."""
        self._is_closed = True
        self.end(None)

    def _wake(self, room: str) -> None:
        for poll in self._polls.get(room, ()):
            poll.changed.set()
