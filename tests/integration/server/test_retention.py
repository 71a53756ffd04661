"""Retention: old conversations of an account, visitors who never wrote, and expired entries of idle streams."""

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from prometheus_client import REGISTRY
from psycopg import sql
from redis.asyncio import Redis

from hummdesk.bus.shards import shard_of
from hummdesk.core.config import Settings
from hummdesk.core.ids import lowest_id, new_id
from hummdesk.operator import account as operator
from hummdesk.relay.erasure import Eraser, open_eraser
from hummdesk.relay.retention import Retention
from hummdesk.storage.retention import PRUNED
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


OF_A_TIME = """
INSERT INTO messages (account_id, id, conversation_id, seq, sender_id, sender_type, sender_name, content, content_type)
VALUES (%(account)s, %(id)s, %(conversation)s, %(seq)s, %(agent)s, 'agent', 'Agent', 'Reply', 'text');
INSERT INTO ai_runs (account_id, id, conversation_id, message_id, seq, kind, status, outcome, finished_at, announced_at)
VALUES (%(account)s, %(id)s, %(conversation)s, %(id)s, 1, 'draft', 'done', 'done', %(at)s, %(at)s);
INSERT INTO ai_results (account_id, run_id, kind, payload) VALUES (%(account)s, %(id)s, 'draft', '{}');
INSERT INTO draft_views (account_id, run_id) VALUES (%(account)s, %(id)s);
INSERT INTO ai_calls (account_id, id, run_id, provider, model, prompt, outcome, fallback, input_tokens,
    cache_read_tokens, cache_write_tokens, output_tokens, milliseconds, created_at)
SELECT %(account)s, gen_random_uuid(), run_id::uuid, 'openai', 'm', 'p', 'ok', false, 1, 0, 0, 1, 1, %(at)s
FROM (VALUES (%(id)s), (NULL)) AS call (run_id);
INSERT INTO past_answers (account_id, message_id, conversation_id, seq, learned_at, question, answer, draft_run_id,
    draft_use)
VALUES (%(account)s, %(id)s, %(conversation)s, %(seq)s, %(at)s, 'Question', 'Answer', %(draft)s, 'edited');
INSERT INTO knowledge_passages (account_id, id, past_answer_id, model, embedding)
VALUES (%(account)s, %(id)s, %(id)s, 'm', '[1]');
INSERT INTO ai_usage (account_id, day, tokens) VALUES (%(account)s, %(at)s::timestamptz::date, 1);
INSERT INTO audit_log (account_id, id, actor_type, action, subject_id, created_at)
VALUES (%(account)s, %(id)s, 'system', 'key.created', 's', %(at)s);
INSERT INTO idempotency_keys (account_id, id, request_hash, new_id, created_at)
VALUES (%(account)s, %(id)s, '', %(id)s, %(at)s);
INSERT INTO page_visits (account_id, id, contact_id, url, title, visited_at)
VALUES (%(account)s, %(id)s, %(customer)s, 'https://shop.example/', '', %(at)s);
"""
KEPT_WITH_AI = ("ai_results", "ai_runs", "ai_usage", "draft_views", "knowledge_passages", "past_answers")


async def add_rows(account: Account, *, days: int, seq: int, draft: UUID | None = None) -> UUID:
    """Add a row of each kind, as old as this; the answer has used a draft, its own if none is given."""
    at = datetime.now(UTC) - timedelta(days=days)
    id_ = UUID(int=lowest_id(at).int + seq)
    values = {"id": id_, "at": at, "seq": seq, "draft": draft or id_}
    values |= {name: account.people[name].id for name in ("agent", "customer")}
    for statement in OF_A_TIME.split(";\n")[:-1]:
        await account.execute(statement, conversation=account.conversation, **values)
    return id_


async def counts(account: Account) -> dict[str, int]:
    tables = (*KEPT_WITH_AI, "ai_calls", "audit_log", "idempotency_keys", "page_visits")
    number = sql.SQL("SELECT count(*) FROM {} WHERE account_id = {}")
    async with await account.superuser() as connection:
        found = {one: await connection.execute(number.format(sql.Identifier(one), account.id)) for one in tables}
        return {one: row[0] for one, cursor in found.items() if (row := await cursor.fetchone()) is not None}


async def prune(retention: Retention) -> int:
    steps = 1
    while await retention.prune_old() is not None:
        steps += 1
    return steps


