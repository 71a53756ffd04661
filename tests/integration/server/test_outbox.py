"""Fault row 20: the relay publishes what a process committed and did not publish before it died."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace

import pytest

from hummdesk.bus import ordering
from hummdesk.core.config import Settings
from hummdesk.server.listener import reserved
from hummdesk.server.node import Node
from hummdesk.storage.messages import NewMessage
from tests.forked_process import ForkedProcess, fork
from tests.integration.server.accounts import Account
from tests.running_time import running_timeout
from tests.system.js.web_process import environment, get

NO_REDIS = "redis://127.0.0.1:1/0"

RELAYING = """
    SELECT
    FROM pg_stat_activity
    WHERE datname = current_database()
      AND application_name = 'hummdesk_relay'
      AND query LIKE 'LISTEN%%'
"""
"""A row as soon as a relay is running."""


@asynccontextmanager
async def process(settings: Settings, *command: str) -> AsyncIterator[ForkedProcess]:
    """Run a command of HummDesk, and kill it at the end unless it has ended."""
    running = await fork("hummdesk", *command, env=environment(settings))
    try:
        yield running
    finally:
        running.kill()
        await running.wait()


@pytest.mark.alone
async def test_message_of_process_killed_before_publication_is_published_once_by_the_relay(
    account: Account, web_settings: Settings
) -> None:
    """The process has no Redis, so that it commits and cannot publish; then it is killed."""
    with reserved("127.0.0.1", 0) as port:
        pass
    url = f"http://127.0.0.1:{port}"
    cut_off = replace(web_settings, port=port, redis_url=NO_REDIS)
    customer = await account.connect("customer", joins=True)
    agent = await account.connect("agent")
    await agent.do("update_conversation_status", {"conversationId": str(account.conversation), "status": "closed"})
    await customer.receives("conversation_status_changed", newStatus="closed")
    message = {"conversationId": str(account.conversation), "content": "Hello?", "clientMessageId": "m"}
    async with process(web_settings, "relay"), process(cut_off, "serve", "--port", str(port)) as doomed:
        async with asyncio.timeout(20):
            while await get(f"{url}/health/live") != 200 or not await account.execute(RELAYING):
                await asyncio.sleep(0.05)
        sender = await account.client().connect(token=account.token("customer"), url=url)
        await sender.receives("authenticated")
        sent = await sender.do("send_message", message)
        doomed.kill()
        async with running_timeout(2.5):
            for listener in (customer, agent):
                received = await listener.receives("new_message")
                assert (received["messageId"], received["seq"], received["content"]) == (sent["messageId"], 1, "Hello?")
                reopened = await listener.receives("conversation_status_changed", newStatus="open")
                assert reopened["oldStatus"] == "closed"
        assert await customer.do("send_message", message) == sent
        async with running_timeout(2):
            while await account.execute("SELECT FROM outbox WHERE account_id = %(account)s"):
                await asyncio.sleep(0.05)
    assert customer.names().count("new_message") == agent.names().count("new_message") == 0, "received once"


async def test_message_unpublished_for_long_is_delivered_before_the_next_one_of_another_process(
    account: Account, node: Node, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Redis was unavailable, or no relay ran, since the process of the first two messages died.

    Redis knows no message of the conversation; a message whose predecessor counted as published would end the order.
    """
    monkeypatch.setattr(ordering, "HOLD_SECONDS", 0.05)
    customer, agent = await account.connect("customer", joins=True), await account.connect("agent", joins=True)
    for content in ("1", "2"):
        message = NewMessage(conversation_id=account.conversation, content=content)
        await node.context.writer.send(sender=account.people["customer"], message=message)
        await account.execute(
            "UPDATE messages SET created_at = created_at - interval '6 s' WHERE account_id = %(account)s"
        )
    await agent.do("send_message", {"conversationId": str(account.conversation), "content": "3"})
    for client in (customer, agent):
        received = [(await client.receives("new_message"))["content"] for _ in range(3)]
        assert received == ["1", "2", "3"]
