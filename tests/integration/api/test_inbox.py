"""Labels and snoozes over REST: managed by admins, put on conversations by agents, seen by staff only."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from hummdesk.core.clock import wire_time
from hummdesk.core.ids import new_id
from hummdesk.storage import conversations, labels
from tests.integration.server.accounts import Account, Client


async def make(admin: Any, name: str, **more: Any) -> str:
    return str((await admin.do("create_label", {"name": name, "color": "#0b5f59"} | more))["id"])


def change(account: Account, **more: Any) -> dict[str, Any]:
    return {"conversationId": str(account.conversation)} | more


async def shown(client: Client, account: Account) -> Any:
    joined = await client.do("join_conversation", str(account.conversation))
    return joined["conversation"].get("labelIds")


async def test_label_on_a_conversation_is_published_and_logged_and_hidden_from_the_customer(
    admin: Any, account: Account
) -> None:
    viewer, agent, customer = [await account.connect(name) for name in ("viewer", "agent", "customer")]
    vip, refund = await make(admin, "VIP"), await make(admin, "Refund")
    assert (await viewer.receives("label_changed", labelId=vip))["name"] == "VIP"

    answer = await agent.do("label_conversation", change(account, add=[refund, vip, refund]))
    assert answer["labelIds"] == [refund, vip]
    assert (await viewer.receives("conversation_updated"))["labelIds"] == [refund, vip]
    assert (await agent.do("label_conversation", change(account, add=[vip], remove=[refund])))["labelIds"] == [vip]
    assert (await viewer.receives("conversation_updated"))["labelIds"] == [vip]
    assert await shown(agent, account) == [vip]
    assert await shown(customer, account) is None

    log = await account.execute(
        "SELECT actor_id, details FROM conversation_events WHERE account_id = %(account)s AND kind = 'labels_changed' "
        "ORDER BY created_at"
    )
    actor = account.people["agent"].id
    assert log == [(actor, {"from": [], "to": [refund, vip]}), (actor, {"from": [refund, vip], "to": [vip]})]
    assert {"labelId": vip, "name": "VIP", "color": "#0b5f59", "active": True} in (await agent.do("get_inbox"))[
        "labels"
    ]


async def test_label_that_is_there_already_changes_nothing(admin: Any, account: Account) -> None:
    agent, vip = await account.connect("agent"), await make(admin, "VIP")
    await agent.do("label_conversation", change(account, add=[vip]))
    await agent.do("label_conversation", change(account, add=[vip], remove=[str(new_id())]))
    [[count]] = await account.execute(
        "SELECT count(*) FROM conversation_events WHERE account_id = %(account)s AND kind = 'labels_changed'"
    )
    assert count == 1


async def test_list_shows_the_conversations_with_a_label(admin: Any, account: Account) -> None:
    agent, vip, refund = await account.connect("agent"), await make(admin, "VIP"), await make(admin, "Refund")
    await admin.do("update_conversation", {"labelIds": [refund, vip]}, id=account.conversation)
    listed = await agent.do("list_conversations", {"labelId": vip})
    assert [one["conversationId"] for one in listed["conversations"]] == [str(account.conversation)]
    assert [one["id"] for one in (await admin.do("list_conversations", label=refund))["conversations"]] == [
        str(account.conversation)
    ]
    changed = await admin.do("update_conversation", {"labelIds": [vip]}, id=account.conversation)
    assert changed["labelIds"] == [vip]
    assert (await agent.do("list_conversations", {"labelId": refund}))["conversations"] == []


async def test_inactive_foreign_and_too_many_labels_are_refused(
    admin: Any, account: Account, foreign: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    agent, vip, refund = await account.connect("agent"), await make(admin, "VIP"), await make(admin, "Refund")
    await account.execute(
        "INSERT INTO labels (account_id, id, name, color) VALUES (%(foreign)s, %(id)s, 'Theirs', '#000000')",
        foreign=foreign.id,
        id=(theirs := new_id()),
    )
    await admin.do("update_label", {"active": False}, id=refund)
    for one in (refund, str(theirs)):
        assert await agent.refused("label_conversation", change(account, add=[one])) == "VALIDATION_ERROR"
    assert await agent.refused("label_conversation", change(account)) == "VALIDATION_ERROR"
    monkeypatch.setattr(labels, "MOST_OF_CONVERSATION", 0)
    assert await agent.refused("label_conversation", change(account, add=[vip])) == "VALIDATION_ERROR"
    assert await shown(agent, account) == []


async def test_name_of_another_label_is_refused_whatever_its_case(admin: Any, account: Account) -> None:
    await make(admin, "VIP")
    refund = await make(admin, "Refund")
    await admin.refused("create_label", {"name": "vip", "color": "#ffffff"}, status=409)
    await admin.refused("update_label", {"name": "Vip"}, id=refund, status=409)
    await admin.refused("create_label", {"name": "Red", "color": "red"}, status=422)


async def test_conversation_is_snoozed_over_rest(admin: Any, account: Account) -> None:
    until = wire_time(datetime.now(UTC) + timedelta(hours=3))
    change = {"status": "pending", "snoozedUntil": until, "priority": "high"}
    changed = await admin.do("update_conversation", change, id=account.conversation)
    assert (changed["status"], changed["snoozedUntil"], changed["priority"]) == ("pending", until, "high")
    changed = await admin.do("update_conversation", {"snoozedUntil": None}, id=account.conversation)
    assert (changed["status"], changed.get("snoozedUntil")) == ("pending", None)
    await admin.refused("update_conversation", change | {"status": "open"}, id=account.conversation, status=422)
    past = {"snoozedUntil": "2026-01-01T00:00:00Z"}
    await admin.refused("update_conversation", past, id=account.conversation, status=422)


async def test_closed_conversation_is_snoozed_only_with_the_status_pending(admin: Any, account: Account) -> None:
    until = wire_time(datetime.now(UTC) + timedelta(hours=3))
    await admin.do("update_conversation", {"status": "closed"}, id=account.conversation)
    await admin.refused("update_conversation", {"snoozedUntil": until}, id=account.conversation, status=409)
    for snoozed_until in (until, None):
        change = {"status": "pending", "snoozedUntil": snoozed_until, "reason": "Call back"}
        changed = await admin.do("update_conversation", change, id=account.conversation)
        assert (changed["status"], changed.get("snoozedUntil")) == ("pending", snoozed_until)
        await admin.do("update_conversation", {"status": "closed"}, id=account.conversation)


async def test_list_by_waiting_begins_with_the_customer_who_waits_longest_and_ends_with_the_last_page(
    admin: Any, account: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(conversations, "SCANNED", 2)
    customer = str(account.people["customer"].id)
    made = [await admin.do("create_conversation", {"contactId": customer, "content": "Hello?"}) for _ in range(5)]
    for number in (4, 0):  # new activity does not end the wait
        note = {"as": "agent", "agentId": str(account.people["agent"].id), "content": "Asked", "private": True}
        await admin.do("send_message", note, id=made[number]["id"])
    reply = {"as": "agent", "agentId": str(account.people["agent"].id), "content": "Hello!"}
    await admin.do("send_message", reply, id=made[2]["id"])
    await admin.do("update_conversation", {"status": "pending"}, id=made[3]["id"])

    async def listed(**query: Any) -> list[str]:
        page = await admin.do("list_conversations", sort="waiting", **query)
        found = [one["id"] for one in page["conversations"]]
        while "nextCursor" in page:
            page = await admin.do("list_conversations", sort="waiting", cursor=page["nextCursor"], **query)
            found += [one["id"] for one in page["conversations"]]
        return found

    waiting = [made[number]["id"] for number in (0, 1, 3, 4)]
    assert await listed() == await listed(limit=1) == await listed(contactId=customer) == waiting
    assert await listed(status="pending") == [made[3]["id"]]
    await admin.refused("list_conversations", status=422, sort="waiting", search="hello")
