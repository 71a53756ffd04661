"""The public interface for other code that publishes to clients: a Celery task, a script, an extension of the server.

    from hummdesk.publish.broadcast import get_broadcast_service

    async def main() -> None:
        service = get_broadcast_service()
        try:
            await service.broadcast_to_account(account_id, "maintenance", {"inMinutes": 10})
        finally:
            await service.close()

    asyncio.run(main())

It needs the settings of the server (REDIS_URL and so on) and no server. `async with open_broadcast_service(settings)`
does the same where a context manager fits.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from hummdesk.bus.client import connect
from hummdesk.bus.commands import Commands
from hummdesk.bus.envelope import Envelope
from hummdesk.bus.presence import Presence, Status, available
from hummdesk.bus.socket_counts import SocketCounts
from hummdesk.bus.stream_writer import StreamWriter
from hummdesk.core import config
from hummdesk.core.config import Settings
from hummdesk.core.epochs import Epochs
from hummdesk.publish import rooms
from hummdesk.publish.events.ai import AIClassification
from hummdesk.publish.publisher import Publisher

Payload = dict[str, Any]

SETTLE_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class _Broadcast:
    """An event that the contract does not name."""

    account_id: UUID
    event: str
    payload: Payload
    room: str

    def envelopes(self) -> tuple[Envelope, ...]:
        return (Envelope(account_id=self.account_id, event=self.event, data=self.payload, rooms=(self.room,)),)


class BroadcastService:
    """Publishes to the clients of an account, and knows which agents are online.

    Events are delivered in the order of the calls. Payloads are JSON objects.
    """

    def __init__(self, publisher: Publisher, presence: Presence, socket_counts: SocketCounts) -> None:
        self.publisher = publisher
        self.presence = presence
        self._socket_counts = socket_counts

    async def broadcast_to_account(self, account_id: UUID, event: str, payload: Payload) -> None:
        """Send an event to all staff of an account."""
        await self.publisher.publish(_Broadcast(account_id, event, payload, rooms.account(account_id)))

    async def broadcast_to_agent(self, agent_id: UUID, event: str, payload: Payload, *, account_id: UUID) -> None:
        """Send an event to all sockets of an agent."""
        await self.publisher.publish(_Broadcast(account_id, event, payload, rooms.agent(agent_id)))

    async def broadcast_to_conversation(
        self, conversation_id: UUID, event: str, payload: Payload, *, account_id: UUID
    ) -> None:
        """Send an event to all sockets that joined a conversation, those of its customer included."""
        await self.publisher.publish(_Broadcast(account_id, event, payload, rooms.conversation(conversation_id)))

    async def broadcast_to_team(self, team_id: UUID, event: str, payload: Payload, *, account_id: UUID) -> None:
        """Send an event to the members of a team."""
        await self.publisher.publish(_Broadcast(account_id, event, payload, rooms.team(team_id)))

    async def notify_classification(self, classification: AIClassification) -> None:
        """Send `ai_classification` to all staff of the account, once for each message."""
        await self.publisher.publish(classification)

    async def is_agent_online(self, *, account_id: UUID, agent_id: UUID) -> bool:
        """Return whether an agent is online, away or busy."""
        return agent_id in await self.get_online_agents(account_id)

    async def get_online_agents(self, account_id: UUID) -> dict[UUID, Status]:
        """Return the agents of an account that are online, away or busy, with their status."""
        statuses = await self.presence.statuses(account_id)
        return {agent_id: status for agent_id, status in statuses.items() if status != "offline"}

    async def get_available_agents(self, account_id: UUID) -> frozenset[UUID]:
        """Return the agents of an account who are online, neither away nor busy."""
        return available(await self.presence.statuses(account_id))

    async def get_connection_statistics(self) -> Payload:
        """Return `{nodes, connections, byRole}` over all web processes. The figures are at most a lease old."""
        return await self._socket_counts.statistics()

    async def close(self) -> None:
        """Wait for Redis to store what was published, at most five seconds, and close the connections."""
        global _service
        if _service is self:
            _service = None
        await self.publisher.close(timeout=SETTLE_SECONDS)
        await self.presence.close()
        await self._socket_counts.close()


_service: BroadcastService | None = None


def get_broadcast_service(settings: Settings | None = None) -> BroadcastService:
    """Return the service of this process, made on first use. Close it before the event loop ends.

    Without `settings` they are read from the environment. Each call of the service returns when Redis has the event.
    """
    global _service
    if _service is None:
        _service = _connected(settings or config.read(config.collect()))
    return _service


@asynccontextmanager
async def open_broadcast_service(settings: Settings, epochs: Epochs | None = None) -> AsyncIterator[BroadcastService]:
    """Open a service of its own and close it at the end.

    `epochs` are those of the databases whose changes it publishes.
    """
    service = _connected(settings, epochs)
    try:
        yield service
    finally:
        await service.close()


def _connected(settings: Settings, epochs: Epochs | None = None) -> BroadcastService:
    writer = StreamWriter(
        connect(settings.redis),
        length=settings.bus_length,
        shard_bytes=settings.bus_bytes,
        backlog_bytes=settings.backlog_bytes,
    )
    if epochs is not None:
        epochs.subscribe(writer.enter)
    return BroadcastService(
        Publisher(writer, waits=True),
        Presence(Commands.of(settings.redis), settings),
        SocketCounts(Commands.of(settings.redis), lease_seconds=settings.presence_lease_seconds),
    )
