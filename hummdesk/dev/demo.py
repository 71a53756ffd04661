"""The demo data: made where it is missing, in bulk, and told with a token for everybody in it."""

from collections import defaultdict
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cached_property
from typing import Any
from uuid import UUID

import orjson

from hummdesk.core import tokens
from hummdesk.core.config import Settings
from hummdesk.core.models import Person
from hummdesk.dev.demo_companies import Company, company
from hummdesk.storage.database import Database, Transaction
from hummdesk.storage.queries import load as load_queries

TOKEN_HOURS = 30 * 24
BULK_SECONDS = 60.0
EVERY_ASSIGNED = 3
"""One conversation in so many has an agent, the first among them."""
APART = timedelta(minutes=4)
"""Between the messages of a conversation."""

Row = dict[str, Any]
queries = load_queries("demo")


async def load(settings: Settings, *, accounts: int = 2, agents: int = 2, customers: int = 3) -> dict[str, Any]:
    """Make what is missing, and give exactly the people asked for, as `demo --json` prints them.

    What has been changed since it was made stays as it is. No AI run is asked for.
    """
    desks = [_Desk(company(number), agents=agents, customers=customers) for number in range(accounts)]
    database = Database(settings.postgres, role="hummdesk_operator", size=1, timeout=BULK_SECONDS)
    await database.open()
    try:
        async with database.all_accounts() as tx:
            await _add(tx, desks)
            states = {
                row["id"]: row async for row in queries.states(tx, ids=[id for desk in desks for id in desk.talks])
            }
    finally:
        await database.close()
    return {"accounts": [_shown(desk, states, settings) for desk in desks]}


@dataclass(frozen=True)
class _Desk:
    """One account of the demo."""

    company: Company
    agents: int
    customers: int

    @cached_property
    def users(self) -> list[Person]:
        return self.company.users(self.agents)

    @cached_property
    def answering(self) -> list[Person]:
        return [user for user in self.users if user.role == "agent"]

    @cached_property
    def contacts(self) -> list[Person]:
        return self.company.customers(self.customers)

    @cached_property
    def team_id(self) -> UUID:
        return self.company.id_of("team", 0)

    @cached_property
    def talks(self) -> dict[UUID, "_Talk"]:
        written = self.company.content["conversations"]
        return {
            self.company.id_of("conversation", number): _Talk(self, number, contact, written[number % len(written)])
            for number, contact in enumerate(self.contacts)
        }


