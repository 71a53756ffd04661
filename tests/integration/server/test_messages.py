"""Messages: stored, acknowledged, received in order by exactly their recipients."""

import asyncio

from hummdesk.core.ids import new_id
from tests.integration.server.accounts import Account


async def test_send_message_is_acknowledged_and_published(account: Account) -> None:
    customer = await account.connect("customer", joins=True)
    agent = await account.connect("agent")
    conversation = str(account.conversation)
    answer = await customer.do(
        "send_message", {"conversationId": conversation, "content": "  Hello?  ", "clientMessageId": "c-1"}
    )
    assert answer["seq"] == 1
    sent = await customer.receives("message_sent")
    assert sent == {key: value for key, value in answer.items() if key != "ok"}
    for listener in (customer, agent):
        message = await listener.receives("new_message")
        assert message["content"] == "Hello?"
        assert message["senderType"] == "customer"
        assert message["clientMessageId"] == "c-1"
        assert message["messageId"] == sent["messageId"]
        assert message["timestamp"].endswith("Z")


async def test_send_message_with_repeated_client_id_returns_first_receipt(account: Account) -> None:
    agent = await account.connect("agent", joins=True)
    message = {"conversationId": str(account.conversation), "content": "once", "clientMessageId": "same"}
    first = await agent.do("send_message", message)
    assert await agent.do("send_message", message | {"content": "other"}) == first
    await agent.do("send_message", message | {"clientMessageId": "next"})
    await agent.receives("new_message", clientMessageId="next")
    assert agent.names().count("new_message") == 1
    assert agent.names().count("message_sent") == 3


async def test_messages_sent_at_two_processes_arrive_in_seq_order(account: Account, second_url: str) -> None:
    listeners = [await account.connect("admin", joins=True), await account.connect("viewer")]
    here = await account.connect("agent")
    there = await account.client().connect(token=account.token("colleague"), url=second_url)
    await there.receives("authenticated")
    await asyncio.gather(
        *(
            sender.do("send_message", {"conversationId": str(account.conversation), "content": f"{number}"})
            for number in range(60)
            for sender in (here, there)
        )
    )
    for listener in (*listeners, here, there):
        received = [(await listener.receives("new_message"))["seq"] for _ in range(120)]
        assert received == list(range(1, 121))


async def test_private_message_is_visible_to_staff_only(account: Account) -> None:
    customer = await account.connect("customer", joins=True)
    agent = await account.connect("agent", joins=True)
    conversation = str(account.conversation)
    await agent.do("send_message", {"conversationId": conversation, "content": "psst", "private": True})
    assert (await agent.receives("new_message"))["private"] is True
    await agent.do("send_message", {"conversationId": conversation, "content": "Hello"})
    received = await customer.receives("new_message")
    assert (received["content"], received["seq"]) == ("Hello", 2)
    page = await customer.do("get_messages", {"conversationId": conversation})
    assert [message["content"] for message in page["messages"]] == ["Hello"]
    assert (
        await customer.refused("send_message", {"conversationId": conversation, "content": "x", "private": True})
        == "FORBIDDEN"
    )


async def test_send_message_based_on_old_state_conflicts_with_missed_messages(account: Account) -> None:
    agent = await account.connect("agent")
    colleague = await account.connect("colleague")
    message = {"conversationId": str(account.conversation), "content": "I take this"}
    await agent.do("send_message", message)
    answer = await colleague.ask("send_message", message | {"basedOnSeq": 0})
    assert answer["error"]["code"] == "CONFLICT"
    assert [missed["seq"] for missed in answer["error"]["details"]["missed"]] == [1]
    assert answer["error"]["details"]["lastSeq"] == 1
    assert (await colleague.do("send_message", message | {"basedOnSeq": 1}))["seq"] == 2
    assert (await agent.do("send_message", message | {"basedOnSeq": 2}))["seq"] == 3
    assert (await colleague.refused("send_message", message | {"basedOnSeq": 2})) == "CONFLICT"
    assert (await colleague.do("send_message", message | {"basedOnSeq": 2, "force": True}))["seq"] == 4


