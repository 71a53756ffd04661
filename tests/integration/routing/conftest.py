"""An account with agents and conversations that wait, and routers as several processes have them."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

import pytest

from hummdesk.bus.commands import Commands
from hummdesk.bus.envelope import Envelope
from hummdesk.bus.presence import Lease, Presence, Status
from hummdesk.core.config import Settings
from hummdesk.core.ids import new_id
from hummdesk.publish.publisher import Publisher
from hummdesk.routing.router import Router
from hummdesk.storage import routing
from hummdesk.storage.database import Database, Transaction
from hummdesk.storage.outbox import EntryKey
from tests import superuser


class RecordingWriter:
    """A stream writer that keeps what it is given."""

    def __init__(self) -> None:
        self.envelopes: list[Envelope] = []

    def append(self, envelope: Envelope) -> asyncio.Future[None]:
        self.envelopes.append(envelope)
        stored: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        stored.set_result(None)
        return stored


@dataclass
class Desk:
    """An account whose agents and conversations are made by the tests."""

    url: str
    app: Database
    presence: Presence
    id: UUID = field(default_factory=new_id)
    contact: UUID = field(default_factory=new_id)
    writer: RecordingWriter = field(default_factory=RecordingWriter)
    confirmed: list[EntryKey] = field(default_factory=list)

    def tx(self) -> AbstractAsyncContextManager[Transaction]:
        return self.app.account(self.id)

    def router(self) -> Router:
        """The router of another process."""
        publisher = Publisher(self.writer)  # type: ignore[arg-type]
        return Router(self.app, self.presence, publisher, confirm=self._confirm)

    async def _confirm(self, entries: Any) -> None:
        self.confirmed += entries

    async def execute(self, statement: str, **values: Any) -> list[tuple[Any, ...]]:
        """Execute as the superuser; `account` is a parameter."""
        return await superuser.execute(self.url, statement, {"account": self.id} | values)

    async def make(self) -> "Desk":
        await self.execute("INSERT INTO accounts (account_id, name) VALUES (%(account)s, 'Routed')")
        await self.execute(
            "INSERT INTO contacts (account_id, id, email, name) VALUES (%(account)s, %(id)s, 'c@example.com', 'Cleo')",
            id=self.contact,
        )
        return self

    async def set(self, **changes: Any) -> None:
        async with self.tx() as tx:
            await routing.update(tx, None, **({"mode": "least_loaded", "capacity": 3} | changes))

    async def agent(self, status: Status = "online", *, skills: tuple[str, ...] = (), **more: Any) -> UUID:
        agent_id = new_id()
        await self.execute(
            "INSERT INTO users (account_id, id, email, name, role, skills, capacity) "
            "VALUES (%(account)s, %(id)s, %(email)s, 'Agent', 'agent', %(skills)s, %(capacity)s)",
            id=agent_id,
            email=f"{agent_id}@example.com",
            skills=list(skills),
            capacity=more.get("capacity"),
        )
        await self.appear(agent_id, status)
        return agent_id

    async def appear(self, agent_id: UUID, status: Status) -> None:
        await self.presence.join(Lease(self.id, agent_id, "socket"))
        await self.presence.change(self.id, agent_id, status)

    async def team(self, *members: UUID, **settings: Any) -> UUID:
        team_id = new_id()
        await self.execute("INSERT INTO teams (account_id, id, name) VALUES (%(account)s, %(id)s, %(id)s)", id=team_id)
        for member in members:
            await self.execute(
                "INSERT INTO team_members (account_id, team_id, user_id) VALUES (%(account)s, %(team)s, %(user)s)",
                team=team_id,
                user=member,
            )
        if settings:
            async with self.tx() as tx:
                await routing.update_team(tx, None, team_id, **settings)
        return team_id

    async def conversation(
        self, *, priority: str = "medium", team: UUID | None = None, waits: float | None = 0, agent: UUID | None = None
    ) -> UUID:
        """A conversation whose customer has waited for so many seconds; None: it is answered."""
        conversation_id = new_id()
        await self.execute(
            "INSERT INTO conversations "
            "(account_id, id, contact_id, priority, assigned_team, assigned_to, waiting_since) "
            "VALUES (%(account)s, %(id)s, %(contact)s, %(priority)s, %(team)s, %(agent)s, "
            "clock_timestamp() - make_interval(secs => %(waits)s))",
            id=conversation_id,
            contact=self.contact,
            priority=priority,
            team=team,
            agent=agent,
            waits=waits,
        )
        return conversation_id

    async def conversations(self, number: int) -> list[UUID]:
        rows = await self.execute(
            "INSERT INTO conversations (account_id, id, contact_id, waiting_since) "
            "SELECT %(account)s, gen_random_uuid(), %(contact)s, clock_timestamp() + n * interval '1 microsecond' "
            "FROM generate_series(1, %(number)s) AS n RETURNING id",
            contact=self.contact,
            number=number,
        )
        return [row[0] for row in rows]

    async def owners(self) -> dict[UUID, UUID]:
        """The agents of assigned conversations."""
        rows = await self.execute(
            "SELECT id, assigned_to FROM conversations WHERE account_id = %(account)s AND assigned_to IS NOT NULL"
        )
        return dict(rows)

    def events(self, name: str) -> list[dict[str, Any]]:
        """Events of this name as staff receives them."""
        return [one.data for one in self.writer.envelopes if one.event == name and f"account:{self.id}" in one.rooms]


@pytest.fixture(scope="session")
async def app(database_url: str) -> AsyncIterator[Database]:
    database = Database(database_url, role="hummdesk_app", size=8, timeout=20, pipelined=True)
    await database.open()
    yield database
    await database.close()


@pytest.fixture(scope="session")
async def presence(settings: Settings) -> AsyncIterator[Presence]:
    made = Presence(Commands.of(settings.redis), settings)
    yield made
    await made.close()


@pytest.fixture
async def desk(database_url: str, app: Database, presence: Presence) -> Desk:
    return await Desk(database_url, app, presence).make()
