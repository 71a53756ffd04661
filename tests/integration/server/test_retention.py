"""Retention: old conversations of an account, visitors who never wrote, and expired entries of idle streams."""

from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import pytest
from redis.asyncio import Redis

from hummdesk.bus.shards import shard_of
from hummdesk.core.config import Settings
from hummdesk.core.ids import new_id
from hummdesk.operator import account as operator
from hummdesk.relay.erasure import Eraser, open_eraser
from hummdesk.relay.retention import Retention
from tests.integration.server.accounts import Account, Client
from tests.integration.server.killed_database import killed_eraser_database


@pytest.fixture
async def eraser(web_settings: Settings) -> AsyncIterator[Eraser]:
    async with open_eraser(web_settings) as eraser:
        yield eraser


@pytest.fixture
async def retention(web_settings: Settings, eraser: Eraser) -> Retention:
    return Retention(web_settings, eraser)


async def send(account: Account, client: Client, content: str) -> None:
    await client.do("send_message", {"conversationId": str(account.conversation), "content": content})


async def age(account: Account, days: int, conversation_id: Any = None) -> None:
    await account.execute(
        "UPDATE conversations SET updated_at = now() - make_interval(days => %(days)s) "
        "WHERE account_id = %(account)s AND id = %(id)s",
        days=days,
        id=conversation_id or account.conversation,
    )


async def contents(account: Account) -> list[str]:
    return [
        content
        for (content,) in await account.execute(
            "SELECT content FROM messages WHERE account_id = %(account)s ORDER BY seq"
        )
    ]


async def test_conversation_beyond_the_retention_is_erased_and_can_go_on(
    account: Account, retention: Retention, web_settings: Settings
) -> None:
    customer, agent = await account.connect("customer", joins=True), await account.connect("agent", joins=True)
    await send(account, customer, "old")
    await age(account, 31)
    await operator.set_retention(web_settings, account.id, 30)

    await retention.erase_due()

    update = await agent.receives("message_updated", seq=1)
    assert update["erased"] is True
    await send(account, customer, "new")
    await retention.erase_due()
    assert await contents(account) == ["", "new"]


async def test_conversation_within_the_retention_is_kept(
    account: Account, retention: Retention, web_settings: Settings
) -> None:
    await send(account, await account.connect("agent"), "recent")
    await age(account, 29)
    await operator.set_retention(web_settings, account.id, 30)
    await retention.erase_due()
    assert await contents(account) == ["recent"]


async def test_account_without_retention_keeps_everything(
    account: Account, retention: Retention, web_settings: Settings
) -> None:
    await send(account, await account.connect("agent"), "old")
    await age(account, 10_000)
    await operator.set_retention(web_settings, account.id, 1)
    await operator.set_retention(web_settings, account.id, None)
    await retention.erase_due()
    assert await contents(account) == ["old"]


async def test_retention_erases_in_batches_until_none_is_due(
    account: Account, retention: Retention, web_settings: Settings
) -> None:
    await account.execute(
        "INSERT INTO conversations (account_id, id, contact_id, subject, updated_at) "
        "SELECT account_id, gen_random_uuid(), id, 'old', now() - make_interval(days => 40, mins => n / 2) "
        "FROM contacts, generate_series(1, 45) AS n WHERE account_id = %(account)s AND id = %(contact)s",
        contact=account.people["customer"].id,
    )
    await operator.set_retention(web_settings, account.id, 30)
    steps = 1
    while await retention.erase_due() is not None:
        steps += 1
    assert steps > 2
    left = await account.execute(
        "SELECT count(*) FROM conversations WHERE account_id = %(account)s AND subject IS NOT NULL"
    )
    assert left == [(0,)]


async def test_batch_killed_in_each_of_its_transactions_is_erased_and_published_once(
    account: Account, eraser: Eraser, web_settings: Settings
) -> None:
    customer, agent = await account.connect("customer", joins=True), await account.connect("agent", joins=True)
    for number in range(3):
        await send(account, customer, f"old {number}")
    other = {"conversationId": str(account.other_conversation), "content": "old, too"}
    await agent.do("send_message", other)
    await age(account, 32)
    await age(account, 31, account.other_conversation)
    await operator.set_retention(web_settings, account.id, 30)

    async with killed_eraser_database(web_settings) as killed:
        batch = Retention(web_settings, replace(eraser, database=killed))
        _, kills = await killed.repeat(batch.erase_due)

    assert kills >= 7, "the accounts, the conversations, for each its rows and its changes, the position"
    assert await contents(account) == ["", "", "", ""]
    assert await account.execute(
        "SELECT erased_before > now() - interval '32 days' FROM accounts WHERE account_id = %(account)s"
    ) == [(True,)]
    updates = [await agent.receives("message_updated", erased=True) for _ in range(4)]
    assert sorted((one["seq"], one["revision"]) for one in updates) == [(1, 1), (1, 1), (2, 2), (3, 3)]
    await send(account, customer, "new")
    await agent.receives("new_message", content="new")
    assert "message_updated" not in agent.names(), "each was published once"


async def test_visitors_who_never_wrote_are_pruned(account: Account, web_settings: Settings, eraser: Eraser) -> None:
    visitors = {name: new_id() for name in ("silent", "recent", "wrote", "named")}
    for name, visitor in visitors.items():
        await account.execute(
            "INSERT INTO contacts (account_id, id, email, name, created_at) "
            "VALUES (%(account)s, %(id)s, %(email)s, 'Visitor', now() - make_interval(days => %(days)s))",
            id=visitor,
            email=f"{name}@example.com" if name == "named" else f"visitor-{visitor}@visitors.invalid",
            days=1 if name == "recent" else 31,
        )
    await account.execute(
        "INSERT INTO conversations (account_id, id, contact_id) VALUES (%(account)s, gen_random_uuid(), %(id)s)",
        id=visitors["wrote"],
    )
    retention = Retention(replace(web_settings, visitor_retention_days=30), eraser)
    while await retention.prune_visitors() is not None:
        pass
    left = {id_ for (id_,) in await account.execute("SELECT id FROM contacts WHERE account_id = %(account)s")}
    assert {name for name, visitor in visitors.items() if visitor in left} == {"recent", "wrote", "named"}


async def test_trim_removes_expired_entries_of_an_idle_stream(
    account: Account, retention: Retention, web_settings: Settings
) -> None:
    redis: Any = Redis.from_url(web_settings.redis)
    stream = f"{shard_of(account.id).stream}"
    await redis.rename(stream, f"{stream}:aside") if await redis.exists(stream) else None
    await redis.xadd(stream, {"prev": "0-0"}, id="1-1")
    await retention.trim_stream()
    assert await redis.xlen(stream) == 0
    await redis.delete(stream)
    if await redis.exists(f"{stream}:aside"):
        await redis.rename(f"{stream}:aside", stream)
    await redis.aclose()
