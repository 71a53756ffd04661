"""The demo data: accounts with users, customers, conversations and articles, inserted in bulk where missing."""

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
from hummdesk.dev import demo_results
from hummdesk.dev.demo_companies import Company, company
from hummdesk.dev.demo_results import Question
from hummdesk.storage.database import Database, Transaction
from hummdesk.storage.logins import url_of
from hummdesk.storage.queries import load as load_queries

TOKEN_HOURS = 30 * 24
BULK_SECONDS = 60.0
ASSIGNED_EVERY = 3
"""One conversation in so many has an agent, beginning with the first."""
MESSAGE_INTERVAL = timedelta(minutes=4)
CUSTOMER_FOR = timedelta(days=30)

Row = dict[str, Any]
queries = load_queries("demo")


async def load(
    settings: Settings,
    *,
    accounts: int = 2,
    agents: int = 2,
    customers: int = 3,
    with_results: bool = False,
    first: int = 0,
    now: datetime | None = None,
) -> dict[str, Any]:
    """Insert missing demo data, and return exactly the accounts, users and customers asked for, with tokens.

    Existing rows are not changed. `with_results`: new conversations whose customer waits have a finished draft.
    `first`: the number of the first account. `now`: the time at which the newest conversations are 25 minutes old.
    """
    now = now or datetime.now(UTC)
    numbers = range(first, first + accounts)
    wanted = [_Account(company(number), agents=agents, customers=customers, now=now) for number in numbers]
    database = Database(url_of(settings, "operator"), role="hummdesk_operator", size=1, timeout=BULK_SECONDS)
    await database.open()
    try:
        async with database.all_accounts() as tx:
            made = await _add(tx, wanted)
            if with_results:
                await demo_results.add(tx, [question for one in made if (question := _question(one)) is not None])
            states = {
                row["id"]: row
                async for row in queries.states(tx, ids=[id for account in wanted for id in account.conversations])
            }
    finally:
        await database.close()
    return {"accounts": [_shown(account, states, settings) for account in wanted]}


@dataclass(frozen=True)
class _Account:
    """One account of the demo."""

    company: Company
    agents: int
    customers: int
    now: datetime

    @cached_property
    def users(self) -> list[Person]:
        return self.company.users(self.agents)

    @cached_property
    def agent_users(self) -> list[Person]:
        return [user for user in self.users if user.role == "agent"]

    @cached_property
    def contacts(self) -> list[Person]:
        return self.company.customers(self.customers)

    @cached_property
    def team_id(self) -> UUID:
        return self.company.id_of("team", 0)

    @cached_property
    def conversations(self) -> dict[UUID, "_Conversation"]:
        written = self.company.content["conversations"]
        return {
            self.company.id_of("conversation", number): _Conversation(
                self, number, contact, written[number % len(written)]
            )
            for number, contact in enumerate(self.contacts)
        }


