"""Automatic assignment as clients see it: the changes that start it, its events, and why."""

from typing import Any

import pytest

from hummdesk.storage import routing
from hummdesk.storage.database import Database
from tests.integration.server.accounts import Account


@pytest.fixture
async def set_routing(account: Account, settings: Any) -> Any:
    database = Database(settings.postgres, role="hummdesk_app", size=1, timeout=20)
    await database.open()

    async def change(**changes: Any) -> None:
        async with database.account(account.id) as tx:
            await routing.update(tx, None, **({"mode": "least_loaded"} | changes))

    yield change
    await database.close()


async def test_message_is_assigned_at_once_and_staff_learns_why(account: Account, set_routing: Any) -> None:
    conversation, agent_id = str(account.conversation), str(account.people["agent"].id)
    # Only the message makes it wait: routing assigns nothing before the customer has joined.
    await account.execute("UPDATE conversations SET status = 'closed' WHERE account_id = %(account)s")
    await set_routing()
    customer, viewer = await account.connect("customer"), await account.connect("viewer")
    agent = await account.connect("agent")
    await customer.do("join_conversation", conversation)
    await customer.do("send_message", {"conversationId": conversation, "content": "Hello"})
    assigned = await agent.receives("conversation_assigned", conversationId=conversation)
    assert assigned["assignedTo"] == agent_id
    assert assigned["reason"]["rule"] == "routing"
    decision = await viewer.do("get_decision", {"conversationId": conversation})
    assert decision["decisionId"] == assigned["reason"]["decisionId"]
    assert (decision["rule"], decision["mode"], decision["agentId"]) == ("routing", "least_loaded", agent_id)
    assert [(one["agentId"], one["verdict"]) for one in decision["candidates"]] == [(agent_id, "chosen")]
    assert await customer.refused("get_decision", {"conversationId": conversation}) == "FORBIDDEN"
    assert "reason" not in await customer.receives("conversation_assigned", conversationId=conversation)


async def test_agent_who_becomes_free_gets_what_waits(account: Account, set_routing: Any) -> None:
    agent, admin = await account.connect("agent"), await account.connect("admin")
    await admin.do("set_agent_status", {"status": "busy"})
    await agent.do("set_agent_status", {"status": "away"})
    await set_routing(capacity=1)
    conversations = {str(account.conversation), str(account.other_conversation)}
    await agent.do("agent_online")
    first = await agent.receives("conversation_assigned")
    figures = await admin.do("get_operations")
    assert figures["routing"] == figures["routing"] | {"waiting": 1, "stranded": 0, "aboveCapacity": 0}
    await agent.do("update_conversation_status", {"conversationId": first["conversationId"], "status": "closed"})
    second = await agent.receives("conversation_assigned")
    assert {first["conversationId"], second["conversationId"]} == conversations
    missing = await agent.refused("get_decision", {"conversationId": first["conversationId"][:-4] + "0000"})
    assert missing == "NOT_FOUND"
