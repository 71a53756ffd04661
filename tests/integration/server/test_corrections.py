"""Corrections of classifications by agents."""

import pytest

from tests.integration.server.accounts import Account


async def asked(account: Account) -> tuple[str, str]:
    """A conversation, and a message of its customer."""
    customer = await account.connect("customer")
    conversation_id = str(account.conversation)
    sent = await customer.do("send_message", {"conversationId": conversation_id, "content": "Do you sell this in red?"})
    await customer.close()
    return conversation_id, str(sent["messageId"])


async def test_correct_classification_is_published_stored_and_logged(account: Account) -> None:
    conversation_id, message_id = await asked(account)
    agent, viewer = await account.connect("agent"), await account.connect("viewer")
    about = {"conversationId": conversation_id, "messageId": message_id}
    answer = await agent.do("correct_classification", about | {"category": "sales", "priority": "high"})
    received = await viewer.receives("classification_corrected", **about)
    assert {name: answer[name] for name in received} == received
    assert (received["category"], received["priority"]) == ("sales", "high")
    assert received["correctedBy"] == str(account.people["agent"].id)
    assert (await viewer.receives("conversation_updated", conversationId=conversation_id))["priority"] == "high"

    again = await agent.do("correct_classification", about | {"category": "general"})
    assert "priority" not in again
    kept = await account.execute(
        "SELECT category, priority FROM ai_corrections WHERE message_id = %(id)s", id=message_id
    )
    assert kept == [("general", "high")]
    log = await account.execute(
        "SELECT kind, details FROM conversation_events "
        "WHERE conversation_id = %(id)s AND actor_id = %(agent)s ORDER BY id",
        id=conversation_id,
        agent=account.people["agent"].id,
    )
    assert log == [
        ("classification_corrected", {"messageId": message_id, "category": "sales", "priority": "high"}),
        ("priority_changed", {"from": "medium", "to": "high"}),
        ("classification_corrected", {"messageId": message_id, "category": "general"}),
    ]


@pytest.mark.parametrize("change", [{}, {"category": "weather"}, {"priority": "very"}, {"category": None}])
async def test_invalid_correction_is_refused(account: Account, change: dict[str, object]) -> None:
    conversation_id, message_id = await asked(account)
    agent = await account.connect("agent")
    answer = await agent.ask(
        "correct_classification", {"conversationId": conversation_id, "messageId": message_id} | change
    )
    assert answer["error"]["code"] == "VALIDATION_ERROR"


async def test_correction_of_message_of_an_agent_is_refused(account: Account) -> None:
    agent = await account.connect("agent")
    conversation_id = str(account.conversation)
    sent = await agent.do("send_message", {"conversationId": conversation_id, "content": "Yes, in red."})
    change = {"conversationId": conversation_id, "messageId": sent["messageId"], "category": "sales"}
    assert (await agent.ask("correct_classification", change))["error"]["code"] == "NOT_FOUND"