@dataclass(frozen=True)
class _Conversation:
    """One conversation of the demo, in its initial state."""

    account: _Account
    number: int
    contact: Person
    written: Row

    @property
    def agent(self) -> Person | None:
        agent_users = self.account.agent_users
        if self.number % ASSIGNED_EVERY or not agent_users:
            return None
        return agent_users[self.number // ASSIGNED_EVERY % len(agent_users)]

    @property
    def messages(self) -> list[tuple[Person, str]]:
        """The senders and texts; without an agent only the first message of the customer."""
        if self.agent is None:
            return [(self.contact, self.written["messages"][0][1])]
        by = {"customer": self.contact, "agent": self.agent}
        return [(by[sender], text) for sender, text in self.written["messages"]]

    @property
    def answered_seq(self) -> int:
        """The sequence number of the agent's last message, 0 without one."""
        return max((seq for seq, (sender, _) in enumerate(self.messages, start=1) if sender.is_staff), default=0)

    @property
    def began_at(self) -> datetime:
        return self.account.now - timedelta(minutes=25 + 11 * self.number)

    def at(self, seq: int) -> datetime:
        return self.began_at + MESSAGE_INTERVAL * (seq - 1)


async def _add(tx: Transaction, wanted: list[_Account]) -> list[_Conversation]:
    """Insert what is missing; return the new conversations."""
    rows = _rows(wanted)
    for noun in ("accounts", "users", "contacts", "teams", "members", "articles", "canned_replies"):
        await getattr(queries, f"add_{noun}")(tx, rows=_json(rows[noun]))
    made = {row["id"] async for row in queries.add_conversations(tx, rows=_json(rows["conversations"]))}
    for noun in ("messages", "reads", "events"):
        new = [row for row in rows[noun] if row["conversation_id"] in made]
        await getattr(queries, f"add_{noun}")(tx, rows=_json(new))
    return [one for account in wanted for one_id, one in account.conversations.items() if one_id in made]


def _question(conversation: _Conversation) -> Question | None:
    """The newest message, if it is the customer's."""
    *earlier, (sender, content) = conversation.messages
    if sender.is_staff:
        return None
    account, seq = conversation.account, len(conversation.messages)
    return Question(
        account_id=account.company.id,
        conversation_id=account.company.id_of("conversation", conversation.number),
        message_id=account.company.id_of(f"message/{conversation.number}", seq),
        seq=seq,
        assigned_to=None if conversation.agent is None else conversation.agent.id,
        asked_at=conversation.at(seq),
        customer_name=conversation.contact.name,
        content=content,
        earlier=[(one.side, text) for one, text in earlier],
        company={
            "articles": [
                {"id": str(account.company.id_of("article", number)), **page}
                for number, page in enumerate(account.company.content["articles"])
            ],
            "canned": account.company.content["canned"],
        },
    )


def _json(rows: list[Row]) -> str:
    return orjson.dumps(rows).decode()


def _rows(wanted: list[_Account]) -> dict[str, list[Row]]:
    rows: dict[str, list[Row]] = defaultdict(list)
    for account in wanted:
        of_account = {"account_id": account.company.id}
        for noun, made in [*_people(account), *_knowledge(account)]:
            rows[noun].append(of_account | made)
        for conversation_id, conversation in account.conversations.items():
            for noun, made in _conversation(conversation_id, conversation):
                rows[noun].append(of_account | made)
    return rows


def _people(account: _Account) -> list[tuple[str, Row]]:
    return [
        ("accounts", {"name": account.company.name}),
        ("teams", {"id": account.team_id, "name": account.company.content["team"]}),
        *(("users", {"id": one.id, "email": one.email, "name": one.name, "role": one.role}) for one in account.users),
        *(
            ("contacts", {"id": one.id, "email": one.email, "name": one.name, "created_at": account.now - CUSTOMER_FOR})
            for one in account.contacts
        ),
        *(("members", {"team_id": account.team_id, "user_id": agent.id}) for agent in account.agent_users),
    ]


def _knowledge(account: _Account) -> list[tuple[str, Row]]:
    content = account.company.content
    named = [("articles", "article", content["articles"]), ("canned_replies", "canned", content["canned"])]
    return [
        (noun, {"id": account.company.id_of(key, number), **written})
        for noun, key, pages in named
        for number, written in enumerate(pages)
    ]


def _conversation(conversation_id: UUID, conversation: _Conversation) -> list[tuple[str, Row]]:
    messages, agent, company = conversation.messages, conversation.agent, conversation.account.company
    row = {
        "id": conversation_id,
        "contact_id": conversation.contact.id,
        "assigned_to": agent and agent.id,
        "assigned_team": agent and conversation.account.team_id,
        "subject": conversation.written["subject"],
        "last_seq": len(messages),
        "staff_read_seq": conversation.answered_seq,
        "created_at": conversation.began_at,
        "updated_at": conversation.at(len(messages)),
    }
    rows = [("conversations", row)]
    for seq, (sender, text) in enumerate(messages, start=1):
        message = {
            "id": company.id_of(f"message/{conversation.number}", seq),
            "conversation_id": conversation_id,
            "seq": seq,
            "sender_id": sender.id,
            "sender_type": sender.sender_type,
            "sender_name": sender.name,
            "content": text,
            "created_at": conversation.at(seq),
        }
        rows.append(("messages", message))
    return rows + _reads(conversation_id, conversation) + _events(conversation_id, conversation)


def _reads(conversation_id: UUID, conversation: _Conversation) -> list[tuple[str, Row]]:
    """Return the read positions: the agent has read up to its last message, and so has a customer who replied to it."""
    if conversation.agent is None or not conversation.answered_seq:
        return []
    readers = [conversation.agent] + (
        [conversation.contact] if len(conversation.messages) > conversation.answered_seq else []
    )
    return [
        (
            "reads",
            {
                "conversation_id": conversation_id,
                "reader_id": reader.id,
                "reader_type": reader.sender_type,
                "seq": conversation.answered_seq,
                "read_at": conversation.at(conversation.answered_seq),
            },
        )
        for reader in readers
    ]


def _events(conversation_id: UUID, conversation: _Conversation) -> list[tuple[str, Row]]:
    logged: list[tuple[str, Person, Row]] = [("created", conversation.contact, {})]
    if conversation.agent is not None:
        details = {"toAgent": conversation.agent.id, "toTeam": conversation.account.team_id}
        logged.append(("assigned", conversation.account.users[0], details))
    return [
        (
            "events",
            {
                "conversation_id": conversation_id,
                "id": conversation.account.company.id_of(f"event/{conversation.number}", number),
                "kind": kind,
                "actor_id": actor.id,
                "actor_type": actor.sender_type,
                "details": details,
                "created_at": conversation.began_at + timedelta(seconds=number),
            },
        )
        for number, (kind, actor, details) in enumerate(logged)
    ]


def _shown(account: _Account, states: dict[UUID, Row], settings: Settings) -> Row:
    articles = enumerate(account.company.content["articles"])
    team = {
        "id": str(account.team_id),
        "name": account.company.content["team"],
        "memberIds": [str(agent.id) for agent in account.agent_users],
    }
    return {
        "id": str(account.company.id),
        "name": account.company.name,
        "users": [_person(user, settings) | {"role": user.role} for user in account.users],
        "customers": [_person(contact, settings) for contact in account.contacts],
        "teams": [team],
        "conversations": [
            _conversation_json(conversation, states[conversation_id])
            for conversation_id, conversation in account.conversations.items()
        ],
        "articles": [
            {"id": str(account.company.id_of("article", at)), "title": page["title"]} for at, page in articles
        ],
    }


def _person(person: Person, settings: Settings) -> Row:
    token = tokens.issue(settings, person, hours=TOKEN_HOURS)
    return {"id": str(person.id), "name": person.name, "email": person.email, "token": token}


def _conversation_json(conversation: _Conversation, state: Row) -> Row:
    assigned_to = state["assigned_to"]
    return {
        "id": str(state["id"]),
        "customerId": str(conversation.contact.id),
        "assignedTo": str(assigned_to) if assigned_to else None,
        "status": state["status"],
    }
