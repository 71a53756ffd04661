"""The figures for admins: those of the own account only."""

import asyncio
import time
from collections.abc import Callable
from typing import Any
from uuid import UUID

import orjson
import pytest
from redis.asyncio import Redis

from hummdesk.bus.commands import BATCH
from hummdesk.bus.task_queues import REPORTED
from hummdesk.core.ids import new_id
from hummdesk.server.node import Node
from tests.integration.server.accounts import PATIENCE_SECONDS, Account, Client

NO_SOCKETS = {"admin": 0, "agent": 0, "viewer": 0, "customer": 0}
ADD_MESSAGE = """
INSERT INTO messages (account_id, id, conversation_id, seq, sender_id, sender_type, sender_name, content, content_type)
SELECT %(account)s, %(message)s, %(conversation)s, COALESCE(max(seq), 0) + 1, %(account)s, 'customer', 'Customer',
    'secret content', 'text'
FROM messages
WHERE conversation_id = %(conversation)s
"""
ADD_RUN = """
INSERT INTO ai_runs (account_id, id, conversation_id, message_id, seq, kind, status, outcome, last_error, started_at,
    lease_until, finished_at, announced_at)
VALUES (%(account)s, %(run)s, %(conversation)s, %(message)s, 1, %(kind)s, %(status)s,
    CASE WHEN %(status)s = 'done' THEN 'done' END, %(error)s, now(), now(),
    CASE WHEN %(status)s IN ('done', 'failed') THEN now() + make_interval(secs => %(seconds)s) END,
    CASE WHEN %(status)s IN ('done', 'failed') THEN now() END)
"""

ADD_USAGE = "INSERT INTO ai_usage VALUES (%(account)s, (now() AT TIME ZONE 'UTC')::date, %(tokens)s, 0.25, 3)"


