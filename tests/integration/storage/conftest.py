"""Accounts for the tests, on a database that they share."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

import psycopg
import pytest
from psycopg import sql

from hummdesk.core.ids import new_id
from hummdesk.core.models import Conversation, Person, Role
from hummdesk.storage import conversations, messages
from hummdesk.storage.database import Database, Transaction
from hummdesk.storage.message_writer import MessageWriter
from hummdesk.storage.messages import NewMessage, Sent
from hummdesk.storage.writer_connection import WriterConnection
from tests import superuser

STAFF: dict[str, Role] = {"admin": "admin", "agent": "agent", "colleague": "agent", "viewer": "viewer"}
CUSTOMERS = ("customer", "stranger")

PATIENCE_SECONDS = 20.0
"""The timeout of writers: longer than any machine stands still."""
SHORT_SECONDS = 2.0
"""That of tests that wait for it."""

DELETE_ALL_ROWS = """
DO $$
DECLARE
    filled regclass;
BEGIN
    SET LOCAL session_replication_role = replica;  -- without triggers and foreign keys
    FOR filled IN
        SELECT oid FROM pg_class
        WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace
            AND relname NOT IN ('schema_migrations', 'epochs')  -- filled by migrations
    LOOP
        EXECUTE format('DELETE FROM %s', filled);
    END LOOP;
