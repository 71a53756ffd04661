"""Unread counts are personal, and opening a conversation does not mark it as read."""

from typing import Any

import pytest

from hummdesk.relay.receipt_stores import OutboxReceipts
from hummdesk.server.node import Node
from hummdesk.storage import accounts, outbox
from tests.integration.server.accounts import Account, Client


@pytest.fixture
async def asked(account: Account) -> dict[str, Any]:
    """The receipt of the second of two messages of the customer."""
    customer = await account.connect("customer", joins=True)
    sent = [
        await customer.do("send_message", {"conversationId": str(account.conversation), "content": text})
        for text in ("One?", "Two?")
    ]
    return {"conversation": {"conversationId": str(account.conversation)}, "customer": customer, "last": sent[1]}


async def unread_of(client: Client, account: Account) -> int:
    listed = (await client.do("list_conversations", {}))["conversations"]
    counts: dict[str, int] = {one["conversationId"]: one["unreadCount"] for one in listed}
    return counts[str(account.conversation)]


async def test_looking_reads_nothing(account: Account, asked: Any) -> None:
    agent, customer = await account.connect("agent"), asked["customer"]
    joined = await agent.do("join_conversation", asked["conversation"])
    assert (joined["conversation"]["unreadCount"], joined["receipts"]) == (2, [])
    assert await unread_of(agent, account) == 2
    await agent.do("send_message", asked["conversation"] | {"content": "note", "private": True})
    await agent.do("send_message", asked["conversation"] | {"content": "Answer"})
    await customer.receives("new_message", content="Answer")
    read = await customer.receives("message_read")
    assert (read["seq"], read["readBy"]) == (4, str(account.people["agent"].id)), "the answer, not the look"


async def test_answer_reads_for_its_agent_alone(account: Account, asked: Any) -> None:
    agent, tab, colleague = [await account.connect(name) for name in ("agent", "agent", "colleague")]
    answer = await agent.do("send_message", asked["conversation"] | {"content": "Answer", "basedOnSeq": 2})
    for own in (agent, tab):
        changed = await own.receives("unread_changed")
        assert (changed["unreadCount"], changed["lastSeq"]) == (0, answer["seq"])
        assert await unread_of(own, account) == 0
    assert await unread_of(colleague, account) == 2
    joined = await colleague.do("join_conversation", asked["conversation"])
    assert [one["readBy"] for one in joined["receipts"]] == [str(account.people["agent"].id)]
    assert "unread_changed" not in colleague.names()


async def test_mark_unread_is_published_to_the_agents_own_sockets(account: Account, asked: Any) -> None:
    agent, tab, colleague = [await account.connect(name) for name in ("agent", "agent", "colleague")]
    await agent.do("message_read", asked["conversation"] | {"messageId": asked["last"]["messageId"]})
    assert (await tab.receives("unread_changed"))["unreadCount"] == 0
    assert (await asked["customer"].receives("message_read"))["seq"] == 2
    marked = await agent.do("mark_unread", asked["conversation"])
    assert (marked["unreadCount"], marked["lastSeq"]) == (1, 2)
    changed = await tab.receives("unread_changed", unreadCount=1)
    assert changed.keys() == {"conversationId", "unreadCount", "lastSeq", "timestamp"}
    assert await unread_of(tab, account) == 1
    await agent.do("message_read", asked["conversation"] | {"messageId": asked["last"]["messageId"]})
    await tab.receives("unread_changed", unreadCount=0)
    assert await colleague.refused("mark_unread", {"conversationId": str(account.team)}) == "NOT_FOUND"
    assert "unread_changed" not in colleague.names()
    assert "message_read" not in asked["customer"].names(), "the customer has received the receipt once"


@pytest.mark.parametrize("setting", ["off", "assignee"])
async def test_view_of_the_assignee_reads_if_the_account_has_set_that(
    account: Account, node: Node, asked: Any, setting: str
) -> None:
    admin, agent = await account.connect("admin"), await account.connect("agent")
    async with node.context.database.account(account.id) as tx:
        await accounts.update(tx, account.people["admin"], read_on_view=setting)
    await admin.do("assign_conversation", asked["conversation"] | {"agentId": str(account.people["agent"].id)})
    looked = await admin.do("join_conversation", asked["conversation"])
    assert (looked["conversation"]["unreadCount"], looked["readOnView"]) == (2, setting)
    viewed = await agent.do("join_conversation", asked["conversation"])
    assert viewed["conversation"]["unreadCount"] == (2 if setting == "off" else 0)
    assert len(viewed["receipts"]) == (setting == "assignee")


async def test_relay_publishes_the_counts_of_a_process_that_died(account: Account, node: Node, asked: Any) -> None:
    agent, context = await account.connect("agent"), node.context
    await agent.do("message_read", asked["conversation"] | {"messageId": asked["last"]["messageId"]})
    await agent.receives("unread_changed")
    async with context.database.account(account.id) as tx:
        entry = outbox.OutboxEntry(
            account_id=account.id,
            id=await outbox.add_read(tx, account.conversation),
            conversation_id=account.conversation,
            seq=outbox.READ_CONVERSATION,
            reopened_from=None,
        )
    await OutboxReceipts(context.database, context.database, context.publisher)._publish(entry)
    assert (await agent.receives("unread_changed"))["unreadCount"] == 0
