"""Customers who come with a token of their company: contacts are created and updated from the signed claims."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Any
from uuid import UUID, uuid4

import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from hummdesk.core.errors import Conflict
from hummdesk.operator.account import set_disabled
from hummdesk.server.node import Node
from hummdesk.storage.customers import Customer, contact_of
from tests.integration.server.accounts import Account, Client
from tests.integration.server.reconnecting import ReconnectingClient

PRIVATE = ec.generate_private_key(ec.SECP256R1())
PEM = PRIVATE.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)

Sign = Callable[..., str]


@pytest.fixture
async def sign(account: Account) -> Sign:
    """Sign claims with a key of the account."""
    await account.execute(
        "INSERT INTO signing_keys (account_id, kid, algorithm, public_key) "
        "VALUES (%(account)s, 'shop', 'ES256', %(pem)s)",
        pem=PEM.decode(),
    )

    def sign(**claims: Any) -> str:
        given = {"accountId": str(account.id), "exp": int(time.time()) + 600} | claims
        return jwt.encode(given, PRIVATE, algorithm="ES256", headers={"kid": "shop"})

    return sign


@pytest.fixture
def connect(account: Account) -> Callable[..., Awaitable[Client]]:
    async def connect(token: str, *, url: str | None = None) -> Client:
        return await account.client().connect(token=token, url=url)

    return connect


Connect = Callable[..., Awaitable[Client]]


async def contacts(account: Account) -> list[Any]:
    """The contacts with an external id."""
    return await account.execute(
        "SELECT id::text, external_id, email, name, avatar_url, attributes, xmin::text FROM contacts "
        "WHERE account_id = %(account)s AND external_id IS NOT NULL ORDER BY external_id"
    )


async def logged(account: Account, contact_id: str) -> list[Any]:
    return await account.execute(
        "SELECT action, actor_type, actor_id::text FROM audit_log "
        "WHERE account_id = %(account)s AND subject_id = %(id)s ORDER BY id",
        id=contact_id,
    )


async def test_first_connect_creates_the_contact_of_the_claims(account: Account, sign: Sign, connect: Connect) -> None:
    claims = {"externalId": "c-7", "email": "c7@shop.example", "name": "Cleo", "attributes": {"plan": "gold"}}
    client = await connect(sign(**claims, avatar="https://shop.example/7.png"))
    person = await client.receives("authenticated")
    [(contact_id, *values, _)] = await contacts(account)
    assert values == ["c-7", "c7@shop.example", "Cleo", "https://shop.example/7.png", {"plan": "gold"}]
    assert (person["userId"], person["role"]) == (contact_id, "customer")
    assert await logged(account, contact_id) == [("contact.created", "customer", contact_id)]
    started = await client.do("start_conversation", {"content": "Hello"})
    agent = await account.connect("agent")
    joined = await agent.do("join_conversation", started["conversation"]["conversationId"])
    assert joined["conversation"]["customer"]["name"] == "Cleo"


async def test_later_connects_write_only_what_differs(account: Account, sign: Sign, connect: Connect) -> None:
    claims: dict[str, Any] = {"externalId": "c-7", "email": "c7@shop.example", "name": "Cleo"}
    for _ in range(2):
        await (await connect(sign(**claims))).receives("authenticated")
    [before] = await contacts(account)
    client = await connect(sign(**claims | {"email": "C7@SHOP.example"}))
    await client.receives("authenticated")
    assert await contacts(account) == [before]
    await (await connect(sign(externalId="c-7"))).receives("authenticated")
    assert await contacts(account) == [before]
    await (await connect(sign(externalId="c-7", name="Cleopatra"))).receives("authenticated")
    [after] = await contacts(account)
    assert (after[0], after[3]) == (before[0], "Cleopatra")
    assert [entry[0] for entry in await logged(account, after[0])] == ["contact.created", "contact.updated"]


async def test_concurrent_first_connects_make_one_contact(
    account: Account, sign: Sign, connect: Connect, second_url: str
) -> None:
    token = sign(externalId="c-7", email="c7@shop.example")
    clients = await asyncio.gather(*(connect(token, url=url) for _ in range(5) for url in (account.url, second_url)))
    people = await asyncio.gather(*(client.receives("authenticated") for client in clients))
    assert len({person["userId"] for person in people}) == 1
    [(contact_id, *_)] = await contacts(account)
    assert [entry[0] for entry in await logged(account, contact_id)] == ["contact.created"]


async def test_authenticate_extends_the_session_of_the_same_customer_only(
    account: Account, sign: Sign, connect: Connect
) -> None:
    client = await connect(sign(externalId="c-7"))
    await client.receives("authenticated")
    await client.do("authenticate", sign(externalId="c-7"))
    assert await client.refused("authenticate", sign(externalId="c-8")) == "FORBIDDEN"
    agent = await account.connect("agent")
    assert await agent.refused("authenticate", sign(externalId="c-7")) == "FORBIDDEN"


@pytest.mark.parametrize(
    "claims",
    [
        {"externalId": ""},
        {"externalId": " "},
        {"externalId": 7},
        {"externalId": None},
        {"externalId": "x" * 129},
        {"externalId": "x\x00"},
        {"externalId": "c", "email": "none"},
        {"externalId": "c", "email": {"$ne": 1}},
        {"externalId": "c", "name": "x" * 101},
        {"externalId": "c", "avatar": "javascript:alert(1)"},
        {"externalId": "c", "attributes": ["list"]},
        {"externalId": "c", "attributes": {"a": "x" * 4096}},
        {"externalId": "c", "attributes": {"a": 1e300}},
        {"externalId": "c", "emailVerified": "true"},
        {"externalId": "c", "role": "agent"},
        {"externalId": "c", "role": "admin", "email": "a@b.example"},
        {"externalId": "c", "exp": 1},
    ],
)
async def test_invalid_claims_are_refused_and_create_nobody(
    account: Account, sign: Sign, connect: Connect, claims: dict[str, Any]
) -> None:
    client = await connect(sign(**claims))
    assert (await client.receives("authentication_error"))["code"] in ("UNAUTHORIZED", "TOKEN_EXPIRED")
    assert await contacts(account) == []


async def test_key_of_another_account_or_of_the_server_creates_nobody(
    account: Account, sign: Sign, connect: Connect, foreign: Account
) -> None:
    claims = {"accountId": str(account.id), "externalId": "c", "role": "customer", "email": "c@shop.example"}
    own = jwt.encode(claims | {"exp": int(time.time()) + 600}, account.settings.jwt_secret, algorithm="HS256")
    named = claims | {"exp": int(time.time()) + 600, "userId": str(uuid4())}
    both = jwt.encode(named, account.settings.jwt_secret, algorithm="HS256", headers={"kid": "shop"})
    for token in (own, both, sign(accountId=str(foreign.id), externalId="c")):
        client = await connect(token)
        assert (await client.receives("authentication_error"))["code"] == "UNAUTHORIZED"
    assert await contacts(account) == []
    assert await contacts(foreign) == []


async def test_email_links_a_contact_only_if_the_company_has_verified_it(
    account: Account, sign: Sign, connect: Connect
) -> None:
    customer = account.people["customer"]
    stranger = await connect(sign(externalId="s", email=customer.email))
    assert (await stranger.receives("authenticated"))["userId"] != str(customer.id)
    owner = await connect(sign(externalId="c", email=customer.email.upper(), emailVerified=True))
    assert (await owner.receives("authenticated"))["userId"] == str(customer.id)
    thief = await connect(sign(externalId="t", email=customer.email, emailVerified=True))
    assert (await thief.receives("authenticated"))["userId"] != str(customer.id)
    assert [row[2] == customer.email for row in await contacts(account)] == [True, False, False]


async def test_user_id_links_a_contact_that_has_no_external_id(account: Account, sign: Sign, connect: Connect) -> None:
    customer, stranger = account.people["customer"].id, account.people["stranger"].id
    client = await connect(sign(externalId="c", userId=str(customer)))
    assert (await client.receives("authenticated"))["userId"] == str(customer)
    for claims in ({"externalId": "d", "userId": str(customer)}, {"externalId": "c", "userId": str(stranger)}):
        refused = await connect(sign(**claims))
        assert (await refused.receives("authentication_error"))["code"] == "UNAUTHORIZED"
    new = await connect(sign(externalId="e", userId=str(uuid4())))
    await new.receives("authenticated")
    assert [row[1] for row in await contacts(account)] == ["c", "e"]


async def test_disabled_contact_or_account_stays_out(account: Account, sign: Sign, connect: Connect) -> None:
    client = await connect(sign(externalId="c"))
    await client.receives("authenticated")
    await account.execute("UPDATE contacts SET active = false WHERE account_id = %(account)s AND external_id = 'c'")
    assert (await client.receives("authentication_error"))["code"] == "UNAUTHORIZED"
    again = await connect(sign(externalId="c", name="New"))
    assert (await again.receives("authentication_error"))["code"] == "UNAUTHORIZED"
    await set_disabled(account.settings, account.id, is_disabled=True)
    other = await connect(sign(externalId="d"))
    assert (await other.receives("authentication_error"))["code"] == "UNAUTHORIZED"
    assert [(row[1], row[3]) for row in await contacts(account)] == [("c", "Customer")]


async def test_session_of_a_customer_without_a_user_id_is_recovered(
    account: Account, sign: Sign, clients: ReconnectingClient
) -> None:
    token = sign(externalId="c-7")
    lost = await clients.connect(account.url, token)
    await lost.receives("authenticated")
    await lost.do("start_conversation", {"content": "Hello"})
    lost.cut()
    refused = await clients.reconnect(account.url, sign(externalId="c-8"), lost)
    assert refused.sid != lost.sid
    again = await clients.reconnect(account.url, token, lost)
    assert again.sid == lost.sid


async def test_contact_that_two_customers_claim_at_once_is_linked_to_one(account: Account, node: Node) -> None:
    customer = account.people["customer"]
    first, second = (Customer(external_id=one, email=customer.email, is_verified=True) for one in ("a", "b"))

    async def link(claimed: Customer) -> UUID:
        async with node.context.database.account(account.id) as tx:
            return await contact_of(tx, account.id, claimed)

    async with node.context.database.account(account.id) as tx:
        assert await contact_of(tx, account.id, first) == customer.id
        waiting = asyncio.create_task(link(second))
        blocked = "SELECT FROM pg_stat_activity WHERE %(holder)s = ANY (pg_blocking_pids(pid))"
        while not await account.execute(blocked, holder=tx.info.backend_pid):
            await asyncio.sleep(0.01)
    with pytest.raises(Conflict):
        await waiting
    assert await link(second) != customer.id
    assert await link(first) == customer.id
