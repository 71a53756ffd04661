"""The demo data: its shape, inserted once, in bulk, with complete conversations."""

import time
from dataclasses import replace
from typing import Any
from uuid import UUID

import pytest
from psycopg import sql

from hummdesk.core import tokens
from hummdesk.core.config import Settings
from hummdesk.core.models import Person
from hummdesk.dev import demo
from hummdesk.storage import articles, conversations, messages, people, results
from hummdesk.storage.database import Database

BULK_SECONDS = 10.0


@pytest.fixture
def fresh(settings: Settings, fresh_database_url: str) -> Settings:
    return replace(settings, database_url=fresh_database_url)


@pytest.fixture
async def operator(fresh: Settings) -> Any:
    database = Database(fresh.postgres, role="hummdesk_operator", size=1, timeout=30)
    await database.open()
    yield database
    await database.close()


async def count(operator: Database, table: str) -> int:
    async with operator.all_accounts() as tx:
        found = await tx.execute(sql.SQL("SELECT count(*) AS n FROM {}").format(sql.Identifier(table)))
        row = await found.fetchone()
    assert row is not None
    number: int = row["n"]
    return number


async def test_demo_by_default_has_two_complete_accounts(fresh: Settings) -> None:
    loaded = await demo.load(fresh)
    assert set(loaded) == {"accounts"}
    assert len(loaded["accounts"]) == 2
    for account in loaded["accounts"]:
        assert set(account) == {"id", "name", "users", "customers", "teams", "conversations", "articles"}
        assert sorted(user["role"] for user in account["users"]) == ["admin", "agent", "agent", "viewer"]
        assert all(set(user) == {"id", "name", "email", "role", "token"} for user in account["users"])
        assert all(set(customer) == {"id", "name", "email", "token"} for customer in account["customers"])
        agents = [user["id"] for user in account["users"] if user["role"] == "agent"]
        assert [team["memberIds"] for team in account["teams"]] == [agents]
        talks = account["conversations"]
        assert all(set(talk) == {"id", "customerId", "assignedTo", "status"} for talk in talks)
        assert [talk["customerId"] for talk in talks] == [customer["id"] for customer in account["customers"]]
        assert [talk["assignedTo"] for talk in talks] == [agents[0], None, None]
        assert len(account["articles"]) == 12
        assert all(set(article) == {"id", "title"} for article in account["articles"])
    one, other = loaded["accounts"]
    assert one["name"] != other["name"]
    assert {article["title"] for article in one["articles"]}.isdisjoint(a["title"] for a in other["articles"])


async def test_demo_token_matches_the_stored_person(fresh: Settings) -> None:
    loaded = await demo.load(fresh)
    database = Database(fresh.postgres, role="hummdesk_app", size=1, timeout=30)
    await database.open()
    for account in loaded["accounts"]:
        for shown in [*account["users"], *account["customers"]]:
            claims = tokens.verify(fresh, shown["token"])
            assert claims.expires_at > time.time() + 29 * 86400
            customer = claims.role == "customer"
            async with database.account(claims.account_id) as tx:
                person = await people.find_person(tx, person_id=claims.user_id, customer=customer)
            assert person is not None
            assert (str(person.id), person.name, person.email) == (shown["id"], shown["name"], shown["email"])
            assert person.role == claims.role == shown.get("role", "customer")
    await database.close()


async def test_demo_loaded_again_inserts_nothing_and_keeps_changes(fresh: Settings, operator: Database) -> None:
    first = await demo.load(fresh)
    tables = ("users", "contacts", "messages", "conversation_events", "message_reads", "team_members", "canned_replies")
    before = {table: await count(operator, table) for table in tables}
    changed = first["accounts"][0]["conversations"][0]["id"]
    async with operator.all_accounts() as tx:
        await tx.execute("UPDATE conversations SET status = 'closed', assigned_to = NULL WHERE id = %s", (changed,))
    again = await demo.load(fresh)
    assert {table: await count(operator, table) for table in tables} == before
    was, now = first["accounts"][0]["conversations"][0], again["accounts"][0]["conversations"][0]
    assert now == was | {"status": "closed", "assignedTo": None}
    assert [a["users"][0]["id"] for a in again["accounts"]] == [a["users"][0]["id"] for a in first["accounts"]]


async def test_demo_with_other_numbers_adds_missing_and_returns_the_requested(
    fresh: Settings, operator: Database
) -> None:
    few = await demo.load(fresh, accounts=1, agents=1, customers=1)
    many = await demo.load(fresh, accounts=3, agents=4, customers=20)
    assert [len(account["users"]) for account in many["accounts"]] == [6, 6, 6]
    assert len({person["email"] for account in many["accounts"] for person in account["users"]}) == 18
    assert len(many["accounts"][0]["teams"][0]["memberIds"]) == 4
    assert [len(account["conversations"]) for account in many["accounts"]] == [20, 20, 20]
    assert {talk["assignedTo"] is None for talk in many["accounts"][2]["conversations"]} == {True, False}
    again = await demo.load(fresh, accounts=1, agents=1, customers=1)
    assert without_tokens(again) == without_tokens(few)
    assert await count(operator, "accounts") == 3


