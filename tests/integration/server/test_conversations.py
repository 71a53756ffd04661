"""Conversations: status and assignment, with audit log and recipients."""

from typing import Any
from uuid import UUID

import pytest
from psycopg.types.json import Jsonb

from hummdesk.core.ids import new_id
from hummdesk.server.handlers import conversation as conversation_handlers
from hummdesk.storage import round_trip
from tests.integration.server.accounts import CLASSIFICATION, DRAFT, Account, Client
from tests.integration.server.reconnecting import send_text


async def audit(account: Account) -> list[str]:
    rows = await account.execute(
        "SELECT kind FROM conversation_events WHERE account_id = %(account)s AND conversation_id = %(id)s ORDER BY id",
        id=account.conversation,
    )
    return [row[0] for row in rows]


async def test_update_status_is_stored_logged_and_published(account: Account) -> None:
    customer = await account.connect("customer", joins=True)
    agent = await account.connect("agent", joins=True)
    viewer = await account.connect("viewer")
    change = {"conversationId": str(account.conversation), "status": "pending", "reason": "waiting for parts"}
    answer = await agent.do("update_conversation_status", change)
    for staff in (agent, viewer):
        changed = await staff.receives("conversation_status_changed")
        assert (changed["oldStatus"], changed["newStatus"], changed["reason"]) == (
            "open",
            "pending",
            "waiting for parts",
        )
        assert changed == {key: value for key, value in answer.items() if key != "ok"}
        assert (await staff.receives("conversation_updated"))["status"] == "pending"
    assert "reason" not in await customer.receives("conversation_status_changed")
    assert "conversation_updated" not in customer.names()
    again = await agent.do("update_conversation_status", change)
    assert (again["oldStatus"], again["newStatus"]) == ("pending", "pending")
    assert await audit(account) == ["status_changed"]
    assert "conversation_status_changed" not in agent.names()


async def test_assign_and_unassign_are_stored_logged_and_published(account: Account) -> None:
    customer = await account.connect("customer", joins=True)
    admin = await account.connect("admin")
    agent = await account.connect("agent", joins=True)
    conversation = {"conversationId": str(account.conversation)}
    chosen = str(account.people["agent"].id)
    await admin.do("assign_conversation", conversation | {"agentId": chosen, "teamId": str(account.team)})
    for client in (customer, admin, agent):
        received = await client.receives("conversation_assigned")
        assert (received["assignedTo"], received["assignedTeam"]) == (chosen, str(account.team))
        assert received["assignedBy"] == str(account.people["admin"].id)
        assert "conversation_assigned" not in client.names()
    assert (await agent.receives("conversation_updated"))["assignedTo"] == chosen
    listed = await agent.do("list_conversations", {"assignedTo": chosen})
    assert [item["conversationId"] for item in listed["conversations"]] == [str(account.conversation)]
    await agent.do("unassign_conversation", conversation | {"reason": "holiday"})
    assert (await admin.receives("conversation_unassigned"))["reason"] == "holiday"
    received = await customer.receives("conversation_unassigned")
    assert (received["unassignedFrom"], "reason" in received) == (chosen, False)
    assert await agent.refused("unassign_conversation", conversation) == "CONFLICT"
    assert await audit(account) == ["assigned", "unassigned"]


async def test_assign_to_other_than_active_agent_of_the_account_is_refused(account: Account, foreign: Account) -> None:
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


async def test_list_conversations_is_paged_and_limited_to_visible_ones(account: Account) -> None:
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


async def test_list_conversations_searches_and_filters_unassigned_for_staff(account: Account) -> None:
    customer = await account.connect("customer")
    agent = await account.connect("agent")
    viewer = await account.connect("viewer")
    conversation = {"conversationId": str(account.conversation)}
    await customer.do("send_message", conversation | {"content": "The kettle is broken"})
    found = await viewer.do("list_conversations", {"search": "kettle brok"})
    assert [one["conversationId"] for one in found["conversations"]] == [str(account.conversation)]
    await agent.do("assign_conversation", conversation | {"agentId": str(account.people["agent"].id)})
    left = await viewer.do("list_conversations", {"unassigned": True})
    assert [one["conversationId"] for one in left["conversations"]] == [str(account.other_conversation)]
    assert await customer.refused("list_conversations", {"search": "kettle"}) == "FORBIDDEN"
    for wrong in ({"search": " "}, {"search": "x" * 101}, {"unassigned": "yes"}):
        assert await agent.refused("list_conversations", wrong) == "VALIDATION_ERROR"
    both = {"unassigned": True, "assignedTo": str(account.people["agent"].id)}
    assert await agent.refused("list_conversations", both) == "VALIDATION_ERROR"


