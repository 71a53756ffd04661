"""Private notes that mention colleagues."""

from uuid import UUID

import pytest

from hummdesk.core.ids import new_id
from hummdesk.core.models import Message
from hummdesk.publish.events.messages import Mentioned
from hummdesk.storage import outbox
from hummdesk.storage.database import operator
from hummdesk.storage.outbox import OutboxEntry
from tests.integration.server.accounts import Account


def a_note(account: Account, *names: str) -> dict[str, object]:
    mentions = [str(account.people[name].id) for name in names]
    note = {"content": "Please look, @Colleague", "private": True, "mentions": mentions}
    return {"conversationId": str(account.conversation)} | note


async def test_mention_in_note_notifies_the_colleague_alone(account: Account) -> None:
    agent, other_tab, admin = [await account.connect(name) for name in ("agent", "agent", "admin")]
    colleague, second = await account.connect("colleague"), await account.connect("colleague")
    customer = await account.connect("customer", joins=True)
    sent = await agent.do("send_message", a_note(account, "colleague", "agent", "colleague"))
    expected = {
        "conversationId": str(account.conversation),
        "messageId": sent["messageId"],
        "seq": sent["seq"],
        "mentionedBy": str(account.people["agent"].id),
        "mentionedByName": "Agent",
    }
    for client in (colleague, second):
        mentioned = await client.receives("mentioned")
        assert {name: value for name, value in mentioned.items() if name != "timestamp"} == expected
    note = await admin.receives("new_message", private=True)
    assert note["mentions"] == [str(account.people[name].id) for name in ("colleague", "agent")]
    joined = await admin.do("join_conversation", str(account.conversation))
    assert joined["messages"][-1]["mentions"] == note["mentions"]
    assert joined["conversation"]["lastMessage"]["mentions"] == note["mentions"]
    await agent.do("send_message", {"conversationId": str(account.conversation), "content": "The last event"})
    for client in (admin, agent, other_tab, customer, colleague):
        await client.receives("new_message", content="The last event")
        assert "mentioned" not in client.names()
    assert "mentions" not in str(customer.received)


@pytest.mark.parametrize("name", ["viewer", "customer", "nobody"])
async def test_mention_of_somebody_who_cannot_answer_is_refused(account: Account, name: str) -> None:
    agent = await account.connect("agent")
    mentioned = account.people[name].id if name in account.people else new_id()
    answer = await agent.ask("send_message", a_note(account) | {"mentions": [str(mentioned)]})
    assert answer["error"]["code"] == "VALIDATION_ERROR"
    assert answer["error"]["details"] == {"mentions": [f"Not active agents of this account: {mentioned}."]}


async def test_mention_in_a_reply_or_by_a_customer_is_refused(account: Account) -> None:
    agent, customer = await account.connect("agent"), await account.connect("customer")
    reply = a_note(account, "colleague") | {"private": False}
    assert await agent.refused("send_message", reply) == "VALIDATION_ERROR"
    assert await customer.refused("send_message", reply) == "VALIDATION_ERROR"
    assert await customer.refused("send_message", a_note(account, "colleague")) == "FORBIDDEN"
    await account.execute("UPDATE users SET active = false WHERE id = %(id)s", id=account.people["colleague"].id)
    assert await agent.refused("send_message", a_note(account, "colleague")) == "VALIDATION_ERROR"


async def test_mentions_of_a_message_in_the_outbox_are_read_again(account: Account) -> None:
    agent = await account.connect("agent")
    sent = await agent.do("send_message", a_note(account, "colleague", "agent"))
    async with operator(account.settings) as database, database.account(account.id) as tx:
        entry = OutboxEntry(
            account_id=account.id,
            id=UUID(sent["messageId"]),
            conversation_id=account.conversation,
            seq=sent["seq"],
            reopened_from=None,
        )
        message = await outbox.subject(tx, entry)
    assert isinstance(message, Message)
    [mentioned] = Mentioned.of(account.id, message)
    assert (mentioned.agent_id, mentioned.seq) == (account.people["colleague"].id, sent["seq"])
    assert mentioned.rooms() == (f"agent:{account.people['colleague'].id}",)