END $$
"""
"""Takes a fiftieth of the time of a new database: PostgreSQL copies 900 files for one."""


@dataclass
class Account:
    """An admin, two agents in a team, a viewer, two customers, and a conversation of the first."""

    url: str
    app: Database
    id: UUID = field(default_factory=new_id)
    people: dict[str, Person] = field(default_factory=dict)
    team: UUID = field(default_factory=new_id)
    conversation: UUID = field(default_factory=new_id)

    def __getattr__(self, name: str) -> Person:
        try:
            return self.people[name]
        except KeyError:
            raise AttributeError(name) from None

    def tx(self) -> AbstractAsyncContextManager[Transaction]:
        return self.app.account(self.id)

    async def execute(self, statement: str, **values: Any) -> list[tuple[Any, ...]]:
        """Execute as the superuser, who bypasses every policy; `account` and `conversation` are parameters."""
        values = {"account": self.id, "conversation": self.conversation} | values
        return await superuser.execute(self.url, statement, values)

    async def send(self, sender: Person, content: str = "Hello", **more: Any) -> Sent:
        fields: dict[str, Any] = {"conversation_id": self.conversation, "content": content}
        message = NewMessage(**fields | more)
        async with self.tx() as tx:
            return await messages.send(tx, sender=sender, message=message)

    async def see(self, viewer: Person, conversation_id: UUID | None = None) -> Conversation:
        async with self.tx() as tx:
            return await conversations.get(tx, viewer=viewer, conversation_id=conversation_id or self.conversation)

    async def start(self, contact: Person, **more: Any) -> UUID:
        values: dict[str, Any] = {"subject": None, "metadata": {}, "client_message_id": None}
        async with self.tx() as tx:
            return (await conversations.start(tx, contact=contact, **values | more))[0]

    async def log(self) -> list[tuple[str, str, dict[str, Any]]]:
        """The audit log of the conversation: kind, actor_type, details."""
        return await self.execute(
            "SELECT kind, actor_type, details FROM conversation_events "
            "WHERE account_id = %(account)s AND conversation_id = %(conversation)s ORDER BY created_at"
        )

    async def make(self) -> "Account":
        for name, role in STAFF.items():
            self.people[name] = self._person(name, role)
        for name in CUSTOMERS:
            self.people[name] = self._person(name, "customer")
        async with superuser.connection(self.url) as connection, connection.transaction():
            await connection.execute("INSERT INTO accounts VALUES (%s, 'Test')", (self.id,))
            await connection.execute("INSERT INTO teams VALUES (%s, %s, 'Team')", (self.id, self.team))
            for person in self.people.values():
                await self._insert(connection, person)
        self.conversation = await self.start(self.customer)
        return self

    def _person(self, name: str, role: Role) -> Person:
        teams = (self.team,) if role == "agent" else ()
        email = f"{name}@example.com"
        return Person(account_id=self.id, id=new_id(), email=email, name=name.title(), role=role, team_ids=teams)

    async def _insert(self, connection: psycopg.AsyncConnection[Any], person: Person) -> None:
        row = (self.id, person.id, person.email, person.name)
        if person.is_staff:
            statement = "INSERT INTO users (account_id, id, email, name, role) VALUES (%s, %s, %s, %s, %s)"
            await connection.execute(statement, (*row, person.role))
        else:
            await connection.execute("INSERT INTO contacts VALUES (%s, %s, %s, %s)", row)
        for team in person.team_ids:
            await connection.execute("INSERT INTO team_members VALUES (%s, %s, %s)", (self.id, team, person.id))


@pytest.fixture(scope="session")
async def app(database_url: str) -> AsyncIterator[Database]:
    database = Database(database_url, role="hummdesk_app", size=8, timeout=20)
    await database.open()
    yield database
    await database.close()


@pytest.fixture
async def account(app: Database, database_url: str) -> Account:
    return await Account(database_url, app).make()


@pytest.fixture
async def foreign(app: Database, database_url: str) -> Account:
    """Another account on the same database."""
    return await Account(database_url, app).make()


@pytest.fixture(scope="session")
async def emptied_database_url(servers: Any, template: str) -> AsyncIterator[str]:
    """A migrated database whose rows are deleted before each test that has it to itself."""
    name = await servers.clone(template)
    yield servers.cluster.url(name)
    await servers.drop(name)


@pytest.fixture
async def alone(emptied_database_url: str) -> AsyncIterator[Account]:
    """The only account of a separate database, for queries over all accounts."""
    await superuser.execute(emptied_database_url, DELETE_ALL_ROWS)
    async with the_only_account(emptied_database_url) as account:
        yield account


@asynccontextmanager
async def the_only_account(url: str) -> AsyncIterator[Account]:
    """Make an account on an empty database."""
    database = Database(url, role="hummdesk_app", size=4, timeout=20)
    await database.open()
    yield await Account(url, database).make()
    await database.close()


@pytest.fixture
async def empty_database_url(servers: Any) -> AsyncIterator[str]:
    name = await servers.clone("template0")
    yield servers.cluster.url(name)
    await servers.drop(name)


@pytest.fixture
async def owner(servers: Any, empty_database_url: str) -> AsyncIterator[str]:
    """The name of a login without superuser that owns the empty database."""
    name = sql.Identifier(f"test_owner_{new_id().hex}")
    async with await psycopg.AsyncConnection.connect(empty_database_url, autocommit=True) as connection:
        database = sql.Identifier(connection.info.dbname)
        await connection.execute(sql.SQL("CREATE ROLE {} LOGIN").format(name))
        await connection.execute(sql.SQL("ALTER DATABASE {} OWNER TO {}").format(database, name))
        yield name.as_string()[1:-1]
        await connection.execute(sql.SQL("REASSIGN OWNED BY {} TO CURRENT_USER").format(name))
        await connection.execute(sql.SQL("DROP OWNED BY {}").format(name))
        await connection.execute(sql.SQL("DROP ROLE {}").format(name))


class WriterHarness:
    """A message writer, the sizes of its transactions, and the published outbox entries."""

    def __init__(self, url: str, app: Database, timeout: float) -> None:
        self.batches = WriterConnection(url, timeout=timeout)
        self.published: list[tuple[UUID, UUID]] = []
        self.writer = MessageWriter(self.batches, app, timeout=timeout, take_published=self._take)
        self.transactions: list[int] = []
        """Number of messages in each transaction."""
        self._run: Callable[..., Awaitable[Any]] = self.batches.run
        self.batches.run = self._count  # type: ignore[method-assign]

    async def send(self, account: Any, who: str, content: str = "Hello", **more: Any) -> Sent:
        fields: dict[str, Any] = {"conversation_id": account.conversation, "content": content}
        message = NewMessage(**fields | more)
        return await self.writer.send(sender=account.people[who], message=message)

    async def at_once(self, *sends: Awaitable[Sent]) -> list[Any]:
        return await asyncio.gather(*sends, return_exceptions=True)

    def _take(self, most: int) -> list[tuple[UUID, UUID]]:
        taken, self.published = self.published[:most], self.published[most:]
        return taken

    async def _count(self, account_ids: Any, statements: Any) -> Any:
        self.transactions += [text.count('"id"') for _, given in statements if (text := given.get("items"))]
        return await self._run(account_ids, statements)


@asynccontextmanager
async def opened(url: str, app: Database, *, timeout: float = PATIENCE_SECONDS) -> AsyncIterator[WriterHarness]:
    harness = WriterHarness(url, app, timeout)
    await harness.batches.open()
    yield harness
    await harness.writer.drain()
    await harness.batches.close()


@pytest.fixture
async def harness(database_url: str, app: Database) -> AsyncIterator[WriterHarness]:
    async with opened(database_url, app) as one:
        yield one


@pytest.fixture
async def impatient(database_url: str, app: Database) -> AsyncIterator[WriterHarness]:
    """Soon gives up waiting for a lock."""
    async with opened(database_url, app, timeout=SHORT_SECONDS) as one:
        yield one


@pytest.fixture
async def elsewhere(database_url: str, app: Database) -> AsyncIterator[WriterHarness]:
    """The writer of another web process."""
    async with opened(database_url, app) as one:
        yield one


async def outbox_entries(account: Account) -> list[Any]:
    return await account.execute(
        "SELECT id, conversation_id, seq, reopened_from FROM outbox WHERE account_id = %(account)s ORDER BY seq"
    )