@dataclass(frozen=True)
class _Talk:
    """One conversation, as it was left when the demo begins."""

    desk: _Desk
    number: int
    contact: Person
    written: Row

    @property
    def agent(self) -> Person | None:
        answering = self.desk.answering
        if self.number % EVERY_ASSIGNED or not answering:
            return None
        return answering[self.number // EVERY_ASSIGNED % len(answering)]

    @property
    def said(self) -> list[tuple[Person, str]]:
        """Without an agent, only what the customer has begun with."""
        if self.agent is None:
            return [(self.contact, self.written["messages"][0][1])]
        by = {"customer": self.contact, "agent": self.agent}
        return [(by[who], text) for who, text in self.written["messages"]]

    @property
    def answered_seq(self) -> int:
        """That of the agent's last message, 0 without one."""
        return max((seq for seq, (sender, _) in enumerate(self.said, start=1) if sender.is_staff), default=0)

    @cached_property
    def began_at(self) -> datetime:
        return datetime.now(UTC) - timedelta(minutes=25 + 11 * self.number)

    def at(self, seq: int) -> datetime:
        return self.began_at + APART * (seq - 1)


async def _add(tx: Transaction, desks: list[_Desk]) -> None:
    rows = _rows(desks)
    for noun in ("accounts", "users", "contacts", "teams", "members", "articles", "canned_replies"):
        await getattr(queries, f"add_{noun}")(tx, rows=_json(rows[noun]))
    made = {row["id"] async for row in queries.add_conversations(tx, rows=_json(rows["conversations"]))}
    for noun in ("messages", "reads", "events"):
        new = [row for row in rows[noun] if row["conversation_id"] in made]
        await getattr(queries, f"add_{noun}")(tx, rows=_json(new))


def _json(rows: list[Row]) -> str:
    return orjson.dumps(rows).decode()


def _rows(desks: list[_Desk]) -> dict[str, list[Row]]:
    rows: dict[str, list[Row]] = defaultdict(list)
    for desk in desks:
        of_account = {"account_id": desk.company.id}
        for noun, made in [*_people(desk), *_knowledge(desk)]:
            rows[noun].append(of_account | made)
        for conversation_id, talk in desk.talks.items():
            for noun, made in _conversation(conversation_id, talk):
                rows[noun].append(of_account | made)
    return rows


def _people(desk: _Desk) -> list[tuple[str, Row]]:
    named = [("users", user) for user in desk.users] + [("contacts", contact) for contact in desk.contacts]
    return [
        ("accounts", {"name": desk.company.name}),
        ("teams", {"id": desk.team_id, "name": desk.company.content["team"]}),
        *((noun, {"id": one.id, "email": one.email, "name": one.name, "role": one.role}) for noun, one in named),
        *(("members", {"team_id": desk.team_id, "user_id": agent.id}) for agent in desk.answering),
    ]


def _knowledge(desk: _Desk) -> list[tuple[str, Row]]:
    content = desk.company.content
    named = [("articles", "article", content["articles"]), ("canned_replies", "canned", content["canned"])]
    return [
        (noun, {"id": desk.company.id_of(key, number), **written})
        for noun, key, pages in named
        for number, written in enumerate(pages)
    ]


def _conversation(conversation_id: UUID, talk: _Talk) -> list[tuple[str, Row]]:
    said, agent, company = talk.said, talk.agent, talk.desk.company
    conversation = {
        "id": conversation_id,
        "contact_id": talk.contact.id,
        "assigned_to": agent and agent.id,
        "assigned_team": agent and talk.desk.team_id,
        "subject": talk.written["subject"],
        "last_seq": len(said),
        "staff_read_seq": talk.answered_seq,
        "created_at": talk.began_at,
        "updated_at": talk.at(len(said)),
    }
    rows = [("conversations", conversation)]
    for seq, (sender, text) in enumerate(said, start=1):
        message = {
            "id": company.id_of(f"message/{talk.number}", seq),
            "conversation_id": conversation_id,
            "seq": seq,
            "sender_id": sender.id,
            "sender_type": sender.sender_type,
            "sender_name": sender.name,
            "content": text,
            "created_at": talk.at(seq),
        }
        rows.append(("messages", message))
    return rows + _reads(conversation_id, talk) + _events(conversation_id, talk)


def _reads(conversation_id: UUID, talk: _Talk) -> list[tuple[str, Row]]:
    """The agent has read what it answered, the customer the answer to which it has replied."""
    if talk.agent is None or not talk.answered_seq:
        return []
    readers = [talk.agent] + ([talk.contact] if len(talk.said) > talk.answered_seq else [])
    return [
        (
            "reads",
            {
                "conversation_id": conversation_id,
                "reader_id": reader.id,
                "reader_type": reader.sender_type,
                "seq": talk.answered_seq,
                "read_at": talk.at(talk.answered_seq),
            },
        )
        for reader in readers
    ]


def _events(conversation_id: UUID, talk: _Talk) -> list[tuple[str, Row]]:
    logged: list[tuple[str, Person, Row]] = [("created", talk.contact, {})]
    if talk.agent is not None:
        details = {"toAgent": talk.agent.id, "toTeam": talk.desk.team_id}
        logged.append(("assigned", talk.desk.users[0], details))
    return [
        (
            "events",
            {
                "conversation_id": conversation_id,
                "id": talk.desk.company.id_of(f"event/{talk.number}", number),
                "kind": kind,
                "actor_id": actor.id,
                "actor_type": actor.sender_type,
                "details": details,
                "created_at": talk.began_at + timedelta(seconds=number),
            },
        )
        for number, (kind, actor, details) in enumerate(logged)
    ]


def _shown(desk: _Desk, states: dict[UUID, Row], settings: Settings) -> Row:
    articles = enumerate(desk.company.content["articles"])
    team = {
        "id": str(desk.team_id),
        "name": desk.company.content["team"],
        "memberIds": [str(agent.id) for agent in desk.answering],
    }
    return {
        "id": str(desk.company.id),
        "name": desk.company.name,
        "users": [_person(user, settings) | {"role": user.role} for user in desk.users],
        "customers": [_person(contact, settings) for contact in desk.contacts],
        "teams": [team],
        "conversations": [_talk(talk, states[conversation_id]) for conversation_id, talk in desk.talks.items()],
        "articles": [{"id": str(desk.company.id_of("article", at)), "title": page["title"]} for at, page in articles],
    }


def _person(person: Person, settings: Settings) -> Row:
    token = tokens.issue(settings, person, hours=TOKEN_HOURS)
    return {"id": str(person.id), "name": person.name, "email": person.email, "token": token}


def _talk(talk: _Talk, state: Row) -> Row:
    assigned_to = state["assigned_to"]
    return {
        "id": str(state["id"]),
        "customerId": str(talk.contact.id),
        "assignedTo": str(assigned_to) if assigned_to else None,
        "status": state["status"],
    }