async def watched(admin: Client, is_so: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
    """Return the figures as soon as the condition holds."""
    async with asyncio.timeout(PATIENCE_SECONDS):
        while not is_so(figures := await admin.do("get_operations")):
            await asyncio.sleep(0.1)
    return figures


async def add_run(account: Account, kind: str, status: str, *, seconds: float = 0.2, error: str | None = None) -> None:
    """Insert a message and a run for it."""
    given = {"message": new_id(), "conversation": account.conversation}
    await account.execute(ADD_MESSAGE, **given)
    await account.execute(ADD_RUN, run=new_id(), kind=kind, status=status, seconds=seconds, error=error, **given)


async def test_connections_count_sockets_of_all_processes(account: Account, second_url: str) -> None:
    admin = await account.connect("admin")
    await account.connect("agent")
    elsewhere = [await account.connect(name, url=second_url) for name in ("colleague", "customer")]
    everyone = NO_SOCKETS | {"admin": 1, "agent": 2, "customer": 1}
    await watched(admin, lambda figures: figures["connections"] == everyone)
    for client in elsewhere:
        await client.close()
    await watched(admin, lambda figures: figures["connections"] == NO_SOCKETS | {"admin": 1, "agent": 1})


async def test_connections_of_dead_process_are_not_counted(account: Account, node: Node) -> None:
    admin = await account.connect("admin")
    settings = node.context.settings
    report = {"at": time.time() - settings.presence_lease_seconds, "connections": {"agent": 100}}
    async with Redis.from_url(settings.redis) as redis:
        await redis.hset(f"hummdesk:sockets:{account.id}", "a dead one", orjson.dumps(report))
    await watched(admin, lambda figures: figures["connections"] == NO_SOCKETS | {"admin": 1})


async def test_counts_of_more_accounts_than_a_batch_are_all_reported(node: Node) -> None:
    accounts = {new_id(): {"agent": 1} for _ in range(BATCH + 1)}
    counts = node.context.socket_counts
    await counts.report_accounts(node.context.node, accounts)
    assert [await counts.of_account(one) for one in accounts] == [{"agent": 1}] * (BATCH + 1)


async def test_messages_per_second_count_stored_messages(account: Account) -> None:
    admin = await account.connect("admin")
    assert (await admin.do("get_operations"))["messagesPerSecond"] == 0
    for number in range(5):
        await admin.do("send_message", {"conversationId": str(account.conversation), "content": f"{number}"})
    assert (await admin.do("get_operations"))["messagesPerSecond"] == 0.5


async def test_message_with_id_without_time_is_not_counted_as_new(account: Account) -> None:
    admin = await account.connect("admin")
    given = {"message": UUID(32 * "f"), "conversation": account.conversation}
    await account.execute(ADD_MESSAGE, **given)
    assert (await admin.do("get_operations"))["messagesPerSecond"] == 0


async def test_ai_runs_are_summarized_and_failures_listed_without_content(account: Account) -> None:
    admin = await account.connect("admin")
    for seconds in (0.1, 0.2, 0.3):
        await add_run(account, "classification", "done", seconds=seconds)
    await add_run(account, "draft", "failed", error="The AI did not answer in time")
    await add_run(account, "draft", "published")
    figures = await admin.do("get_operations")
    assert figures["ai"] == [
        {"processingType": "classification", "done": 3, "failed": 0, "waiting": 0, "medianTime": 200, "slowTime": 290},
        {"processingType": "draft", "done": 0, "failed": 1, "waiting": 1},
        {"processingType": "summary", "done": 0, "failed": 0, "waiting": 0},
        {"processingType": "assist", "done": 0, "failed": 0, "waiting": 0},
    ]
    (failed,) = figures["failedRuns"]
    assert (failed["processingType"], failed["error"]) == ("draft", "The AI did not answer in time")
    assert "secret content" not in str(figures)


async def test_ai_budget_shows_usage_and_limits_of_the_own_account(account: Account, foreign: Account) -> None:
    admin = await account.connect("admin")
    unused = {"tokens": 0, "dollars": 0, "refused": 0}
    assert (await admin.do("get_operations"))["aiBudget"] == unused, "without limits"
    await account.execute(
        "UPDATE accounts SET ai_daily_tokens = 500, ai_daily_dollars = 1.5 WHERE account_id = %(account)s"
    )
    for one, tokens in ((account, 700), (foreign, 9)):
        await one.execute(ADD_USAGE, tokens=tokens)
    limits = {"dailyTokens": 500, "dailyDollars": 1.5}
    assert (await admin.do("get_operations"))["aiBudget"] == {"tokens": 700, "dollars": 0.25, "refused": 3} | limits


async def test_operations_contain_nothing_of_other_accounts(account: Account, foreign: Account) -> None:
    other_admin = await foreign.connect("admin")
    before = await other_admin.do("get_operations")
    admin = await account.connect("admin")
    await add_run(account, "draft", "failed", error="Not yours")
    await add_run(account, "classification", "published")
    await watched(admin, lambda figures: figures["failedRuns"] and figures["connections"]["admin"] == 1)
    after = await watched(other_admin, lambda figures: figures["connections"] == NO_SOCKETS | {"admin": 1})
    for part in ("messagesPerSecond", "ai", "failedRuns"):
        assert after[part] == before[part]
    assert after["messagesPerSecond"] == 0
    assert after["failedRuns"] == []


async def test_health_contains_only_flags_and_numbers(account: Account, node: Node) -> None:
    admin = await account.connect("admin")
    async with Redis.from_url(node.context.settings.redis) as redis:
        await redis.hset(REPORTED, mapping={"classification": 2, "draft": 1})  # as a relay reports them
        try:
            # Until then, the reader of a busy process may lag.
            health = (await watched(admin, lambda figures: figures["health"]["bus"]))["health"]
        finally:
            await redis.delete(REPORTED)
    assert health | {"busLag": 0} == {"postgresql": True, "redis": True, "bus": True, "busLag": 0, "queuedTasks": 3}


@pytest.mark.parametrize("name", ["agent", "viewer", "customer"])
async def test_get_operations_is_forbidden_for_other_roles(account: Account, name: str) -> None:
    assert await (await account.connect(name)).refused("get_operations") == "FORBIDDEN"


async def test_get_operations_after_losing_the_admin_role_is_forbidden(account: Account) -> None:
    admin = await account.connect("admin")
    await account.execute("UPDATE users SET role = 'agent' WHERE id = %(id)s", id=account.people["admin"].id)
    async with asyncio.timeout(PATIENCE_SECONDS):
        while (answer := await admin.ask("get_operations"))["ok"]:
            await asyncio.sleep(0.05)
    assert answer["error"]["code"] == "FORBIDDEN"