async def test_get_teams_returns_members(account: Account) -> None:
    viewer = await account.connect("viewer")
    agents = sorted(str(account.people[name].id) for name in ("agent", "colleague"))
    (team,) = (await viewer.do("get_teams"))["teams"]
    assert (team["teamId"], team["name"], sorted(team["agentIds"])) == (str(account.team), "Team", agents)


async def test_join_returns_read_receipts(account: Account) -> None:
    customer = await account.connect("customer", joins=True)
    agent = await account.connect("agent", joins=True)
    conversation = {"conversationId": str(account.conversation)}
    sent = await agent.do("send_message", conversation | {"content": "Hello"})
    await customer.do("message_read", conversation | {"messageId": sent["messageId"]})
    received = await agent.receives("message_read", readByType="customer")
    receipt, own = (await agent.do("join_conversation", conversation))["receipts"]
    assert (own["readBy"], own["seq"]) == (str(account.people["agent"].id), sent["seq"]), "by the reply"
    assert receipt == {name: received[name] for name in ("readBy", "readByType", "seq", "timestamp")}


async def test_join_returns_latest_ai_results_to_staff(account: Account) -> None:
    customer = await account.connect("customer", joins=True)
    agent = await account.connect("agent")
    conversation = {"conversationId": str(account.conversation)}
    asked = [await customer.do("send_message", conversation | {"content": text}) for text in ("Where?", "And when?")]
    for message, kind in ((asked[0], "classification"), (asked[1], "classification"), (asked[1], "draft")):
        await has_found(account, message, kind)
    ai = (await agent.do("join_conversation", conversation))["ai"]
    about = {"conversationId": str(account.conversation), "messageId": asked[1]["messageId"]}
    assert UUID(ai["draft"].pop("runId")).int
    assert {name: kind | {"timestamp": ""} for name, kind in ai.items()} == {
        "classification": about
        | {
            "classification": CLASSIFICATION | {"tags": ["seq 2"]},
            "confidence": 0.9,
            "processingTime": 2000,
            "provider": "embedded",
        }
        | {"timestamp": ""},
        "draft": about
        | {
            "draft": DRAFT | {"content": "seq 2"},
            "confidence": 0.9,
            "sources": [],
            "citations": [],
            "basedOnSeq": 2,
            "provider": "embedded",
        }
        | {"timestamp": ""},
    }
    await agent.do("send_message", conversation | {"content": "Only a note", "private": True})
    assert "draft" in (await agent.do("join_conversation", conversation))["ai"]
    await agent.do("send_message", conversation | {"content": "Tomorrow"})
    assert set((await agent.do("join_conversation", conversation))["ai"]) == {"classification"}


@pytest.mark.parametrize("empty", [{"category": "general"}, {"category": "technical", "unknown": True}])
async def test_join_returns_classification_of_what_the_conversation_is_about(
    account: Account, empty: dict[str, Any]
) -> None:
    customer, agent = await account.connect("customer", joins=True), await account.connect("agent")
    conversation = {"conversationId": str(account.conversation)}

    async def shown(text: str, **found: Any) -> Any:
        sent = await customer.do("send_message", conversation | {"content": text})
        await has_found(account, sent, "classification", **found)
        return (await agent.do("join_conversation", conversation))["ai"]["classification"]["classification"]

    assert (await shown("Thanks!", **empty))["tags"] == ["seq 1"], "there is no other"
    assert (await shown("Where is my order?", category="order_shipping"))["tags"] == ["seq 2"]
    assert (await shown("Thanks!", **empty))["tags"] == ["seq 2"]
    assert (await shown("And the bill?", category="billing"))["tags"] == ["seq 4"]
    corrected = await customer.do("send_message", conversation | {"content": "Merci"})
    await has_found(account, corrected, "classification", **empty)
    about = conversation | {"messageId": corrected["messageId"], "category": "sales"}
    await agent.do("correct_classification", about)
    found = (await agent.do("join_conversation", conversation))["ai"]["classification"]["classification"]
    assert (found["category"], found["unknown"], found["tags"]) == ("sales", False, ["seq 5"])


