"""Who answers customers, and how soon: for the widget, cached by this process for a minute."""

from collections import OrderedDict
from dataclasses import dataclass
from time import monotonic
from typing import Any
from uuid import UUID

from hummdesk.bus.presence import Presence, available
from hummdesk.core.errors import Unavailable
from hummdesk.storage import visitors
from hummdesk.storage.database import Database

MOST = 10_000
"""Accounts in the cache."""
FRESH_SECONDS = 60.0
MOST_AGENTS = 4


@dataclass(frozen=True, slots=True)
class Introduction:
    names: list[str]
    """Of agents who are online, unless the account does not show them."""
    reply_seconds: int | None
    """The median time of the first replies of late; None if there were too few."""

    def wire(self) -> dict[str, Any]:
        optional = {} if self.reply_seconds is None else {"replySeconds": self.reply_seconds}
        return {"agents": [{"name": name} for name in self.names], **optional}


class Introductions:
    def __init__(self, database: Database, presence: Presence) -> None:
        self._database = database
        self._presence = presence
        self._known: OrderedDict[UUID, tuple[float, Introduction]] = OrderedDict()

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
            names, reply_seconds = await visitors.introduction(tx, online=online, limit=MOST_AGENTS)
        found = Introduction(names, reply_seconds)
        self._known[account_id] = (monotonic(), found)
        self._known.move_to_end(account_id)
        if len(self._known) > MOST:
            self._known.popitem(last=False)
        return found
