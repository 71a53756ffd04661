"""The erasure of a contact: in the database, in the event stream, and at connected and returning clients."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import aclosing
from dataclasses import replace
from pathlib import Path
from typing import Any
from zipfile import ZipFile

import orjson
import psycopg
import pytest
from redis.asyncio import Redis

from hummdesk.core.background import drain
from hummdesk.core.config import Settings
from hummdesk.core.errors import NotFound
from hummdesk.core.ids import new_id
from hummdesk.operator import account as operator_account
from hummdesk.relay.erasure import Eraser, open_eraser
from hummdesk.storage import erasure
from hummdesk.storage.database import operator
from hummdesk.storage.personal_data import TABLES
from tests.integration.server.accounts import CLASSIFICATION, DRAFT, Account, Client
from tests.integration.server.killed_database import killed_eraser_database
from tests.integration.server.reconnecting import Connection, ReconnectingClient

SECRET = "hunter2ofmine"
PLANTED = f"My password is {SECRET}"


@pytest.fixture
async def eraser(web_settings: Settings) -> AsyncIterator[Eraser]:
    async with open_eraser(web_settings) as eraser:
        yield eraser


async def send(account: Account, sender: Client, content: str = PLANTED, **more: Any) -> dict[str, Any]:
    return await sender.do("send_message", {"conversationId": str(account.conversation), "content": content} | more)


async def plant(account: Account, customer: Client, agent: Client, *, secret: str) -> None:
    """Store the secret in every place that takes text about a contact."""
    conversation = {"conversationId": str(account.conversation)}
    attachment = {"url": f"https://x.example/{secret}", "filename": secret, "contentType": "a/b", "size": 1}
    asked = await send(
        account,
        customer,
        f"My password is {secret}",
        attachments=[attachment],
        metadata={"note": secret},
        clientMessageId=secret,
    )
    await send(account, agent, f"Your {secret} is reset", clientMessageId=f"{secret}2")
    await send(account, agent, f"They said {secret}", private=True)
    started = await customer.do(
        "start_conversation",
        {"subject": secret, "content": secret, "metadata": {"a": secret}, "clientMessageId": f"{secret}3"},
    )
    await account.execute(
        "UPDATE accounts SET widget_look = '{\"recordPages\": true}', widget_origins = '{https://shop.example}' "
        "WHERE account_id = %(account)s"
    )
    await customer.do("visit_page", {"url": f"https://shop.example/{secret}", "title": secret})
    await agent.do("correct_classification", conversation | {"messageId": asked["messageId"], "category": "sales"})
    await agent.do("update_conversation_status", conversation | {"status": "pending", "reason": secret})
    await account.execute(
        "UPDATE contacts SET name = %(secret)s, email = %(secret)s || '@example.com', avatar_url = %(secret)s "
        "WHERE account_id = %(account)s AND id = %(contact)s",
        secret=secret,
        contact=account.people["customer"].id,
    )
    classification = {"classification": CLASSIFICATION | {"tags": [secret]}, "confidence": 1, "provider": "embedded"}
    draft = {"draft": DRAFT | {"content": secret}, "confidence": 1, "provider": "embedded", "assigned_to": None}
    draft |= {"reasoning": secret, "sources": [], "citations": [], "based_on_seq": 1}
    await account.execute(
        "UPDATE ai_runs SET status = 'done', outcome = 'done', finished_at = now(), announced_at = now(), "
        "last_error = %(secret)s WHERE account_id = %(account)s AND message_id = %(message)s",
        secret=secret,
        message=asked["messageId"],
    )
    await account.execute(
        "INSERT INTO ai_runs (account_id, id, conversation_id, message_id, seq, kind, status, outcome, finished_at, "
        "announced_at) VALUES (%(account)s, %(id)s, %(conversation)s, %(message)s, 1, 'draft', 'done', 'done', now(), "
        "now())",
        id=new_id(),
        conversation=account.conversation,
        message=asked["messageId"],
    )
    await account.execute(
        "INSERT INTO ai_results SELECT account_id, id, kind, "
        "CASE kind WHEN 'draft' THEN %(draft)s::jsonb ELSE %(classification)s::jsonb END FROM ai_runs "
        "WHERE account_id = %(account)s AND message_id = %(message)s",
        draft=orjson.dumps(draft).decode(),
        classification=orjson.dumps(classification).decode(),
        message=asked["messageId"],
    )
    await account.execute(
        "UPDATE past_answers SET learned_at = now(), question = %(secret)s, answer = %(secret)s, indexed_as = 'm' "
        "WHERE account_id = %(account)s AND conversation_id = %(conversation)s",
        secret=secret,
        conversation=account.conversation,
    )
    await account.execute(
        "INSERT INTO knowledge_passages (account_id, id, past_answer_id, model, embedding) "
        "SELECT account_id, gen_random_uuid(), message_id, 'm', '[1,2]' FROM past_answers "
        "WHERE account_id = %(account)s",
    )
    await account.execute(
        "UPDATE ai_corrections SET vector = %(vector)s, model = 'm' WHERE account_id = %(account)s",
        vector=secret.encode(),
    )
    await account.execute("UPDATE accounts SET ai_provider = 'openai' WHERE account_id = %(account)s")
    await agent.do("request_assist", conversation | {"kind": "shorter", "text": f"Your {secret}"})
    assert started["ok"]


async def found_in_database(settings: Settings, text: str) -> list[str]:
    """The tables of which a row, as text, contains a text; byte columns in hexadecimal included."""
    hits = []
    async with await psycopg.AsyncConnection.connect(settings.postgres) as connection:
        cursor = await connection.execute(
            "SELECT relname FROM pg_class WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace"
        )
        for (name,) in await cursor.fetchall():
            rows = await connection.execute(
                psycopg.sql.SQL("SELECT count(*) FROM {} AS t WHERE t::text LIKE ANY(%s)").format(
                    psycopg.sql.Identifier(name)
                ),
                ([f"%{text}%", f"%{text.encode().hex()}%"],),
            )
            if (await rows.fetchone() or (0,))[0]:
                hits.append(name)
    return hits


async def found_in_redis(settings: Settings, text: str) -> list[bytes]:
    """The keys that contain a text, in their name or value."""
    hits = []
    async with aclosing(Redis.from_url(settings.redis)) as closing:
        redis: Any = closing
        readers: dict[bytes, Any] = {
            b"string": redis.get,
            b"hash": redis.hgetall,
            b"set": redis.smembers,
            b"zset": lambda name: redis.zrange(name, 0, -1),
            b"list": lambda name: redis.lrange(name, 0, -1),
            b"stream": redis.xrange,
        }
        async for key in redis.scan_iter(count=1000):
            kind = await redis.type(key)
            if kind == b"none":  # expired since the scan
                continue
            if text.encode() in key or text in repr(await readers[kind](key)):
                hits.append(key)
    return hits


async def messages_of(client: Client, account: Account) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = (
        await client.do("get_messages", {"conversationId": str(account.conversation), "limit": 100})
    )["messages"]
    return found


async def test_planted_secret_is_found_nowhere_after_erasure(
    account: Account, eraser: Eraser, web_settings: Settings
) -> None:
    customer, agent = await account.connect("customer", joins=True), await account.connect("agent", joins=True)
    secret = "swordfish1"
    await plant(account, customer, agent, secret=secret)
    await drain()
    assert len(await found_in_database(web_settings, secret)) >= 6
    assert await found_in_redis(web_settings, secret)
    assert (await agent.do("list_conversations", {"search": secret}))["conversations"]

    receipt = await eraser.erase_contact(account.people["customer"].id)

    assert await found_in_database(web_settings, secret) == []
    assert await found_in_redis(web_settings, secret) == []
    assert (await agent.do("list_conversations", {"search": secret}))["conversations"] == []
    assert receipt.completed_at is not None
    assert {place: number > 0 for place, number in receipt.erased.items()} == dict.fromkeys(receipt.erased, True)
    verified, left = await eraser.verify_contact(account.people["customer"].id)
    assert left == {}
    assert verified.verified_at is not None


async def test_erasure_keeps_the_seq_and_replaces_what_clients_show(account: Account, eraser: Eraser) -> None:
    customer, agent = await account.connect("customer", joins=True), await account.connect("agent", joins=True)
    for number in range(3):
        await send(account, customer, f"{PLANTED} {number}")
    await agent.receives("new_message", seq=3)

    await eraser.erase_contact(account.people["customer"].id)

    for seq in (1, 2, 3):
        update = await agent.receives("message_updated", seq=seq)
        assert (update["revision"], update["erased"]) == (seq, True)
    shown = await agent.receives("conversation_updated", revision=3)
    assert (shown["customer"]["name"], shown["lastMessage"]["erased"]) == ("Erased", True)
    found = await messages_of(agent, account)
    assert [(one["seq"], one["content"], one["senderName"]) for one in found] == [(n, "", "Erased") for n in (1, 2, 3)]
    await customer.receives("authentication_error")


async def test_returning_client_learns_of_the_erasure(account: Account, eraser: Eraser) -> None:
    agent = await account.connect("agent", joins=True)
    await send(account, agent)
    await agent.socket.disconnect()

    await eraser.erase_contact(account.people["customer"].id)

    agent = await account.connect("agent")
    conversation = {"conversationId": str(account.conversation), "afterSeq": 1, "revision": 0}
    [update] = (await agent.do("join_conversation", conversation))["updates"]
    assert (update["seq"], update["erased"]) == (1, True)


async def test_client_lost_before_the_erasure_is_not_recovered(
    account: Account, eraser: Eraser, lost: Connection, clients: ReconnectingClient, sender: Client
) -> None:
    await send(account, sender)
    await sender.receives("new_message", content=PLANTED)
    agent = await clients.connect(account.url, account.token("agent"))
    await agent.receives("authenticated")
    await agent.do("join_conversation", str(account.conversation))
    agent.cut()
    await send(account, sender)
    await sender.receives("new_message", content=PLANTED)

    await eraser.erase_contact(account.people["customer"].id)
    await sender.receives("message_updated", seq=3)

    again = await clients.reconnect(account.url, account.token("agent"), agent)
    assert again.sid != agent.sid
    assert SECRET not in repr(again.missed)


async def test_erased_contact_can_neither_send_nor_return(account: Account, eraser: Eraser) -> None:
    customer, agent = await account.connect("customer", joins=True), await account.connect("agent", joins=True)
    await eraser.erase_contact(account.people["customer"].id)
    await customer.receives("authentication_error")
    assert await customer.refused("start_conversation", {"content": "Hello"}) == "UNAUTHORIZED"
    payload = {"conversationId": str(account.conversation), "content": "Hello"}
    assert await agent.refused("send_message", payload) == "FORBIDDEN"


async def test_repeated_erasure_erases_nothing_more(account: Account, eraser: Eraser) -> None:
    agent = await account.connect("agent", joins=True)
    await send(account, agent)
    first = await eraser.erase_contact(account.people["customer"].id)
    second = await eraser.erase_contact(account.people["customer"].id)
    assert second.erased == first.erased
    assert [one["revision"] for one in await messages_of(agent, account)] == [1]


async def test_erasure_of_a_waiting_conversation_is_noted_as_a_move_of_its_queue(
    account: Account, eraser: Eraser
) -> None:
    moves = "SELECT count(*) FROM queue_moves WHERE account_id = %(account)s AND queue_id = account_id"
    [(before,)] = await account.execute(moves)
    await eraser.erase_contact(account.people["customer"].id)
    assert await account.execute(moves) == [(before + 1,)]


async def test_verification_lists_what_is_left(account: Account, eraser: Eraser) -> None:
    agent = await account.connect("agent", joins=True)
    await send(account, agent)
    await eraser.erase_contact(account.people["customer"].id)
    await account.execute("UPDATE messages SET content = 'back' WHERE account_id = %(account)s")
    receipt, left = await eraser.verify_contact(account.people["customer"].id)
    assert left == {"messages": 1}
    assert receipt.verified_at is None


async def test_erasure_of_another_contact_leaves_everything(account: Account, eraser: Eraser) -> None:
    agent = await account.connect("agent", joins=True)
    await send(account, agent)
    await eraser.erase_contact(account.people["stranger"].id)
    assert [one["content"] for one in await messages_of(agent, account)] == [PLANTED]


async def test_erasure_while_messages_are_sent_leaves_none_behind(account: Account, eraser: Eraser) -> None:
    """A message is stored before the erasure and erased by it, or refused."""
    customer, agent = await account.connect("customer", joins=True), await account.connect("agent", joins=True)
    refusals: set[str] = set()

    async def write(client: Client) -> None:
        while True:
            answer = await client.ask("send_message", {"conversationId": str(account.conversation), "content": PLANTED})
            if not answer["ok"]:
                refusals.add(answer["error"]["code"])
                return

    writers = [asyncio.create_task(write(client)) for client in (customer, agent, agent)]
    await agent.receives("new_message", seq=20)
    await eraser.erase_contact(account.people["customer"].id)
    async with asyncio.timeout(20):
        await asyncio.gather(*writers)

    assert refusals <= {"FORBIDDEN", "UNAUTHORIZED", "NOT_FOUND"}
    stored = await account.execute("SELECT seq, content FROM messages WHERE account_id = %(account)s ORDER BY seq")
    assert [seq for seq, _ in stored] == list(range(1, len(stored) + 1))
    assert {content for _, content in stored} == {""}
    _, left = await eraser.verify_contact(account.people["customer"].id)
    assert left == {}


async def test_contact_signed_out_during_the_erasure_cannot_start_a_conversation(account: Account) -> None:
    customer = await account.connect("customer")
    await account.execute(
        "UPDATE contacts SET active = false WHERE account_id = %(account)s AND id = %(id)s",
        id=account.people["customer"].id,
    )
    assert await customer.refused("start_conversation", {"content": "Hello"}) in ("NOT_FOUND", "UNAUTHORIZED")


async def test_account_erasure_leaves_a_receipt_and_other_accounts(
    account: Account, foreign: Account, web_settings: Settings
) -> None:
    customer, agent = await account.connect("customer", joins=True), await account.connect("agent", joins=True)
    secret = "swordfish2"
    await plant(account, customer, agent, secret=secret)
    kept = await foreign.connect("agent", joins=True)
    await send(foreign, kept, "kept")
    await drain()

    receipt = await operator_account.erase(web_settings, account.id)

    await agent.receives("authentication_error")
    assert await found_in_database(web_settings, secret) == []
    assert await found_in_redis(web_settings, secret) == []
    assert await found_in_database(web_settings, str(account.id)) == ["erasures"]
    assert receipt["completedAt"] is not None
    again, left = await operator_account.verify(web_settings, account.id)
    assert (left, again["verifiedAt"] is not None) == ({}, True)
    assert [one["content"] for one in await messages_of(kept, foreign)] == ["kept"]


async def test_account_erasure_killed_in_each_of_its_transactions_is_complete_after_the_last_repetition(
    account: Account, eraser: Eraser, web_settings: Settings
) -> None:
    customer, agent = await account.connect("customer", joins=True), await account.connect("agent", joins=True)
    secret = "swordfish4"
    await plant(account, customer, agent, secret=secret)
    await drain()
    async with operator(web_settings) as database, database.all_accounts() as tx:
        await erasure.request_account(tx, account.id)
    async with eraser.database.all_accounts() as tx:
        stored = +await erasure.left_of_account(tx, account.id)
    del stored["outbox"]  # the web process removes its entries, too

    async with killed_eraser_database(web_settings) as killed:
        receipt, kills = await killed.repeat(lambda: replace(eraser, database=killed).erase_account(account.id))

    assert kills > len(TABLES)
    assert receipt.erased["feed_changes"] >= stored.pop("feed_changes"), "deletions add changes"
    assert stored.items() <= receipt.erased.items(), "each row is counted once"
    assert receipt.completed_at is not None
    assert await found_in_database(web_settings, str(account.id)) == ["erasures"]
    assert await found_in_redis(web_settings, secret) == []
    assert (await eraser.verify_account(account.id))[1] == {}


async def test_account_erasure_that_was_not_requested_is_refused(account: Account, eraser: Eraser) -> None:
    with pytest.raises(NotFound):
        await eraser.erase_account(account.id)
    async with eraser.database.all_accounts() as tx:
        await tx.execute("DELETE FROM messages")
        cursor = await tx.execute("DELETE FROM accounts WHERE account_id = %s", (account.id,))
    assert cursor.rowcount == 0


async def test_account_export_has_every_row_and_no_secret(
    account: Account, web_settings: Settings, tmp_path: Path
) -> None:
    customer, agent = await account.connect("customer", joins=True), await account.connect("agent", joins=True)
    await plant(account, customer, agent, secret=SECRET)
    number = await operator_account.export(web_settings, account.id, tmp_path / "account.zip")
    with ZipFile(tmp_path / "account.zip") as archive:
        files = {name: json.loads(archive.read(name)) for name in archive.namelist() if name.endswith(".json")}
    assert number == sum(map(len, files.values()))
    assert len(files["users/000001.json"]) == 4
    assert SECRET in json.dumps(files["messages/000001.json"])
    assert not any("secret" in row or "embedding" in row for rows in files.values() for row in rows)
