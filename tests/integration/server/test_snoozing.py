"""Snoozed conversations: pending until a time, or until the customer writes."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from hummdesk.core.clock import wire_time
from hummdesk.relay.receipt_stores import OutboxReceipts
from hummdesk.relay.snoozes import SnoozeEnder
from hummdesk.server.node import Node
from hummdesk.storage import outbox
from hummdesk.storage.database import Database
from tests.integration.server.accounts import Account, Client


@pytest.fixture(scope="module")
async def database_of_relay(web_settings: Any) -> AsyncIterator[Database]:
    database = Database(web_settings.postgres, role="hummdesk_relay", size=2, timeout=5, pipelined=True)
    await database.open()
    yield database
    await database.close()


@pytest.fixture
def ender(database_of_relay: Database, node: Node) -> SnoozeEnder:
    return SnoozeEnder(database_of_relay, node.context.database)


def tomorrow() -> str:
    return wire_time(datetime.now(UTC) + timedelta(days=1))


async def snooze(client: Client, account: Account, until: str | None = None) -> dict[str, Any]:
    more = {} if until is None else {"until": until}
    return await client.do("snooze_conversation", {"conversationId": str(account.conversation)} | more)


async def let_time_pass(account: Account) -> None:
    await account.execute(
        "UPDATE conversations SET snoozed_until = clock_timestamp() WHERE account_id = %(account)s "
        "AND snoozed_until IS NOT NULL"
    )


async def state(account: Account) -> tuple[str, datetime | None]:
    [(status, until)] = await account.execute(
        "SELECT status, snoozed_until FROM conversations WHERE account_id = %(account)s AND id = %(id)s",
        id=account.conversation,
    )
    return status, until


async def logged(account: Account) -> list[Any]:
    return await account.execute(
        "SELECT actor_type, details - 'messageId' FROM conversation_events WHERE account_id = %(account)s "
        "AND kind = 'status_changed' ORDER BY created_at"
    )


async def test_snoozed_conversation_is_pending_and_shows_until_when(account: Account) -> None:
    viewer, agent, customer = [await account.connect(name) for name in ("viewer", "agent", "customer")]
    until = tomorrow()
    answer = await snooze(agent, account, until)
    assert (answer["oldStatus"], answer["newStatus"], answer["snoozedUntil"]) == ("open", "pending", until)
    assert (await viewer.receives("conversation_status_changed"))["snoozedUntil"] == until
    shown = await viewer.receives("conversation_updated")
    assert (shown["status"], shown["snoozedUntil"]) == ("pending", until)
    joined = await customer.do("join_conversation", str(account.conversation))
    assert joined["conversation"]["status"] == "pending"
    assert "snoozedUntil" not in joined["conversation"]
    assert await logged(account) == [("agent", {"from": "open", "to": "pending", "snoozedUntil": until})]


async def test_snooze_ends_once_at_its_time_whatever_the_number_of_relays(
    account: Account, node: Node, database_of_relay: Database, ender: SnoozeEnder
) -> None:
    viewer, agent = await account.connect("viewer"), await account.connect("agent")
    await snooze(agent, account, tomorrow())
    await ender.wake_due()
    assert (await state(account))[0] == "pending"
    await let_time_pass(account)
    await asyncio.gather(*(ender.wake_due() for _ in range(4)))
    await ender.wake_due()
    assert await state(account) == ("open", None)
    assert (await logged(account))[1:] == [
        ("system", {"from": "pending", "to": "open", "rule": "snoozed", "queued": True})
    ]
    store = OutboxReceipts(database_of_relay, node.context.database, node.context.publisher)
    async with database_of_relay.all_accounts() as tx:
        entries = [one for one in await outbox.overdue(tx, 500, older_than_seconds=0) if one.account_id == account.id]
    for entry in entries:
        await store.republish(entry)
    await viewer.receives("conversation_status_changed", newStatus="open")
    await viewer.receives("conversation_queued")
    assert "snoozedUntil" not in await viewer.receives("conversation_updated", status="open")


async def test_message_of_the_customer_ends_the_snooze_before_its_time(account: Account, ender: SnoozeEnder) -> None:
    agent, customer = await account.connect("agent"), await account.connect("customer")
    await snooze(agent, account, tomorrow())
    await agent.do("send_message", {"conversationId": str(account.conversation), "content": "We ask the carrier."})
    assert (await state(account))[0] == "pending"
    await customer.do("send_message", {"conversationId": str(account.conversation), "content": "It has arrived!"})
    assert await state(account) == ("open", None)
    await ender.wake_due()
    assert [details for _, details in await logged(account)][1:] == [{"from": "pending", "to": "open", "queued": True}]


async def test_snooze_is_changed_and_ended_by_hand(account: Account) -> None:
    agent, until = await account.connect("agent"), tomorrow()
    await snooze(agent, account, until)
    await snooze(agent, account, until)
    await snooze(agent, account)
    assert await state(account) == ("pending", None)
    await snooze(agent, account, until)
    await agent.do("update_conversation_status", {"conversationId": str(account.conversation), "status": "closed"})
    assert await state(account) == ("closed", None)
    assert len(await logged(account)) == 4


async def test_snooze_of_closed_conversation_and_bad_times_are_refused(account: Account) -> None:
    agent, of = await account.connect("agent"), {"conversationId": str(account.conversation)}
    for until in (datetime.now(UTC), datetime.now(UTC) + timedelta(days=400)):
        assert await agent.refused("snooze_conversation", of | {"until": wire_time(until)}) == "VALIDATION_ERROR"
    assert await agent.refused("snooze_conversation", of | {"until": "soon"}) == "VALIDATION_ERROR"
    await agent.do("update_conversation_status", of | {"status": "closed"})
    assert await agent.refused("snooze_conversation", of | {"until": tomorrow()}) == "CONFLICT"
    assert await state(account) == ("closed", None)


async def test_erasure_ends_the_snooze(account: Account, ender: SnoozeEnder) -> None:
    await snooze(await account.connect("agent"), account, tomorrow())
    await account.execute(
        "UPDATE conversations SET erased_at = now() WHERE account_id = %(account)s AND id = %(id)s",
        id=account.conversation,
    )
    await let_time_pass(account)
    await ender.wake_due()
    assert await state(account) == ("pending", None)