async def has_found(account: Account, message: dict[str, Any], kind: str, **classified: Any) -> None:
    """Insert an ended run and its result, as a worker does."""
    text = f"seq {message['seq']}"
    found: dict[str, Any] = {"confidence": 0.9, "provider": "embedded"}
    if kind == "classification":
        found["classification"] = CLASSIFICATION | {"tags": [text]} | classified
    else:
        found |= {"draft": DRAFT | {"content": text}, "reasoning": None, "sources": [], "assigned_to": None}
        found["based_on_seq"] = message["seq"]
    await account.execute(
        "WITH run AS ("
        "    INSERT INTO ai_runs (account_id, id, conversation_id, message_id, seq, kind) "
        "    VALUES (%(account)s, gen_random_uuid(), %(conversation)s, %(message)s, %(seq)s, %(kind)s) "
        "    ON CONFLICT (account_id, message_id, kind, repetition) DO UPDATE SET seq = EXCLUDED.seq RETURNING id) "
        "INSERT INTO ai_results (account_id, run_id, kind, payload) "
        "SELECT %(account)s, id, %(kind)s, %(found)s FROM run",
        conversation=account.conversation,
        message=message["messageId"],
        seq=message["seq"],
        kind=kind,
        found=Jsonb(found),
    )
    await account.execute(
        "UPDATE ai_runs SET status = 'done', outcome = 'done', started_at = now() - interval '2 s', "
        "finished_at = now(), announced_at = now() WHERE account_id = %(account)s AND message_id = %(message)s",
        message=message["messageId"],
    )


@pytest.mark.parametrize("who", ["agent", "customer"])
async def test_join_asks_postgresql_once(who: str, account: Account, monkeypatch: pytest.MonkeyPatch) -> None:
    asked, run = list[int](), round_trip.run

    async def counted(connection: Any, prepared: Any, statements: Any) -> Any:
        if any(account.conversation in parameters.values() for _, parameters in statements[1:]):
            asked.append(len(statements) - 1)
        return await run(connection, prepared, statements)

    client = await account.connect(who)
    monkeypatch.setattr(round_trip, "run", counted)
    await client.do("join_conversation", str(account.conversation))
    assert len(asked) == 1


@pytest.mark.parametrize("who", ["agent", "customer"])
async def test_message_that_is_delivered_during_a_join_is_in_its_answer(
    who: str, account: Account, sender: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its event came before the socket was in the room, and the first read is from before the message."""
    reads, read = list[Any](), conversation_handlers._read

    async def read_before_message(*arguments: Any) -> Any:
        found = await read(*arguments)
        reads.append(found)
        if len(reads) == 1:
            await send_text(account, sender, "meanwhile")
        return found

    client = await account.connect(who)
    monkeypatch.setattr(conversation_handlers, "_read", read_before_message)
    answer = await client.do("join_conversation", str(account.conversation))
    assert [message["content"] for message in answer["messages"]] == ["meanwhile"]
    assert len(reads) == 2


async def test_event_for_all_staff_that_is_delivered_during_a_join_is_in_its_answer(
    account: Account, sender: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Staff receives it without having joined: it is in no room that the join enters."""
    reads, read = list[Any](), conversation_handlers._read
    about = {"conversationId": str(account.conversation)}
    sent = await (await account.connect("customer")).do("send_message", about | {"content": "Help!"})
    correction = about | {"messageId": sent["messageId"], "priority": "urgent"}

    async def read_before_correction(*arguments: Any) -> Any:
        found = await read(*arguments)
        reads.append(found)
        if len(reads) == 1:
            await sender.do("correct_classification", correction)
            await client.receives("conversation_updated", priority="urgent")
        return found

    client = await account.connect("agent")
    monkeypatch.setattr(conversation_handlers, "_read", read_before_correction)
    answer = await client.do("join_conversation", str(account.conversation))
    assert answer["conversation"]["priority"] == "urgent"
    assert len(reads) == 2
