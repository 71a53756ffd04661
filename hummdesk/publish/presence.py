"""The publication of an agent's presence. Its receipt is kept in Redis, with the status itself: see bus/presence.py."""

import asyncio
from dataclasses import dataclass
from uuid import UUID

from hummdesk.bus.presence import Presence, Status
from hummdesk.core.errors import Unavailable
from hummdesk.core.models import Person
from hummdesk.publish.events.base import Event
from hummdesk.publish.events.presence import AgentOffline, AgentOnline
from hummdesk.publish.publisher import Publisher
from hummdesk.storage import people
from hummdesk.storage.database import Database

PUBLISH_SECONDS = 2.0
"""Longest wait for Redis; a change that is not confirmed by then is left to the relay."""


@dataclass(frozen=True, slots=True)
class PresencePublisher:
    publisher: Publisher
    presence: Presence
    database: Database

    async def publish(self, agent: Person, status: Status, *others: Event) -> None:
        """Publish that an agent is online or offline, and other events after that, and confirm the change."""
        await self.confirm(agent, status, await self._event(agent, status), *others)

    async def confirm(self, agent: Person, status: Status, *events: Event) -> None:
        """Publish the events of a change to this status, confirm it, and publish the current status if it is another.

        Raises Unavailable.
        """

        async def read() -> list[Status]:
            return [await self.presence.confirm(agent.account_id, agent.id)]

        async def event(current: Status) -> Event:
            return await self._event(agent, current)

        try:
            async with asyncio.timeout(PUBLISH_SECONDS):
                await self.publisher.publish_stored(*events)
                await self.publisher.publish_current(read, event, published=[status])
        except TimeoutError:
            raise Unavailable from None

    async def publish_status(self, account_id: UUID, agent_id: UUID) -> None:
        """Publish the current status of an agent, unless the agent was removed."""
        async with self.database.account(account_id) as tx:
            agent = await people.find_person(tx, person_id=agent_id, customer=False)
        if agent is None:
            await self.presence.confirm(account_id, agent_id)
        else:
            statuses = await self.presence.statuses(account_id)
            await self.publish(agent, statuses.get(agent_id, "offline"))

    async def _event(self, agent: Person, status: Status) -> Event:
        if status != "offline":
            return AgentOnline.of(agent, status)
        async with self.database.account(agent.account_id) as tx:
            seen_at = await people.seen(tx, user_id=agent.id)
        return AgentOffline.of(agent, status, last_seen_at=seen_at)