async def test_message_read_is_published(account: Account) -> None:
    customer = await account.connect("customer", joins=True)
    agent = await account.connect("agent", joins=True)
    conversation = str(account.conversation)
    answer = await agent.do("send_message", {"conversationId": conversation, "content": "three"})
    await customer.do("message_read", {"conversationId": conversation, "messageId": answer["messageId"]})
    read = await agent.receives("message_read", readByType="customer")
    assert read["messageId"] == answer["messageId"]
    unknown = {"conversationId": conversation, "messageId": str(new_id())}
    assert await customer.refused("message_read", unknown) == "NOT_FOUND"


async def test_get_messages_and_sync_return_history_and_missed_messages(account: Account) -> None:
    agent = await account.connect("agent", joins=True)
    conversation = str(account.conversation)
    for number in range(1, 8):
        await agent.do("send_message", {"conversationId": conversation, "content": str(number)})

    async def page(**where: int) -> tuple[list[int], bool]:
        answer = await agent.do("get_messages", {"conversationId": conversation, **where})
        return [message["seq"] for message in answer["messages"]], answer["hasMore"]

    assert await page(limit=3) == ([5, 6, 7], True)
    assert await page(beforeSeq=5, limit=3) == ([2, 3, 4], True)
    assert await page(beforeSeq=2) == ([1], False)
    assert await page(afterSeq=5) == ([6, 7], False)
    joined = await agent.do("join_conversation", {"conversationId": conversation, "afterSeq": 6})
    assert [message["seq"] for message in joined["messages"]] == [7]
    synced = await agent.do("sync", {"conversations": {conversation: 5}})
    assert [message["seq"] for message in synced["conversations"][conversation]["messages"]] == [6, 7]
    assert synced["conversations"][conversation]["lastSeq"] == 7


async def test_typing_stops_after_timeout_and_on_send(account: Account) -> None:
    customer = await account.connect("customer", joins=True)
    agent = await account.connect("agent", joins=True)
    second_tab = await account.connect("agent", joins=True)
    conversation = {"conversationId": str(account.conversation)}
    await agent.do("typing_start", conversation)
    started = await customer.receives("typing_start")
    assert (started["userType"], started["userName"]) == ("agent", "Agent")
    await customer.receives("typing_stop")
    await agent.do("typing_start", conversation)
    await customer.receives("typing_start")
    await agent.do("send_message", conversation | {"content": "done"})
    await customer.receives("typing_stop")
    await agent.do("typing_start", conversation)
    await agent.close()
    await customer.receives("typing_stop")
    assert "typing_start" not in second_tab.names()
    unjoined = await account.connect("colleague")
    assert await unjoined.refused("typing_start", conversation) == "FORBIDDEN"


async def test_start_conversation_creates_joins_and_sends_first_message(account: Account) -> None:
    agent = await account.connect("agent")
    customer = await account.connect("customer")
    request = {"subject": "Tent", "content": "It leaks", "clientMessageId": "start", "metadata": {"page": "/tents"}}
    started = await customer.do("start_conversation", request)
    created = await agent.receives("conversation_created")
    assert created["conversationId"] == started["conversation"]["conversationId"]
    assert created["subject"] == "Tent"
    assert created["customer"]["name"] == "Customer"
    assert created["lastSeq"] == 1
    assert "unreadCount" not in created, "each agent has a count of their own"
    assert (await agent.receives("new_message"))["content"] == "It leaks"
    assert (await customer.receives("message_sent"))["seq"] == 1
    assert (await customer.do("start_conversation", request)) == started
    await agent.do("send_message", {"conversationId": created["conversationId"], "content": "Sorry!"})
    await customer.receives("new_message", content="Sorry!")
    assert agent.names().count("conversation_created") == 0