async def test_old_rows_are_deleted_and_new_ones_kept(account: Account, web_settings: Settings, eraser: Eraser) -> None:
    old = await add_rows(account, days=401, seq=1)
    kept = await add_rows(account, days=0, seq=2)
    later = await add_rows(account, days=399, seq=3, draft=old)
    await prune(Retention(replace(web_settings, ai_history_days=400, audit_log_days=400), eraser))
    left = dict.fromkeys(KEPT_WITH_AI, 2) | {"ai_calls": 4, "audit_log": 2, "idempotency_keys": 1, "page_visits": 1}
    assert await counts(account) == left
    assert await account.execute(
        "SELECT message_id, question, draft_run_id FROM past_answers WHERE account_id = %(account)s ORDER BY seq"
    ) == [(kept, "Question", kept), (later, "Question", None)]


@pytest.fixture
async def refused(account: Account) -> AsyncIterator[None]:
    """PostgreSQL refuses to delete learned answers of the account, the first kind."""
    await account.execute(
        "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RAISE EXCEPTION ''refused''; END'"
    )
    await account.execute(
        "CREATE TRIGGER refused BEFORE DELETE ON past_answers FOR EACH ROW "
        f"WHEN (OLD.account_id = '{account.id}') EXECUTE FUNCTION refuse()"
    )
    yield
    await account.execute("DROP FUNCTION IF EXISTS refuse() CASCADE")


def failures() -> float:
    labels = {"where": "retention", "code": "INTERNAL_ERROR"}
    return REGISTRY.get_sample_value("hummdesk_errors_total", labels) or 0.0


async def test_failed_deletion_of_one_kind_does_not_stop_the_others(
    account: Account, web_settings: Settings, eraser: Eraser, refused: None, caplog: pytest.LogCaptureFixture
) -> None:
    await add_rows(account, days=401, seq=1)
    retention = Retention(replace(web_settings, ai_history_days=400, audit_log_days=400), eraser)
    before = failures()
    await prune(retention)
    left = dict.fromkeys(await counts(account), 0)
    assert await counts(account) == left | {"past_answers": 1, "knowledge_passages": 1}
    assert failures() == before + 1
    assert [vars(record)["kind"] for record in caplog.records if record.message == "retention.failed"] == [
        "learned_answer"
    ]
    await account.execute("DROP FUNCTION refuse() CASCADE")
    await prune(retention)
    assert await counts(account) == left


async def test_without_a_limit_only_expired_rows_are_deleted(
    account: Account, web_settings: Settings, eraser: Eraser
) -> None:
    await add_rows(account, days=10_000, seq=1)
    await prune(Retention(replace(web_settings, ai_history_days=0, audit_log_days=0), eraser))
    assert await counts(account) == dict.fromkeys(KEPT_WITH_AI, 1) | {
        "ai_calls": 2,
        "audit_log": 1,
        "idempotency_keys": 0,
        "page_visits": 0,
    }


async def test_visits_to_pages_are_kept_no_longer_than_conversations(
    account: Account, foreign: Account, web_settings: Settings, eraser: Eraser
) -> None:
    for one in (account, foreign):
        await add_rows(one, days=8, seq=1)
    await account.execute("UPDATE accounts SET retention_days = 7 WHERE account_id = %(account)s")
    await prune(Retention(web_settings, eraser))
    assert [(await counts(one))["page_visits"] for one in (account, foreign)] == [0, 1]


async def test_unannounced_run_is_kept(account: Account, web_settings: Settings, eraser: Eraser) -> None:
    run = await add_rows(account, days=401, seq=1)
    await account.execute("UPDATE ai_runs SET announced_at = NULL WHERE account_id = %(account)s")
    await prune(Retention(replace(web_settings, ai_history_days=400), eraser))
    assert await account.execute("SELECT id FROM ai_runs WHERE account_id = %(account)s") == [(run,)]


async def test_old_rows_are_deleted_in_batches(account: Account, web_settings: Settings, eraser: Eraser) -> None:
    await account.execute(
        "INSERT INTO idempotency_keys (account_id, id, request_hash, new_id, created_at) "
        "SELECT %(account)s, gen_random_uuid(), '', gen_random_uuid(), now() - interval '2 days' "
        "FROM generate_series(1, %(number)s)",
        number=2 * PRUNED + 1,
    )
    settings = replace(web_settings, ai_history_days=0, audit_log_days=0)
    assert await prune(Retention(settings, eraser)) >= 3
    assert await account.execute("SELECT FROM idempotency_keys WHERE account_id = %(account)s") == []


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
