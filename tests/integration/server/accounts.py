"""Accounts for tests, and clients that record every event they receive."""

import asyncio
import secrets
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

import psycopg
import socketio
from marshmallow import Schema

from hummdesk.contract.event_schemas import instance_of
from hummdesk.contract.payloads import ErrorReport
from hummdesk.contract.table import EVENTS, REQUESTS
from hummdesk.core import tokens
from hummdesk.core.config import Settings
from hummdesk.core.ids import new_id
from hummdesk.core.models import Person, Role
from hummdesk.publish.events.ai import Classification, Draft
from tests import superuser

PATIENCE_SECONDS = 60.0

CLASSIFICATION: Classification = {
    "category": "general",
    "priority": "low",
    "urgency": 0,
    "sentiment": "neutral",
    "language": "und",
    "tags": [],
}
DRAFT: Draft = {"content": "Hello", "tone": "friendly", "suggestedActions": []}
"""Results of AI runs as the contract defines them."""


class Client:
    """A Socket.IO client that records all events in order of arrival."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.received: list[tuple[str, Any]] = []
        self.broken: list[str] = []
        """Payloads that do not match the contract."""
        self.socket = socketio.AsyncClient(reconnection=False)
        self.socket.on("*", self._record)
        self.gone = asyncio.Event()
        self.socket.on("disconnect", lambda *_: self.gone.set())
        self._news = asyncio.Condition()

    async def connect(
        self,
        *,
        token: str | None = None,
        url: str | None = None,
        transports: tuple[str, ...] = ("websocket",),
        **more: Any,
    ) -> "Client":
        auth = {"token": token} if token is not None else None
        await self.socket.connect(
            url or self.url, auth=auth, transports=list(transports), wait_timeout=PATIENCE_SECONDS, **more
        )
        return self

    async def close(self) -> None:
        await self.socket.disconnect()
        assert not self.broken, self.broken

    async def ask(self, event: str, payload: Any = None) -> dict[str, Any]:
        """Send a request and wait for its acknowledgement."""
        answer = await self.socket.call(event, payload, timeout=PATIENCE_SECONDS)
        assert isinstance(answer, dict), answer
        if event in REQUESTS:
            self._compare(f"the answer to {event}", *_answer(event, answer))
        return answer

    async def do(self, event: str, payload: Any = None) -> dict[str, Any]:
        """Send a request and expect success."""
        answer = await self.ask(event, payload)
        assert answer["ok"], answer
        return answer

    async def refused(self, event: str, payload: Any = None) -> str:
        """Send a request, expect an error as the contract defines it, and return its code."""
        answer = await self.ask(event, payload)
        assert not answer["ok"], answer
        assert set(answer) == {"ok", "error"}
        assert {"code", "message", "timestamp"} <= set(answer["error"]) <= {"code", "message", "timestamp", "details"}
        return str(answer["error"]["code"])

    async def receives(self, event: str, **expected: Any) -> Any:
        """Wait for an event of this name with these fields; return the payload of the first one not returned before."""

        def matching() -> int | None:
            for place, (name, payload) in enumerate(self.received):
                if name == event and all(payload.get(key) == value for key, value in expected.items()):
                    return place
            return None

        async with self._news:
            try:
                async with asyncio.timeout(PATIENCE_SECONDS):
                    while (place := matching()) is None:
                        await self._news.wait()
            except TimeoutError:
                raise AssertionError(f"no {event} {expected} among {self.received}") from None
        return self.received.pop(place)[1]

    def names(self) -> list[str]:
        return [name for name, _ in self.received]

    def forget(self) -> None:
        self.received.clear()

    def _compare(self, what: str, schema: Schema, payload: Any) -> None:
        """Record a payload that does not match the contract, whatever test receives it."""
        if faults := schema.validate(payload):
            self.broken.append(f"{what}: {faults} in {payload}")

    async def _record(self, event: str, payload: Any = None, offset: str = "") -> None:
        if event in EVENTS:
            self._compare(event, instance_of(EVENTS[event].schema), payload)
        async with self._news:
            self.received.append((event, payload))
            self._news.notify_all()


def _answer(event: str, answer: dict[str, Any]) -> tuple[Schema, Any]:
    """The schema of an answer, and the fields beside `ok`."""
    if answer["ok"]:
        return instance_of(REQUESTS[event].answer), {name: value for name, value in answer.items() if name != "ok"}
    return ErrorReport(), answer["error"]


@dataclass
class Account:
    """An account with an admin, two agents in a team, a viewer, and two customers with a conversation each."""

    settings: Settings
    url: str
    id: UUID = field(default_factory=new_id)
    people: dict[str, Person] = field(default_factory=dict)
    team: UUID = field(default_factory=new_id)
    conversation: UUID = field(default_factory=new_id)
    other_conversation: UUID = field(default_factory=new_id)
    clients: list[Client] = field(default_factory=list)

    async def make(self) -> "Account":
        mark = secrets.token_hex(4)
        for name, role in STAFF.items():
            self.people[name] = self._person(name, role, mark, teams=(self.team,) if role == "agent" else ())
        for name in CUSTOMERS:
            self.people[name] = self._person(name, "customer", mark)
        async with superuser.connection(self.settings.postgres) as connection:
            await self._insert(connection)
        return self

    def _person(self, name: str, role: Role, mark: str, teams: tuple[UUID, ...] = ()) -> Person:
        return Person(
            account_id=self.id,
            id=new_id(),
            email=f"{name}-{mark}@example.com",
            name=name.title(),
            role=role,
            team_ids=teams,
        )

    async def superuser(self) -> psycopg.AsyncConnection[Any]:
        """A connection of its own, without row-level security."""
        return await psycopg.AsyncConnection.connect(self.settings.postgres, autocommit=True)

    async def execute(self, statement: str, **values: Any) -> list[Any]:
        """Run a statement as superuser, without row-level security; `account` is a parameter of it."""
        return await superuser.execute(self.settings.postgres, statement, values | {"account": self.id})

    async def _insert(self, connection: psycopg.AsyncConnection[Any]) -> None:
        await connection.execute("INSERT INTO accounts (account_id, name) VALUES (%s, 'Test')", (self.id,))
        await connection.execute(
            "INSERT INTO teams (account_id, id, name) VALUES (%s, %s, 'Team')", (self.id, self.team)
        )
        for person in self.people.values():
            row = (person.account_id, person.id, person.email, person.name)
            if person.is_staff:
                await connection.execute(
                    "INSERT INTO users (account_id, id, email, name, role) VALUES (%s, %s, %s, %s, %s)",
                    (*row, person.role),
                )
            else:
                await connection.execute(
                    "INSERT INTO contacts (account_id, id, email, name) VALUES (%s, %s, %s, %s)", row
                )
            for team in person.team_ids:
                await connection.execute(
                    "INSERT INTO team_members (account_id, team_id, user_id) VALUES (%s, %s, %s)",
                    (self.id, team, person.id),
                )
        for conversation, customer in ((self.conversation, "customer"), (self.other_conversation, "stranger")):
            await connection.execute(
                "INSERT INTO conversations (account_id, id, contact_id) VALUES (%s, %s, %s)",
                (self.id, conversation, self.people[customer].id),
            )

    def token(self, name: str, *, hours: float = 1.0) -> str:
        return tokens.issue(self.settings, self.people[name], hours=hours)

    def client(self) -> Client:
        """A client that is closed at the end of the test."""
        self.clients.append(client := Client(self.url))
        return client

    async def connect(self, name: str, *, joins: bool = False, **more: Any) -> Client:
        """An authenticated client of a person; `joins`: it has joined `conversation`."""
        client = await self.client().connect(token=self.token(name), **more)
        await client.receives("authenticated")
        if joins:
            await client.do("join_conversation", str(self.conversation))
        return client

    async def close(self) -> None:
        await asyncio.gather(*(client.close() for client in self.clients))


STAFF: dict[str, Role] = {"admin": "admin", "agent": "agent", "colleague": "agent", "viewer": "viewer"}
CUSTOMERS = ("customer", "stranger")
