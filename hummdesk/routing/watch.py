"""The invariants of routing, observed from outside: nobody is stranded, no agent is given more than the capacity."""

from collections.abc import Collection
from dataclasses import dataclass
from time import monotonic
from uuid import UUID

from hummdesk.bus.presence import Presence
from hummdesk.routing import reading
from hummdesk.routing.hours import is_paused
from hummdesk.storage import routing
from hummdesk.storage.database import Database

STRANDED_SECONDS = 5.0
FORGOTTEN_SECONDS = 10.0
"""What was seen longer ago does not prove that a conversation has waited since."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """Of one account, in its queues that are routed. The longest waits are in seconds."""

    waiting: int
    stranded: int
    """Conversations that have waited for STRANDED_SECONDS beside an agent who is free for them."""
    above_capacity: int
    oldest_account_wait: float
    oldest_team_wait: float


class Watch:
    """Remembers since when it has seen conversations beside a free agent."""

    def __init__(self, database: Database, presence: Presence) -> None:
        self._database = database
        self._presence = presence
        self._seen: dict[UUID, Sightings] = {}

    async def figures(self, account_id: UUID) -> Figures | None:
        """None for an account without routing. Raises Unavailable."""
        async with self._database.account(account_id) as tx:
            found = await routing.settings(tx)
            start = await routing.look(tx) if found.is_on else None
            if start is None:
                self._seen.pop(account_id, None)
                return None
            statuses = {} if await is_paused(tx) else await self._presence.statuses(account_id)
            made = await reading.decided(tx, start, found, statuses, absences=None)
            queues = [one for one in await routing.queues(tx) if found.is_routed(one.team_id)]
            above = await routing.above_capacity(tx)
        sightings = self._seen.setdefault(account_id, Sightings())
        stranded = sightings.update([choice.conversation_id for choice in made.decision.choices], now=monotonic())
        waits = [(one.team_id is None, one.oldest_seconds) for one in queues]
        return Figures(
            waiting=sum(one.waiting for one in queues),
            stranded=stranded,
            above_capacity=above,
            oldest_account_wait=max((seconds for is_account, seconds in waits if is_account), default=0.0),
            oldest_team_wait=max((seconds for is_account, seconds in waits if not is_account), default=0.0),
        )

    def forget_others(self, accounts: Collection[UUID]) -> None:
        """Forget accounts that are not routed any more."""
        for account_id in self._seen.keys() - set(accounts):
            del self._seen[account_id]


class Sightings:
    """The conversations of an account that could be assigned, each with the time when it was first seen so."""

    def __init__(self) -> None:
        self._first: dict[UUID, float] = {}
        self._last = float("-inf")

    def update(self, assignable: Collection[UUID], *, now: float) -> int:
        """Note what is assignable now; return how many have been for STRANDED_SECONDS."""
        if now - self._last > FORGOTTEN_SECONDS:
            self._first.clear()
        self._last = now
        self._first = {one: self._first.get(one, now) for one in assignable}
        return sum(now - first > STRANDED_SECONDS for first in self._first.values())
