"""Saved views: an agent's own and shared ones, their filters, and their live counts."""

import asyncio
from typing import Any
from uuid import UUID

import aiohttp
import pytest
from psycopg.errors import QueryCanceled

from hummdesk.core.errors import Unavailable
from hummdesk.core.ids import new_id
from hummdesk.server import inbox_counts, view_counts
from hummdesk.server.node import Node
from hummdesk.storage import counts, saved_views
from hummdesk.storage.counts import ViewTotal
from hummdesk.storage.database import Transaction
from hummdesk.storage.saved_views import SavedView
from tests.integration.api.rest_client import RestClient
from tests.integration.server.accounts import Account, Client


@pytest.fixture
def agent(http: aiohttp.ClientSession, account: Account) -> RestClient:
    return RestClient(http, account.token("agent"))


def view(name: str = "Refunds", *, shared: bool = False, **filter: Any) -> dict[str, Any]:
    return {"name": name, "shared": shared, "filter": filter}


async def views_of(client: Client) -> list[str]:
    return [one["name"] for one in (await client.do("get_inbox"))["views"]]


async def count_of(client: Client, view_id: str) -> int | None:
    counts = (await client.do("get_inbox"))["counts"]["views"]
    return next((one["count"] for one in counts if one["viewId"] == view_id), None)


async def all_counts(client: Client, number: int) -> dict[str, int]:
    """The counts of as many views, some of which are counted later than others."""
    views = (await client.do("get_inbox"))["counts"]["views"]
    while len(views) < number:
        views = (await client.receives("counts_changed"))["views"]
    return {one["viewId"]: one["count"] for one in views}


async def add_conversation(account: Account, **values: Any) -> str:
    given = {"status": "open", "agent": None, "priority": "medium", "labels": [], "until": None} | values
    [[one]] = await account.execute(
        "INSERT INTO conversations (account_id, id, contact_id, status, assigned_to, priority, label_ids, "
        "snoozed_until) VALUES (%(account)s, gen_random_uuid(), %(contact)s, %(status)s, %(agent)s, %(priority)s, "
        "%(labels)s::uuid[], %(until)s) RETURNING id::text",
        contact=account.people["customer"].id,
        **given,
    )
    return str(one)


async def test_own_view_is_seen_and_changed_by_its_agent_only(agent: RestClient, admin: Any, account: Account) -> None:
    own, colleague = await account.connect("agent"), await account.connect("colleague")
    created = await agent.do("create_view", view(status="open", mine=True))
    assert (await own.receives("saved_view_changed"))["viewId"] == created["id"]
    assert created["filter"] == {"status": "open", "mine": True}
    for caller in (admin, RestClient(agent.session, account.token("colleague"))):
        assert (await caller.call("get_view", id=created["id"])).status == 404
        assert (await caller.call("update_view", {"name": "Stolen"}, id=created["id"])).status == 404
        assert (await caller.call("delete_view", id=created["id"])).status == 404
    changed = await agent.do("update_view", {"filter": {"priority": "urgent"}}, id=created["id"])
    assert (changed["name"], changed["filter"]) == ("Refunds", {"priority": "urgent"})
    assert [await views_of(client) for client in (own, colleague)] == [["Refunds"], []]
    await agent.do("delete_view", id=created["id"])
    assert (await own.receives("saved_view_changed", deleted=True))["viewId"] == created["id"]
    assert await views_of(own) == []
    assert "saved_view_changed" not in colleague.names()


async def test_shared_view_is_seen_by_all_staff_and_changed_by_admins_only(
    agent: RestClient, account: Account, foreign: Account
) -> None:
    viewer, stranger = await account.connect("viewer"), await foreign.connect("agent")
    admin = RestClient(agent.session, account.token("admin"))
    created = await admin.do("create_view", view("Team", shared=True, unassigned=True))
    assert (await viewer.receives("saved_view_changed"))["shared"] is True
    assert await views_of(viewer) == ["Team"]
    assert (await agent.call("update_view", {"name": "Mine"}, id=created["id"])).status == 403
    assert (await agent.call("delete_view", id=created["id"])).status == 403
    assert (await agent.call("create_view", view(shared=True))).status == 403
    assert await views_of(stranger) == []


@pytest.mark.parametrize(
    "filter",
    [
        {"status": "lost"},
        {"mine": True, "unassigned": True},
        {"search": "boots", "sort": "waiting"},
        {"labelId": str(new_id())},
        {"teamId": "team"},
        {"unknown": 1},
    ],
)
async def test_view_with_an_invalid_filter_is_refused(admin: Any, filter: dict[str, Any]) -> None:
    assert (await admin.call("create_view", view(shared=True, **filter))).status == 422