async def test_send_message_with_html_stores_it_sanitized(account: Account) -> None:
    agent = await account.connect("agent")
    html = {"conversationId": str(account.conversation), "contentType": "html"}
    await agent.do("send_message", html | {"content": "<b>hi</b><script>alert(1)</script><img src=x onerror=y>"})
    assert (await agent.receives("new_message"))["content"] == "<b>hi</b>"
    assert await agent.refused("send_message", html | {"content": "<script>alert(1)</script>"}) == "VALIDATION_ERROR"


async def test_message_of_customer_reopens_closed_conversation(account: Account) -> None:
    customer = await account.connect("customer", joins=True)
    agent = await account.connect("agent")
    conversation = {"conversationId": str(account.conversation)}
    await agent.do("update_conversation_status", conversation | {"status": "closed"})
    await customer.receives("conversation_status_changed", newStatus="closed")
    await customer.do("send_message", conversation | {"content": "One more thing"})
    reopened = await agent.receives("conversation_status_changed", newStatus="open")
    assert (reopened["oldStatus"], reopened["changedBy"]) == ("closed", str(account.people["customer"].id))


async def test_send_message_with_very_large_number_is_published(account: Account, foreign: Account) -> None:
    """PostgreSQL gives 1e20 back as an integer of more than 64 bits."""
    customer = await account.connect("customer", joins=True)
    agent = await account.connect("agent")
    foreign_agent = await foreign.connect("agent", joins=True)
    message = {"conversationId": str(account.conversation), "content": "Many", "metadata": {"a": 1e20}}
    await customer.do("send_message", message)
    await foreign_agent.do("send_message", {"conversationId": str(foreign.conversation), "content": "Whole"})
    assert (await agent.receives("new_message"))["metadata"] == {"a": 1e20}
    await foreign_agent.receives("new_message", content="Whole")
    assert (await agent.do("join_conversation", str(account.conversation)))["messages"][0]["metadata"] == {"a": 1e20}
    await agent.do("update_conversation_status", {"conversationId": str(account.conversation), "status": "pending"})
    assert (await agent.receives("conversation_updated"))["lastMessage"]["metadata"] == {"a": 1e20}


async def test_unpublished_message_is_loaded_before_the_next_one_is_published(account: Account) -> None:
    """Insert the message as a process does that dies between commit and publication."""
    agent = await account.connect("agent", joins=True)
    conversation = {"conversationId": str(account.conversation)}
    await agent.do("send_message", conversation | {"content": "first"})
    await account.execute(
        """
        WITH next AS (
            UPDATE conversations SET last_seq = last_seq + 1, last_public_seq = last_seq + 1
            WHERE account_id = %(account)s AND id = %(id)s RETURNING last_seq
        )
        INSERT INTO messages
            (account_id, id, conversation_id, seq, sender_id, sender_type, sender_name, content, content_type)
        SELECT %(account)s, gen_random_uuid(), %(id)s, last_seq, %(sender)s, 'customer', 'Customer', 'second', 'text'
        FROM next
        """,
        id=account.conversation,
        sender=account.people["customer"].id,
    )
    await agent.do("send_message", conversation | {"content": "third"})
    received = [(await agent.receives("new_message"))["content"] for _ in range(3)]
    assert received == ["first", "second", "third"]


async def test_sync_after_long_absence_returns_all_visible_messages(account: Account) -> None:
    agent = await account.connect("agent", joins=True)
    conversation = str(account.conversation)
    for number in range(1, 5):
        note = {"private": True} if number == 3 else {}
        await agent.do("send_message", {"conversationId": conversation, "content": str(number), **note})
    await account.execute(
        "UPDATE messages SET created_at = created_at - interval '8 days' WHERE account_id = %(account)s"
    )
    for name, expected in (("colleague", [2, 3, 4]), ("customer", [2, 4])):
        away = await account.connect(name)
        found = (await away.do("sync", {"conversations": {conversation: 1}}))["conversations"][conversation]
        assert ([one["seq"] for one in found["messages"]], found["lastSeq"]) == (expected, 4)
        joined = await away.do("join_conversation", {"conversationId": conversation, "afterSeq": 1})
        assert ([one["seq"] for one in joined["messages"]], joined["lastSeq"]) == (expected, 4)
