"""What the widget shows and asks beside messages: agents, reply times, details of visitors, the look before a visit."""

import json
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest

from hummdesk.storage import visitors
from tests.integration.server.accounts import Account, Client

SHOP = "https://shop.example"
REPLIES = """
    WITH started AS (
        INSERT INTO conversations (account_id, id, contact_id, last_seq, last_public_seq, created_at)
        SELECT %(account)s, gen_random_uuid(), %(contact)s, 2, 2, now() - interval '1 hour'
        FROM generate_series(1, %(count)s)
        RETURNING id, created_at
    )
    INSERT INTO messages (
        account_id, id, conversation_id, seq, sender_id, sender_type, sender_name, content, content_type,
        created_at
    )
    SELECT %(account)s, gen_random_uuid(), started.id, seq,
        CASE seq WHEN 1 THEN %(contact)s::uuid ELSE %(agent)s::uuid END,
        CASE seq WHEN 1 THEN 'customer' ELSE 'agent' END,
        'Somebody', 'Hello', 'text', started.created_at + (seq - 1) * interval '4 minutes'
    FROM started, generate_series(1, 2) AS seq
"""


@pytest.fixture
async def session(account: Account) -> AsyncIterator[aiohttp.ClientSession]:
    await account.execute(
        "UPDATE accounts SET widget_origins = %(origins)s WHERE account_id = %(account)s", origins=[SHOP]
    )
    async with aiohttp.ClientSession(account.url, headers={"Origin": SHOP}) as session:
        yield session


async def visit(session: aiohttp.ClientSession, account: Account, **body: Any) -> Client:
    async with session.post("/widget/session", json={"accountId": str(account.id)} | body) as answer:
        assert answer.status == 200
        token = (await answer.json())["token"]
    client = await account.client().connect(token=token)
    await client.receives("authenticated")
    return client


async def set_look(account: Account, **look: Any) -> None:
    await account.execute(
        "UPDATE accounts SET widget_look = %(look)s::jsonb WHERE account_id = %(account)s", look=json.dumps(look)
    )


async def test_customer_learns_who_is_online_and_the_reply_time(account: Account) -> None:
    people = account.people
    await (await account.connect("agent")).receives("agent_online")
    ids = {"contact": people["customer"].id, "agent": people["agent"].id}
    await account.execute(REPLIES, count=visitors.LEAST, **ids)
    customer = await account.connect("customer")
    answer = await customer.do("get_introduction")
    assert answer == {"ok": True, "agents": [{"name": people["agent"].name}], "replySeconds": 240}
    assert await (await account.connect("viewer")).refused("get_introduction") == "FORBIDDEN"


async def test_account_that_hides_its_team_names_nobody(account: Account, foreign: Account) -> None:
    await set_look(account, showTeam=False)
    for one in (account, foreign):
        await (await one.connect("agent")).receives("agent_online")
    customer = await account.connect("customer")
    assert await customer.do("get_introduction") == {"ok": True, "agents": []}


async def test_details_that_a_visitor_states_are_shown_to_staff(
    session: aiohttp.ClientSession, account: Account
) -> None:
    agent = await account.connect("agent")
    visitor = await visit(session, account, page="/boots?order=7#top")
    started = await visitor.do("start_conversation", {"content": "Hello"})
    created = await agent.receives("conversation_created")
    assert created["customer"]["name"] == "Visitor from /boots"
    await visitor.do("state_details", {"email": "zoe@example.com", "name": "Zoe"})
    shown = await agent.receives("conversation_updated")
    assert shown["conversationId"] == started["conversation"]["conversationId"]
    assert (shown["customer"]["name"], shown["customer"]["email"]) == ("Zoe", "zoe@example.com")
    await visitor.do("state_details", {"email": "zoe@example.org"})
    [row] = await account.execute(
        "SELECT name, stated_email FROM contacts WHERE account_id = %(account)s AND stated_email IS NOT NULL"
    )
    assert tuple(row) == ("Zoe", "zoe@example.org")


async def test_details_do_not_replace_those_of_the_company(account: Account) -> None:
    customer = await account.connect("customer")
    person = account.people["customer"]
    await customer.do("state_details", {"email": "other@example.com", "name": "Mallory"})
    found = (await customer.do("list_conversations", {}))["conversations"][0]["customer"]
    assert (found["name"], found["email"]) == (person.name, person.email)


@pytest.mark.parametrize("details", [{}, {"email": "nobody"}, {"name": " "}, {"name": "x" * 101}, {"email": 7}])
async def test_invalid_details_are_refused(account: Account, details: dict[str, Any]) -> None:
    assert await (await account.connect("customer")).refused("state_details", details) == "VALIDATION_ERROR"


async def test_visitors_are_not_named_by_page_if_the_account_does_not_want_it(
    session: aiohttp.ClientSession, account: Account
) -> None:
    await set_look(account, namePage=False)
    agent = await account.connect("agent")
    visitor = await visit(session, account, page="/boots")
    await visitor.do("start_conversation", {"content": "Hello"})
    assert (await agent.receives("conversation_created"))["customer"]["name"] == visitors.NAME


async def test_look_is_there_before_a_visitor(session: aiohttp.ClientSession, account: Account) -> None:
    look = {"proactive": [{"page": "/boots", "texts": {"en": "Which size?"}}]}
    await set_look(account, **look)
    body = {"accountId": str(account.id)}
    async with session.post("/widget/look", json=body) as answer:
        assert (answer.status, await answer.json()) == (200, {"look": look})
    async with session.post("/widget/look", json=body, headers={"Origin": "https://evil.example"}) as answer:
        assert answer.status == 403
    assert await account.execute("SELECT FROM contacts WHERE account_id = %(account)s AND name = 'Visitor'") == []
