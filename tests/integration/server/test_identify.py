"""Visitors who are identified: their conversations become those of the customer, without two histories."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any
from uuid import UUID

import aiohttp
import pytest

from hummdesk.core.errors import HummDeskError
from hummdesk.core.ids import new_id
from hummdesk.server.node import Node
from hummdesk.storage import conversations, visitors
from hummdesk.storage.people import find_person
from tests.integration.server.accounts import Account, Client

SHOP = "https://shop.example"


class Visitor:
    """A browser with the widget: its credential, and the socket of the anonymous visitor."""

    def __init__(self, session: aiohttp.ClientSession, account: Account) -> None:
        self.session, self.account = session, account
        self.credential = ""
        self.client: Client
        self.id = ""
        self.conversation = ""

    async def post(self, path: str, *, origin: str = SHOP, status: int = 200, **body: Any) -> Any:
        asked = {"accountId": str(self.account.id)} | body
        async with self.session.post(path, json=asked, headers={"Origin": origin}) as answer:
            found = await answer.json()
            assert answer.status == status, found
        return found

    async def arrive(self) -> "Visitor":
        admitted = await self.post("/widget/session")
        self.credential = admitted["pass"]
        self.client = await self.account.client().connect(token=admitted["token"])
        self.id = (await self.client.receives("authenticated"))["userId"]
        return self

    async def write(self, content: str = "Hello") -> str:
        started = await self.client.do("start_conversation", {"content": content, "clientMessageId": "first"})
        self.conversation = started["conversation"]["conversationId"]
        return self.conversation

    async def identify(self, token: str, **more: Any) -> Any:
        return await self.post("/widget/identify", **{"pass": self.credential, "token": token} | more)


@pytest.fixture
async def visitor(account: Account) -> AsyncIterator[Visitor]:
    await account.execute(
        "UPDATE accounts SET widget_origins = %(origins)s WHERE account_id = %(account)s", origins=[SHOP]
    )
    async with aiohttp.ClientSession(account.url) as session:
        yield await Visitor(session, account).arrive()


async def owners(account: Account) -> list[Any]:
    """The contact of each conversation that has messages, and the senders of its customer's messages."""
    return await account.execute(
        "SELECT contact_id::text, array_agg(DISTINCT sender_id::text) FROM conversations "
        "JOIN messages USING (account_id) WHERE account_id = %(account)s AND conversation_id = conversations.id "
        "AND sender_type = 'customer' GROUP BY conversations.id, contact_id"
    )


async def test_identified_visitor_continues_the_conversation_as_the_customer(
    account: Account, visitor: Visitor
) -> None:
    conversation = await visitor.write()
    agent = await account.connect("agent")
    await agent.do("join_conversation", conversation)
    customer = account.people["customer"]
    assert await visitor.identify(account.token("customer")) == {"merged": 1}
    updated = await agent.receives("conversation_updated", conversationId=conversation)
    while updated["customer"]["id"] != str(customer.id):
        updated = await agent.receives("conversation_updated", conversationId=conversation)
    assert updated["customer"]["name"] == customer.name
    assert (await visitor.client.receives("authentication_error"))["code"] == "UNAUTHORIZED"
    client = await account.connect("customer")
    listed = (await client.do("list_conversations"))["conversations"]
    assert conversation in [one["conversationId"] for one in listed]
    joined = await client.do("join_conversation", conversation)
    assert [message["senderId"] for message in joined["messages"]] == [str(customer.id)]
    await client.do("send_message", {"conversationId": conversation, "content": "It is me"})
    await agent.receives("new_message", content="It is me")
    assert await owners(account) == [(str(customer.id), [str(customer.id)])]
    assert await account.execute("SELECT FROM contacts WHERE id = %(id)s", id=visitor.id) == []
    [(actor, details)] = await account.execute(
        "SELECT actor_id, details FROM audit_log WHERE account_id = %(account)s AND action = 'contact.merged'"
    )
    assert (actor, details) == (customer.id, {"visitor": visitor.id, "conversations": 1})


async def test_notes_on_a_visitor_are_added_to_those_on_the_customer(account: Account, visitor: Visitor) -> None:
    await visitor.write()
    for name, contact_id in (("VIP", account.people["customer"].id), ("Asked for Sam", visitor.id)):
        await account.execute("UPDATE contacts SET notes = %(notes)s WHERE id = %(id)s", notes=name, id=contact_id)
    await visitor.identify(account.token("customer"))
    [(notes,)] = await account.execute("SELECT notes FROM contacts WHERE id = %(id)s", id=account.people["customer"].id)
    assert notes == "VIP\nAsked for Sam"


