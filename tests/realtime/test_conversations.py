"""Conversations: their status and assignment, each with its audit and its audience."""

from hummdesk.storage.ids import new_id
from tests.realtime.world import Account


async def audit(account: Account) -> list[str]:
    rows = await account.execute(
        "SELECT kind FROM conversation_events WHERE account_id = %(account)s AND conversation_id = %(id)s ORDER BY id",
        id=account.conversation,
    )
    return [row[0] for row in rows]


async def test_a_status_is_changed_logged_and_told(account: Account) -> None:
    customer = await account.connect("customer", joins=True)
    agent = await account.connect("agent", joins=True)
    viewer = await account.connect("viewer")
    change = {"conversationId": str(account.conversation), "status": "pending", "reason": "waiting for parts"}
    answer = await agent.do("update_conversation_status", change)
    for staff in (agent, viewer):
        changed = await staff.hears("conversation_status_changed")
        assert (changed["oldStatus"], changed["newStatus"], changed["reason"]) == (
            "open",
            "pending",
            "waiting for parts",
        )
        assert changed == {key: value for key, value in answer.items() if key != "ok"}
        assert (await staff.hears("conversation_updated"))["status"] == "pending"
    assert "reason" not in await customer.hears("conversation_status_changed")
    assert "conversation_updated" not in customer.names()
    again = await agent.do("update_conversation_status", change)
    assert (again["oldStatus"], again["newStatus"]) == ("pending", "pending")
    assert await audit(account) == ["status_changed"]
    assert "conversation_status_changed" not in agent.names()


async def test_assignment_and_its_end(account: Account) -> None:
    customer = await account.connect("customer", joins=True)
    admin = await account.connect("admin")
    agent = await account.connect("agent", joins=True)
    conversation = {"conversationId": str(account.conversation)}
    chosen = str(account.people["agent"].id)
    await admin.do("assign_conversation", conversation | {"agentId": chosen, "teamId": str(account.team)})
    for client in (customer, admin, agent):
        told = await client.hears("conversation_assigned")
        assert (told["assignedTo"], told["assignedTeam"]) == (chosen, str(account.team))
        assert told["assignedBy"] == str(account.people["admin"].id)
        assert "conversation_assigned" not in client.names()
    assert (await agent.hears("conversation_updated"))["assignedTo"] == chosen
    listed = await agent.do("list_conversations", {"assignedTo": chosen})
    assert [item["conversationId"] for item in listed["conversations"]] == [str(account.conversation)]
    await agent.do("unassign_conversation", conversation | {"reason": "holiday"})
    assert (await admin.hears("conversation_unassigned"))["reason"] == "holiday"
    told = await customer.hears("conversation_unassigned")
    assert (told["unassignedFrom"], "reason" in told) == (chosen, False)
    assert await agent.refused("unassign_conversation", conversation) == "CONFLICT"
    assert await audit(account) == ["assigned", "unassigned"]


async def test_only_an_active_agent_of_the_account_is_assigned(account: Account, foreign: Account) -> None:
    agent = await account.connect("agent")
    conversation = {"conversationId": str(account.conversation)}
    for wrong, code in (
        (new_id(), "NOT_FOUND"),
        (foreign.people["agent"].id, "NOT_FOUND"),
        (account.people["customer"].id, "NOT_FOUND"),
        (account.people["viewer"].id, "VALIDATION_ERROR"),
    ):
        assert await agent.refused("assign_conversation", conversation | {"agentId": str(wrong)}) == code
    team = {"agentId": str(account.people["agent"].id), "teamId": str(foreign.team)}
    assert await agent.refused("assign_conversation", conversation | team) == "NOT_FOUND"
    assert await audit(account) == []


async def test_lists_are_of_ones_own_and_paged(account: Account) -> None:
    agent = await account.connect("agent")
    customer = await account.connect("customer")
    first = await agent.do("list_conversations", {"limit": 1})
    second = await agent.do("list_conversations", {"limit": 1, "cursor": first["nextCursor"]})
    assert "nextCursor" not in second
    seen = {answer["conversations"][0]["conversationId"] for answer in (first, second)}
    assert seen == {str(account.conversation), str(account.other_conversation)}
    own = await customer.do("list_conversations", {})
    assert [item["conversationId"] for item in own["conversations"]] == [str(account.conversation)]
    assert await agent.refused("list_conversations", {"cursor": "rubbish"}) == "VALIDATION_ERROR"