async def test_views_above_the_maximum_are_refused(agent: RestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(saved_views, "MOST_OWN", 1)
    await agent.do("create_view", view())
    assert (await agent.call("create_view", view())).status == 409


async def test_counts_of_views_are_those_of_their_filters(agent: RestClient, admin: Any, account: Account) -> None:
    me, colleague = account.people["agent"].id, account.people["colleague"].id
    label = (await admin.do("create_label", {"name": "VIP", "color": "#0b5f59"}))["id"]
    filters: dict[str, dict[str, Any]] = {
        "mine": {"status": "open", "mine": True},
        "label": {"status": "open", "labelId": label},
        "urgent": {"status": "open", "priority": "urgent", "unassigned": True},
        "colleague": {"status": "open", "assignedTo": str(colleague)},
        "snoozed": {"status": "pending", "snoozed": True},
        "later": {"status": "pending", "snoozed": False},
        "waiting": {"status": "open", "sort": "waiting"},
        "closed": {"status": "closed"},
        "all": {"mine": True},
        "found": {"status": "open", "search": "boots"},
        "mine, found": {"status": "open", "search": "boots is:mine"},
        "category": {"status": "open", "category": "refund"},
    }
    ids = {name: (await admin.do("create_view", view(name, shared=True, **one)))["id"] for name, one in filters.items()}
    await add_conversation(account, agent=me, labels=[label], priority="urgent")
    boots = await add_conversation(account, agent=colleague, labels=[label])
    await account.execute("UPDATE conversations SET subject = 'Boots' WHERE id = %(id)s RETURNING id", id=boots)
    await add_conversation(account, priority="urgent")
    await add_conversation(account, status="pending", until="2100-01-01")
    await add_conversation(account, status="pending")
    await add_conversation(account, status="closed")
    clients = {name: await account.connect(name) for name in ("agent", "colleague", "viewer")}
    seen = [await all_counts(client, len(ids)) for client in clients.values()]
    found = {name: [shown[one] for shown in seen] for name, one in ids.items()}
    assert found == {
        "mine": [1, 1, 0],
        "label": [2, 2, 2],
        "urgent": [1, 1, 1],
        "colleague": [1, 1, 1],
        "snoozed": [1, 1, 1],
        "later": [1, 1, 1],
        "waiting": [0, 0, 0],
        "closed": [1, 1, 1],
        "all": [1, 1, 0],
        "found": [1, 1, 1],
        "mine, found": [0, 1, 0],
        "category": [0, 0, 0],
    }
    own = (await agent.do("create_view", view(status="pending")))["id"]
    assert [await count_of(client, own) for client in clients.values()] == [2, None, None]


async def test_count_of_an_own_view_follows_its_filter_and_conversations(
    agent: RestClient, account: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(inbox_counts, "PACE", 0)  # after a query of a second, the next one would be 20 s later
    client = await account.connect("agent")
    await client.do("get_inbox")
    created = (await agent.do("create_view", view(status="open", unassigned=True)))["id"]
    assert (await client.receives("counts_changed"))["views"] == [{"viewId": created, "count": 2}]
    await agent.do("update_conversation", {"status": "closed"}, id=account.conversation)
    assert (await client.receives("counts_changed"))["views"] == [{"viewId": created, "count": 1}]
    await agent.do("update_view", {"filter": {"category": "refund"}}, id=created)
    await client.receives("counts_changed", views=[{"viewId": created, "count": 0}])


async def test_count_of_a_view_of_waiting_customers_follows_messages(
    agent: RestClient, account: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(inbox_counts, "PACE", 0)
    view_id = (await agent.do("create_view", view(status="open", sort="waiting")))["id"]
    client, customer = await account.connect("agent"), await account.connect("customer")
    assert await count_of(client, view_id) == 0
    conversation = str(account.conversation)
    await customer.do("send_message", {"conversationId": conversation, "content": "Where is it?"})
    assert (await client.receives("counts_changed"))["views"] == [{"viewId": view_id, "count": 1}]
    await client.do("send_message", {"conversationId": conversation, "content": "On its way."})
    assert (await client.receives("counts_changed"))["views"] == [{"viewId": view_id, "count": 0}]


async def test_count_of_a_view_of_a_search_follows_messages(
    agent: RestClient, account: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(view_counts, "PACE", 0)
    view_id = (await agent.do("create_view", view(search="lighthouse")))["id"]
    client, customer = await account.connect("agent"), await account.connect("customer")
    assert await all_counts(client, 1) == {view_id: 0}
    message = {"conversationId": str(account.conversation), "content": "Where is the lighthouse?"}
    await customer.do("send_message", message)
    await client.receives("counts_changed", views=[{"viewId": view_id, "count": 1}])


async def test_count_of_a_view_beyond_the_limit_says_that_there_is_more(
    agent: RestClient, account: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(counts, "MOST_SCANNED", 2)
    for _ in range(3):
        await add_conversation(account, status="closed")
    view_id = (await agent.do("create_view", view(status="closed")))["id"]
    client = await account.connect("agent")
    await client.do("get_inbox")
    await client.receives("counts_changed", views=[{"viewId": view_id, "count": 2, "hasMore": True}])


async def test_view_whose_query_times_out_is_left_out_and_repeated_at_the_pace_of_all(
    agent: RestClient, account: Account, node: Node, monkeypatch: pytest.MonkeyPatch
) -> None:
    of_view = counts.of_view

    async def fail_if_slow(tx: Transaction, view: SavedView) -> ViewTotal | None:
        if view.name == "Slow":
            raise Unavailable from QueryCanceled()
        return await of_view(tx, view)

    monkeypatch.setattr(counts, "of_view", fail_if_slow)
    monkeypatch.setattr(view_counts, "PACE", 10**9)
    client = await account.connect("agent")
    await agent.do("create_view", view("Slow", search="boots"))
    closed = (await agent.do("create_view", view("Closed", status="closed")))["id"]
    await client.receives("saved_view_changed", viewId=closed)
    assert list(await all_counts(client, 1)) == [closed]
    due = node.context.inbox_counts._views._due[account.id]
    assert due.when() - asyncio.get_running_loop().time() > 3600


async def test_views_keep_their_counts_while_postgresql_is_unavailable_and_are_counted_soon_after(
    agent: RestClient, account: Account, node: Node, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = await account.connect("agent")
    closed = UUID((await agent.do("create_view", view("Closed", status="closed")))["id"])
    assert list(await all_counts(client, 1)) == [str(closed)]
    failed = asyncio.Event()

    async def fail(_tx: Transaction, _view: SavedView) -> ViewTotal | None:
        failed.set()
        raise Unavailable

    monkeypatch.setattr(counts, "of_view", fail)
    monkeypatch.setattr(view_counts, "PACE", 0)
    views = node.context.inbox_counts._views
    await add_conversation(account, status="closed")
    await agent.do("create_view", view("Other", status="closed"))
    async with asyncio.timeout(20):
        await failed.wait()
        while not views._counted[account.id].has_failed:
            await asyncio.sleep(0.01)
    assert list(views.of(account.id)) == [closed]
    due = views._due[account.id]
    assert due.when() - asyncio.get_running_loop().time() <= view_counts.RETRY_SECONDS


async def test_view_of_a_search_for_a_label_that_is_gone_is_not_counted(
    agent: RestClient, admin: Any, account: Account
) -> None:
    gone = (await admin.do("create_view", view(shared=True, search="label:gone")))["id"]
    closed = (await admin.do("create_view", view(shared=True, status="closed")))["id"]
    assert gone not in await all_counts(await account.connect("agent"), 1)
    assert closed in await all_counts(await account.connect("colleague"), 1)


async def test_list_filters_by_priority_snooze_and_category(account: Account) -> None:
    client, customer = await account.connect("agent"), await account.connect("customer")
    urgent = await add_conversation(account, priority="urgent")
    snoozed = await add_conversation(account, status="pending", until="2100-01-01")
    refund = await add_conversation(account)
    message = {"conversation": refund, "run": new_id(), "message": new_id(), "sender": account.people["customer"].id}
    await account.execute(
        "WITH message AS (INSERT INTO messages (account_id, id, conversation_id, seq, sender_id, sender_type, "
        "sender_name, content, content_type) VALUES (%(account)s, %(message)s, %(conversation)s, 1, %(sender)s, "
        "'customer', 'Cleo', 'Money', 'text')), run AS (INSERT INTO ai_runs (account_id, id, conversation_id, "
        "message_id, seq, kind, status, outcome, finished_at, announced_at) VALUES (%(account)s, %(run)s, "
        "%(conversation)s, %(message)s, 1, 'classification', 'done', 'done', now(), now())) "
        "INSERT INTO ai_results VALUES (%(account)s, %(run)s, 'classification', "
        """'{"classification": {"category": "refund"}}')""",
        **message,
    )

    async def listed(**filter: Any) -> list[str]:
        found = (await client.do("list_conversations", filter))["conversations"]
        return [one["conversationId"] for one in found]

    assert await listed(priority="urgent") == [urgent]
    assert await listed(snoozed=True) == [snoozed]
    assert await listed(status="pending", snoozed=False) == []
    assert await listed(category="refund", status="open") == [refund]
    await account.execute(
        "INSERT INTO ai_corrections (account_id, message_id, category, corrected_by) "
        "VALUES (%(account)s, %(message)s, 'fit', %(agent)s)",
        message=message["message"],
        agent=account.people["agent"].id,
    )
    assert await listed(category="refund") == []
    assert await listed(category="fit") == [refund]
    for filter in ({"priority": "urgent"}, {"category": "fit"}, {"snoozed": True}, {"labelId": str(new_id())}):
        assert await customer.refused("list_conversations", filter) == "FORBIDDEN"
