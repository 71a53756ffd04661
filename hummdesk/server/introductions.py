"""Who answers customers, and how soon: for the widget, cached by this process for a minute."""

from collections import OrderedDict
from dataclasses import dataclass
from time import monotonic
from typing import Any
from uuid import UUID

from hummdesk.bus.presence import Presence, available
from hummdesk.core.errors import Unavailable
from hummdesk.storage import photos, visitors
from hummdesk.storage.database import Database
from hummdesk.storage.visitors import IntroducedAgent

MOST = 10_000
"""Accounts in the cache."""
FRESH_SECONDS = 60.0
MOST_AGENTS = 4


@dataclass(frozen=True, slots=True)
class Introduction:
    account_id: UUID
    agents: list[IntroducedAgent]
    """Agents who are online, unless the account does not show them."""
    reply_seconds: int | None
    """The median time of the first replies of late; None if there were too few."""

    def wire(self) -> dict[str, Any]:
        optional = {} if self.reply_seconds is None else {"replySeconds": self.reply_seconds}
        return {"agents": [self._shown(agent) for agent in self.agents], **optional}

    def _shown(self, agent: IntroducedAgent) -> dict[str, Any]:
        shown = {"name": agent.name}
        if agent.photo_version is not None:
            shown["photo"] = photos.path_of(self.account_id, agent.id, agent.photo_version)
        return shown


class Introductions:
    def __init__(self, database: Database, presence: Presence) -> None:
        self._database = database
        self._presence = presence
        self._known: OrderedDict[UUID, tuple[float, Introduction]] = OrderedDict()

    def forget(self, account_id: UUID) -> None:
        """Look the agents of an account up again; other processes do so within a minute."""
        self._known.pop(account_id, None)

    async def of(self, account_id: UUID) -> Introduction:
        """Raises Unavailable. Without Redis, nobody is known to be online."""
        known = self._known.get(account_id)
        if known is not None and monotonic() - known[0] < FRESH_SECONDS:
            return known[1]
        try:
            online = available(await self._presence.statuses(account_id))
        except Unavailable:
            online = frozenset()
        async with self._database.account(account_id) as tx:
            agents, reply_seconds = await visitors.introduction(tx, online=online, limit=MOST_AGENTS)
        found = Introduction(account_id, agents, reply_seconds)
        self._known[account_id] = (monotonic(), found)
        self._known.move_to_end(account_id)
        if len(self._known) > MOST:
            self._known.popitem(last=False)
        return found
