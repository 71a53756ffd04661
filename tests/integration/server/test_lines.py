"""The lines about changes of a conversation between its messages: live, at a join, and with older messages."""

from typing import Any

from hummdesk.core.ids import new_id
from tests.integration.server.accounts import Account, Client


async def labelled(account: Account, agent: Client) -> str:
    label = new_id()
    await account.execute(
        "INSERT INTO labels (account_id, id, name, color) VALUES (%(account)s, %(id)s, 'VIP', '#0b5f59')", id=label
    )
    await agent.do("label_conversation", {"conversationId": str(account.conversation), "add": [str(label)]})
    return str(label)


def shown(line: dict[str, Any]) -> dict[str, Any]:
    return {name: line[name] for name in line if name not in ("activityId", "timestamp", "conversationId")}


async def test_changes_are_lines_for_staff_only(account: Account) -> None:
    agent, colleague = await account.connect("agent"), await account.connect("colleague", joins=True)
    customer = await account.connect("customer", joins=True)
    conversation = {"conversationId": str(account.conversation)}
    sent = await customer.do("send_message", conversation | {"content": "Hello?"})
    label = await labelled(account, agent)
    await agent.do("correct_classification", conversation | {"messageId": sent["messageId"], "priority": "high"})
    await agent.do("update_conversation_status", conversation | {"status": "closed"})
    await customer.do("send_message", conversation | {"content": "Thanks!"})  # which reopens it, and is no line
    by = {"actorId": str(account.people["agent"].id), "actorName": "Agent"}
    expected: list[dict[str, Any]] = [
        {"kind": "labels", "addedLabelIds": [label]} | by,
        {"kind": "priority", "fromPriority": "medium", "toPriority": "high"} | by,
        {"kind": "status", "fromStatus": "open", "toStatus": "closed"} | by,
    ]
    for line in expected:
        assert shown(await colleague.receives("conversation_activity", kind=line["kind"])) == line
    joined = await agent.do("join_conversation", str(account.conversation))
    assert [shown(line) for line in joined["activity"]] == expected
    assert (await customer.do("join_conversation", str(account.conversation)))["activity"] == []
    await agent.do("send_message", conversation | {"content": "The last event"})
    await customer.receives("new_message", content="The last event")
    assert "conversation_activity" not in customer.names()


async def test_page_of_older_messages_has_its_lines(account: Account) -> None:
    agent, customer = await account.connect("agent"), await account.connect("customer")
    conversation = {"conversationId": str(account.conversation)}
    for status in ("pending", "open"):
        await agent.do("send_message", conversation | {"content": status})
        await agent.do("update_conversation_status", conversation | {"status": status})
    await agent.do("send_message", conversation | {"content": "third"})
    older = await agent.do("get_messages", conversation | {"beforeSeq": 3, "limit": 1})
    assert [message["seq"] for message in older["messages"]] == [2]
    assert [line["toStatus"] for line in older["activity"]] == ["open"]
    oldest = await agent.do("get_messages", conversation | {"beforeSeq": 2, "limit": 1})
    assert [line["toStatus"] for line in oldest["activity"]] == ["pending"]
    assert "activity" not in await customer.do("get_messages", conversation | {"beforeSeq": 3, "limit": 1})
