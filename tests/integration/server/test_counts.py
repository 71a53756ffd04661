"""The counts of an inbox: from the server, live, and with one query for many events and sockets."""

import asyncio
from typing import Any

import pytest

from hummdesk.server import inbox_counts
from hummdesk.server.node import Node
from hummdesk.storage import counts
from tests.integration.server.accounts import Account, Client


async def shown(client: Client) -> dict[str, Any]:
    found: dict[str, Any] = (await client.do("get_inbox"))["counts"]
    return found


async def add_conversations(account: Account, number: int, **values: Any) -> None:
    given = {"status": "open", "agent": None, "team": None} | values
    await account.execute(
        "INSERT INTO conversations (account_id, id, contact_id, status, assigned_to, assigned_team) "
        "SELECT %(account)s, gen_random_uuid(), %(contact)s, %(status)s, %(agent)s, %(team)s "
        "FROM generate_series(1, %(number)s)",
        contact=account.people["customer"].id,
        number=number,
        **given,
    )


async def test_counts_are_those_of_open_conversations_of_the_agent_of_nobody_and_of_each_queue(
    account: Account,
) -> None:
    agent, viewer = await account.connect("agent"), await account.connect("viewer")
    await add_conversations(account, 2, agent=account.people["agent"].id, team=account.team)
    await add_conversations(account, 3, team=account.team)
    await add_conversations(account, 4, status="pending")
    await add_conversations(account, 5, status="closed", agent=account.people["agent"].id)
    queues = [{"teamId": str(account.team), "count": 3}]
    assert await shown(agent) == {"mine": 2, "unassigned": 5, "queues": queues, "views": []}
    assert await shown(viewer) == {"mine": 0, "unassigned": 5, "queues": queues, "views": []}


async def test_counts_change_for_those_who_have_asked_and_only_if_they_differ(
    account: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(inbox_counts, "PACE", 0)  # after a query of a second, the next one would be 20 s later
    agent, colleague, viewer = [await account.connect(name) for name in ("agent", "colleague", "viewer")]
    for client in (agent, colleague):
        assert await shown(client) == {"mine": 0, "unassigned": 2, "queues": [], "views": []}
    one, me = str(account.conversation), str(account.people["agent"].id)
    await colleague.do("assign_conversation", {"conversationId": one, "agentId": me})
    assert await agent.receives("counts_changed") == {"mine": 1, "unassigned": 1, "queues": [], "views": []}
    assert (await colleague.receives("counts_changed"))["mine"] == 0
    await agent.do("snooze_conversation", {"conversationId": one})
    assert await agent.receives("counts_changed") == {"mine": 0, "unassigned": 1, "queues": [], "views": []}
    customer = await account.connect("customer")
    await customer.do("send_message", {"conversationId": one, "content": "I am back"})
    assert (await agent.receives("counts_changed"))["mine"] == 1
    assert "counts_changed" not in [*viewer.names(), *customer.names(), *colleague.names()]


async def test_one_query_that_took_long_does_not_delay_the_next_one(account: Account, node: Node) -> None:
    agent = await account.connect("agent")
    await shown(agent)
    node.context.inbox_counts._seconds[account.id] = (0.0, 60.0)
    await agent.do("update_conversation_status", {"conversationId": str(account.conversation), "status": "closed"})
    assert (await agent.receives("counts_changed"))["unassigned"] == 1


async def test_many_events_and_sockets_cause_one_query(
    account: Account, node: Node, monkeypatch: pytest.MonkeyPatch
) -> None:
    queries: list[Any] = []
    by_kind = counts.by_kind

    async def counted(tx: Any, **more: Any) -> Any:
        queries.append(tx)
        return await by_kind(tx, **more)

    clients = [await account.connect("agent") for _ in range(5)]
    admin = await account.connect("admin")
    for client in clients:
        await shown(client)
    monkeypatch.setattr(counts, "by_kind", counted)
    monkeypatch.setattr(inbox_counts, "DELAY_SECONDS", 3600.0)
    for status in ("closed", "open") * 5 + ("closed",):
        change = {"conversationId": str(account.conversation), "status": status}
        await admin.do("update_conversation_status", change)
        await admin.receives("conversation_status_changed", newStatus=status)
    assert queries == []
    assert account.id in node.context.inbox_counts._due
    await node.context.inbox_counts._refresh(account.id)
    for client in clients:
        await client.receives("counts_changed", unassigned=1)
    assert len(queries) == 1


async def test_account_whose_sockets_have_gone_is_counted_no_more(account: Account, node: Node) -> None:
    agent = await account.connect("agent")
    await shown(agent)
    await agent.close()
    found = node.context.inbox_counts
    while account.id in found._accounts.values():  # until the process has noticed
        await found._refresh(account.id)
        await asyncio.sleep(0.01)
    assert found._asking(account.id) == []