async def test_message_that_is_sent_again_by_the_customer_is_stored_once(account: Account, visitor: Visitor) -> None:
    conversation = await visitor.write()
    send = {"conversationId": conversation, "content": "Again", "clientMessageId": "letter"}
    first = await visitor.client.do("send_message", send)
    await visitor.identify(account.token("customer"))
    client = await account.connect("customer")
    assert await client.do("send_message", send) == first
    started = await client.do("start_conversation", {"content": "Hello", "clientMessageId": "first"})
    assert started["conversation"]["conversationId"] == conversation


async def test_repeated_identification_merges_nobody_else(account: Account, visitor: Visitor) -> None:
    conversation = await visitor.write()
    token = account.token("customer")
    answers = await asyncio.gather(*(visitor.identify(token) for _ in range(5)))
    assert sorted(answer["merged"] for answer in answers) == [0, 0, 0, 0, 1]
    assert await visitor.identify(account.token("stranger")) == {"merged": 0}
    owner = "SELECT contact_id FROM conversations WHERE id = %(id)s"
    assert await account.execute(owner, id=conversation) == [(account.people["customer"].id,)]
    await visitor.post("/widget/session", **{"pass": visitor.credential}, status=401)


async def test_two_customers_who_claim_a_visitor_at_once_do_not_share_the_history(
    account: Account, visitor: Visitor
) -> None:
    await visitor.write()
    tokens = [account.token(name) for name in ("customer", "stranger")]
    answers = await asyncio.gather(*(visitor.identify(token) for token in tokens))
    assert sorted(answer["merged"] for answer in answers) == [0, 1]
    [(owner, senders)] = await owners(account)
    assert senders == [owner]


async def test_identification_needs_the_credential_and_a_token_of_a_customer(
    account: Account, visitor: Visitor, foreign: Account
) -> None:
    conversation = await visitor.write()
    for token in (account.token("agent"), foreign.token("customer"), "none", visitor.credential):
        await visitor.identify(token, status=403 if token.count(".") == 2 and token != visitor.credential else 401)
    customer = account.token("customer")
    await visitor.identify(customer, origin="https://evil.example", status=403)
    whole: dict[str, Any] = {"pass": visitor.credential, "token": customer}
    changes: list[dict[str, Any]] = [{"pass": None}, {"pass": 7}, {"token": {}}, {"accountId": "x"}]
    for change in changes:
        await visitor.post("/widget/identify", **whole | change, status=400)
    forged = visitor.credential[:-4] + ("AAAA" if not visitor.credential.endswith("AAAA") else "BBBB")
    assert await visitor.identify(customer, **{"pass": forged}) == {"merged": 0}
    assert await visitor.identify(customer, **{"pass": customer}) == {"merged": 0}
    revoked = "UPDATE contacts SET passes_revoked_at = now() WHERE id = %(id)s"
    await account.execute(revoked, id=visitor.id)
    assert await visitor.identify(customer) == {"merged": 0}
    [(owner,)] = await account.execute("SELECT contact_id FROM conversations WHERE id = %(id)s", id=conversation)
    assert owner == UUID(visitor.id)


async def test_nothing_moves_from_one_real_contact_to_another(account: Account, visitor: Visitor, node: Node) -> None:
    """Also with a credential of a visitor who has become a contact by an e-mail address or an external id."""
    customer, stranger = account.people["customer"], account.people["stranger"]
    await visitor.write()
    await account.execute("UPDATE contacts SET external_id = 'known' WHERE id = %(id)s", id=visitor.id)
    assert await visitor.identify(account.token("customer")) == {"merged": 0}
    async with node.context.database.account(account.id) as tx:
        assert await visitors.merge(tx, stranger, visitor_id=customer.id, contact_id=stranger.id) == []
        with pytest.raises(HummDeskError):
            await visitors.merge(tx, stranger, visitor_id=UUID(visitor.id), contact_id=new_id())
        assert await find_person(tx, person_id=customer.id, customer=True) == customer
        assert (
            await conversations.get(tx, viewer=customer, conversation_id=account.conversation)
        ).contact_id == customer.id


async def test_messages_that_race_the_identification_belong_to_the_customer_or_are_refused(
    account: Account, visitor: Visitor
) -> None:
    conversation = await visitor.write()

    async def send(number: int) -> bool:
        message = {"conversationId": conversation, "content": f"m{number}", "clientMessageId": f"m{number}"}
        return bool((await visitor.client.ask("send_message", message))["ok"])

    async def identify() -> bool:
        return bool((await visitor.identify(account.token("customer")))["merged"])

    sent = [asyncio.create_task(send(number)) for number in range(20)]
    merged = await identify()
    stored = [await task for task in sent]
    assert merged
    customer = str(account.people["customer"].id)
    assert await owners(account) == [(customer, [customer])]
    [(number,)] = await account.execute("SELECT count(*) FROM messages WHERE conversation_id = %(id)s", id=conversation)
    assert number == 1 + stored.count(True)