def without_tokens(loaded: dict[str, Any]) -> dict[str, Any]:
    for account in loaded["accounts"]:
        for person in [*account["users"], *account["customers"]]:
            del person["token"]
    return loaded


async def test_demo_conversations_are_complete_and_create_no_ai_runs(fresh: Settings, operator: Database) -> None:
    loaded = await demo.load(fresh, accounts=2, agents=2, customers=10)
    assert await count(operator, "ai_runs") == 0
    database = Database(fresh.postgres, role="hummdesk_app", size=1, timeout=30)
    await database.open()
    answered = 0
    for account in loaded["accounts"]:
        claims = tokens.verify(fresh, account["users"][0]["token"])
        async with database.account(claims.account_id) as tx:
            admin = await people.find_person(tx, person_id=claims.user_id, customer=False)
            assert admin is not None
            shown, _ = await conversations.page(tx, viewer=admin, limit=50)
            assert len(shown) == 10
            for conversation in shown:
                answered += await is_complete(tx, admin, conversation)
            assert len((await articles.page(tx, "article", limit=100))[0]) == 12
            replies = await tx.execute("SELECT FROM canned_replies")
            assert replies.rowcount == 12
    assert answered >= 4
    await database.close()


async def test_demo_conversations_that_wait_have_finished_drafts(fresh: Settings, operator: Database) -> None:
    loaded = await demo.load(fresh, accounts=1, customers=8, with_results=True)
    account_id = UUID(loaded["accounts"][0]["id"])
    assert await count(operator, "ai_runs") == await count(operator, "ai_results") > 10
    again = await demo.load(fresh, accounts=1, customers=9, with_results=True)
    database = Database(fresh.postgres, role="hummdesk_app", size=1, timeout=30)
    await database.open()
    drafts = 0
    async with database.account(account_id) as tx:
        for talk in again["accounts"][0]["conversations"]:
            latest = await results.latest(tx, conversation_id=UUID(talk["id"]))
            found = {run.kind: result for run, result in latest}
            if classified := found.get("classification"):
                shown = await conversations.as_staff(tx, conversation_id=UUID(talk["id"]))
                assert shown.priority == classified["classification"]["priority"]
            customer = next(one for one in again["accounts"][0]["customers"] if one["id"] == talk["customerId"])
            if draft := found.get("draft"):
                assert customer["name"].split()[0] in draft["draft"]["content"]
                drafts += 1
    await database.close()
    assert drafts >= 4


async def is_complete(tx: Any, viewer: Person, conversation: Any) -> bool:
    """Check sequence numbers and counters; return whether an agent has replied."""
    found, more = await messages.page(tx, viewer=viewer, conversation_id=conversation.id, after_seq=0)
    assert not more
    assert [message.seq for message in found] == list(range(1, conversation.last_seq + 1))
    assert found[0].sender_type == "customer"
    assert conversation.last_message == found[-1]
    assert conversation.updated_at == found[-1].created_at
    senders = [message.sender_type for message in found]
    tail = len(senders) - (max((at for at, sender in enumerate(senders) if sender == "agent"), default=-1) + 1)
    assert conversation.unread_count == tail
    return "agent" in senders


async def test_demo_without_agents_or_customers_is_valid(fresh: Settings) -> None:
    loaded = await demo.load(fresh, accounts=1, agents=0, customers=0)
    account = loaded["accounts"][0]
    assert [user["role"] for user in account["users"]] == ["admin", "viewer"]
    assert account["customers"] == account["conversations"] == account["teams"][0]["memberIds"] == []
    unanswered = await demo.load(fresh, accounts=1, agents=0, customers=1)
    assert unanswered["accounts"][0]["conversations"][0]["assignedTo"] is None


@pytest.mark.systems
@pytest.mark.alone
async def test_demo_of_a_hundred_accounts_is_inserted_in_bulk(fresh: Settings) -> None:
    started = time.monotonic()
    loaded = await demo.load(fresh, accounts=100, agents=10, customers=10)
    seconds = time.monotonic() - started
    print(f"\n100 accounts with 10 agents and 10 customers: {seconds:.2f} s")
    assert seconds < BULK_SECONDS
    assert len({account["name"] for account in loaded["accounts"]}) == 100
    assert sum(len(account["conversations"]) for account in loaded["accounts"]) == 1000
    emails = [person["email"] for account in loaded["accounts"] for person in account["users"] + account["customers"]]
    assert len(set(emails)) == len(emails)
    assert all(email.isascii() for email in emails)
