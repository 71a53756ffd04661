"""Follow-up conversations, and merges: no message is moved, and none is lost."""

import asyncio
from itertools import pairwise
from typing import Any
from uuid import UUID

import pytest

from hummdesk.core.ids import new_id
from hummdesk.relay.receipt_stores import OutboxReceipts
from hummdesk.server.node import Node
from hummdesk.storage import continuations, conversations, messages
from hummdesk.storage.messages import NewMessage
from hummdesk.storage.outbox import LOGGED_CHANGE, OutboxEntry
from tests.integration.server.accounts import Account, Client

FOR_LONG = "14 days 1 minute"


async def send(sender: Client, conversation_id: object, content: str, **more: Any) -> dict[str, Any]:
    return await sender.do("send_message", {"conversationId": str(conversation_id), "content": content} | more)


async def send_until_stored(
    sender: Client, conversation_id: object, content: str, *, token: str | None = None
) -> dict[str, Any]:
    """Send a message as a client does, again while the server waits too long for a lock."""
    payload = {"conversationId": str(conversation_id), "content": content, "clientMessageId": token or content}
    while not (answer := await sender.ask("send_message", payload))["ok"]:
        assert answer["error"]["code"] == "UNAVAILABLE"
    return answer


async def close(account: Account, agent: Client, *, ago: str = "0") -> None:
    """Close the conversation as if it had been closed so long ago."""
    conversation = {"conversationId": str(account.conversation)}
    await agent.do("update_conversation_status", conversation | {"status": "closed"})
    await account.execute(
        "UPDATE conversations SET updated_at = updated_at - %(ago)s::interval WHERE id = %(id)s",
        ago=ago,
        id=account.conversation,
    )


async def second_conversation(account: Account, customer: Client) -> str:
    started = await customer.do("start_conversation", {"subject": "Second"})
    return str(started["conversation"]["conversationId"])


async def contents(client: Client, conversation_id: object) -> list[str]:
    joined = await client.do("join_conversation", str(conversation_id))
    return [message["content"] for message in joined["messages"]]


async def test_message_to_conversation_closed_for_long_starts_a_follow_up(account: Account) -> None:
    agent, customer = await account.connect("agent", joins=True), await account.connect("customer", joins=True)
    other_tab = await account.connect("customer", joins=True)
    await send(customer, account.conversation, "Where is it?")
    await close(account, agent, ago=FOR_LONG)
    sent = await send(customer, account.conversation, "It is broken", clientMessageId="m1")
    follow_up = sent["conversationId"]
    assert (follow_up != str(account.conversation), sent["seq"]) == (True, 1)
    created = await agent.receives("conversation_created", conversationId=follow_up)
    assert (created["continuationOf"], created["status"]) == (str(account.conversation), "open")
    await agent.receives("new_message", conversationId=follow_up, content="It is broken")
    for client in (agent, customer, other_tab):
        continued = await client.receives("conversation_continued", conversationId=str(account.conversation))
        assert continued["continuedIn"] == follow_up
    assert await send(customer, account.conversation, "It is broken", clientMessageId="m1") == sent, "a repeat"
    assert (await send(other_tab, account.conversation, "And cold"))["seq"] == 2
    assert await contents(customer, follow_up) == ["It is broken", "And cold"]
    before = await customer.do("join_conversation", str(account.conversation))
    assert [message["content"] for message in before["messages"]] == ["Where is it?"]
    assert (before["conversation"]["status"], before["conversation"]["continuedIn"]) == ("closed", follow_up)


async def test_message_to_conversation_closed_lately_reopens_it(account: Account) -> None:
    agent, customer = await account.connect("agent"), await account.connect("customer")
    await close(account, agent, ago="13 days")
    sent = await send(customer, account.conversation, "Still there?")
    assert sent["conversationId"] == str(account.conversation)
    await agent.receives("conversation_status_changed", newStatus="open")


async def test_messages_at_once_start_one_follow_up_and_none_is_lost(account: Account) -> None:
    agent = await account.connect("agent")
    tabs = await asyncio.gather(*(account.connect("customer") for _ in range(4)))
    await close(account, agent, ago=FOR_LONG)
    sends = [send_until_stored(tab, account.conversation, f"{n}") for n, tab in enumerate(tabs * 3)]
    receipts = await asyncio.gather(*sends)
    [follow_up] = {receipt["conversationId"] for receipt in receipts}
    assert sorted(receipt["seq"] for receipt in receipts) == list(range(1, 13))
    assert sorted(await contents(agent, follow_up), key=int) == [str(n) for n in range(12)]
    assert await contents(agent, account.conversation) == []


async def test_repeated_message_whose_follow_up_is_continued_itself_returns_the_first_one(account: Account) -> None:
    agent, customer = await account.connect("agent"), await account.connect("customer")
    target = await second_conversation(account, customer)
    await close(account, agent, ago=FOR_LONG)
    sent = await send(customer, account.conversation, "Hello?", clientMessageId="m1")
    await agent.do("merge_conversation", {"conversationId": sent["conversationId"], "intoConversationId": target})
    assert await send(customer, account.conversation, "Hello?", clientMessageId="m1") == sent
    assert await contents(agent, target) == []
    assert (await send(customer, account.conversation, "Another", clientMessageId="m2"))["conversationId"] == target


async def test_message_passes_any_number_of_conversations(account: Account) -> None:
    customer = await account.connect("customer")
    chain = [account.conversation, *(new_id() for _ in range(25))]
    for before, after in pairwise(chain):
        await account.execute(
            "INSERT INTO conversations (account_id, id, contact_id) VALUES (%(account)s, %(after)s, %(contact)s)",
            after=after,
            contact=account.people["customer"].id,
        )
        await account.execute(
            "UPDATE conversations SET status = 'closed', continued_in = %(after)s WHERE id = %(before)s",
            before=before,
            after=after,
        )
    assert (await send(customer, account.conversation, "Hello?"))["conversationId"] == str(chain[-1])


async def test_merge_waits_for_its_first_lock_before_it_takes_the_second(account: Account, node: Node) -> None:
    """Two merges in opposite directions cannot wait for each other."""
    database, agent = node.context.database, account.people["agent"]
    customer = await account.connect("customer")
    first, last = sorted((account.conversation, UUID(await second_conversation(account, customer))))

    async def merge() -> None:
        async with database.account(account.id) as tx:
            await continuations.merge(tx, actor=agent, conversation_id=last, target_id=first)

    async with database.account(account.id) as tx:
        await conversations.lock(tx, viewer=agent, conversation_id=first)
        merging = asyncio.create_task(merge())
        blocked = "SELECT FROM pg_stat_activity WHERE %(holder)s = ANY (pg_blocking_pids(pid))"
        while not (merging.done() or await account.execute(blocked, holder=tx.info.backend_pid)):
            await asyncio.sleep(0.01)
        free = await account.execute(
            "SELECT id FROM conversations WHERE id = %(last)s FOR UPDATE SKIP LOCKED", last=last
        )
    await asyncio.gather(merging, return_exceptions=True)  # its wait is limited, and this machine may stand still
    assert free == [(last,)]


async def test_reopened_conversation_receives_its_messages_again(account: Account) -> None:
    agent, customer = await account.connect("agent"), await account.connect("customer")
    await close(account, agent, ago=FOR_LONG)
    await send(customer, account.conversation, "Hello?")
    conversation = {"conversationId": str(account.conversation)}
    await agent.do("update_conversation_status", conversation | {"status": "open"})
    assert (await send(customer, account.conversation, "Again"))["conversationId"] == str(account.conversation)
    joined = await customer.do("join_conversation", str(account.conversation))
    assert "continuedIn" not in joined["conversation"]


@pytest.mark.parametrize("way", ["follow-up", "merge"])
async def test_message_repeated_after_its_conversation_was_reopened_is_stored_once(account: Account, way: str) -> None:
    agent, customer = await account.connect("agent"), await account.connect("customer")
    conversation = {"conversationId": str(account.conversation)}
    if way == "merge":
        target = await second_conversation(account, customer)
        await agent.do("merge_conversation", conversation | {"intoConversationId": target})
    else:
        await close(account, agent, ago=FOR_LONG)
    sent = await send(customer, account.conversation, "Hello?", clientMessageId="m1")
    continued_in = sent["conversationId"]
    await agent.do("update_conversation_status", conversation | {"status": "open"})
    assert await send(customer, account.conversation, "Hello?", clientMessageId="m1") == sent
    new = await send(customer, account.conversation, "Another", clientMessageId="m2")
    assert new["conversationId"] == str(account.conversation)
    assert await send(customer, account.conversation, "Another", clientMessageId="m2") == new
    last = await second_conversation(account, customer)
    await agent.do("merge_conversation", conversation | {"intoConversationId": last})
    assert await send(customer, account.conversation, "Hello?", clientMessageId="m1") == sent
    await agent.do("update_conversation_status", conversation | {"status": "open"})
    await agent.do("merge_conversation", {"conversationId": continued_in, "intoConversationId": last})
    sent_there = await send(customer, continued_in, "There", clientMessageId="m3")
    assert sent_there["conversationId"] == last
    assert await send(customer, account.conversation, "There", clientMessageId="m3") == sent_there
    assert await contents(agent, account.conversation) == ["Another"]
    assert await contents(agent, continued_in) == ["Hello?"]
    assert await contents(agent, last) == ["There"]


async def test_merged_conversation_carries_the_customer_to_the_other_one(account: Account) -> None:
    agent, customer = await account.connect("agent"), await account.connect("customer", joins=True)
    await send(customer, account.conversation, "First")
    target = await second_conversation(account, customer)
    merge = {"conversationId": str(account.conversation), "intoConversationId": target}
    await agent.do("merge_conversation", merge)
    await customer.receives("conversation_status_changed", newStatus="closed")
    await customer.receives("conversation_continued", continuedIn=target)
    await agent.receives("conversation_updated", conversationId=str(account.conversation), continuedIn=target)
    assert (await send(customer, account.conversation, "More"))["conversationId"] == target
    assert await contents(agent, account.conversation) == ["First"]
    assert await contents(agent, target) == ["More"]
    await agent.do("merge_conversation", merge)  # repeated, it changes nothing
    logged = await account.execute(
        "SELECT conversation_id::text, details FROM conversation_events "
        "WHERE account_id = %(account)s AND kind = 'merged' ORDER BY details ? 'from'"
    )
    assert logged == [(str(account.conversation), {"to": target}), (target, {"from": str(account.conversation)})]
    audited = await account.execute("SELECT action, details FROM audit_log WHERE account_id = %(account)s")
    assert audited == [("conversation.merged", {"intoConversationId": target})]
    await agent.do("update_conversation_status", {"conversationId": str(account.conversation), "status": "open"})
    assert (await send(customer, account.conversation, "Undone"))["conversationId"] == str(account.conversation)


async def test_follow_up_of_the_target_of_a_merge_receives_the_messages(account: Account) -> None:
    agent, customer = await account.connect("agent"), await account.connect("customer")
    target = await second_conversation(account, customer)
    await agent.do("merge_conversation", {"conversationId": target, "intoConversationId": str(account.conversation)})
    await close(account, agent, ago=FOR_LONG)
    sent = await send(customer, target, "Hello?")
    assert sent["conversationId"] not in (target, str(account.conversation))
    joined = await customer.do("join_conversation", sent["conversationId"])
    assert joined["conversation"]["continuationOf"] == str(account.conversation)


async def test_merge_that_makes_no_sense_is_refused(account: Account) -> None:
    agent, customer, viewer = [await account.connect(name) for name in ("agent", "customer", "viewer")]
    target = await second_conversation(account, customer)

    async def refused(client: Client, one: object, into: object) -> str:
        return await client.refused("merge_conversation", {"conversationId": str(one), "intoConversationId": str(into)})

    assert await refused(agent, account.conversation, account.other_conversation) == "VALIDATION_ERROR"
    assert await refused(agent, account.conversation, account.conversation) == "VALIDATION_ERROR"
    assert await refused(agent, account.conversation, new_id()) == "NOT_FOUND"
    assert await refused(agent, new_id(), account.conversation) == "NOT_FOUND"
    for client in (viewer, customer):
        assert await refused(client, account.conversation, target) == "FORBIDDEN"
    await agent.do("merge_conversation", {"conversationId": target, "intoConversationId": str(account.conversation)})
    assert await refused(agent, account.conversation, target) == "CONFLICT"


@pytest.mark.parametrize("way", ["follow-up", "merge"])
async def test_change_that_its_process_did_not_publish_is_published_by_the_relay(
    account: Account, node: Node, way: str
) -> None:
    agent, customer = await account.connect("agent"), await account.connect("customer", joins=True)
    people, database = account.people, node.context.database
    if way == "merge":
        target = await second_conversation(account, customer)
        async with database.account(account.id) as tx:
            merged = await continuations.merge(
                tx, actor=people["agent"], conversation_id=account.conversation, target_id=UUID(target)
            )
        event_id = merged.events[1][1]
    else:
        await close(account, agent, ago=FOR_LONG)
        async with database.account(account.id) as tx:
            found = await continuations.start(tx, contact=people["customer"], conversation_id=account.conversation)
        assert found.event_id is not None
        event_id, target = found.event_id, str(found.conversation_id)
    entry = OutboxEntry(
        account_id=account.id,
        id=event_id,
        conversation_id=account.conversation,
        seq=LOGGED_CHANGE,
        reopened_from=None,
    )
    await OutboxReceipts(database, database, node.context.publisher)._publish(entry)
    for client in (agent, customer):
        await client.receives("conversation_continued", continuedIn=target)


async def test_message_repeated_while_its_first_send_is_uncommitted_is_stored_once(
    account: Account, node: Node
) -> None:
    """The conversation is reopened meanwhile: the first one goes to its follow-up, the second one would not."""
    agent, customer = await account.connect("agent"), await account.connect("customer")
    await close(account, agent, ago=FOR_LONG)
    follow_up = (await send(customer, account.conversation, "Hello?"))["conversationId"]
    message = NewMessage(conversation_id=account.conversation, content="Again", client_message_id="m2")
    async with node.context.database.account(account.id) as tx:
        first = await messages.send_waiting(
            tx, messages.Outgoing.of(account.people["customer"], message), "continued", seconds=1.0
        )
        reopened = {"conversationId": str(account.conversation), "status": "open"}
        await agent.do("update_conversation_status", reopened)
        repeat = asyncio.create_task(send_until_stored(customer, account.conversation, "Again", token="m2"))
        blocked = "SELECT FROM pg_stat_activity WHERE %(holder)s = ANY (pg_blocking_pids(pid))"
        while not (repeat.done() or await account.execute(blocked, holder=tx.info.backend_pid)):
            await asyncio.sleep(0.01)
    assert (await repeat)["messageId"] == str(first.message.id)
    assert await contents(agent, follow_up) == ["Hello?", "Again"]
    assert await contents(agent, account.conversation) == []


async def test_messages_after_a_reopening_are_stored_in_batches_and_repeats_are_found(
    account: Account, node: Node
) -> None:
    agent, customer = await account.connect("agent"), await account.connect("customer")

    async def outcome(token: str) -> str:
        message = NewMessage(conversation_id=account.conversation, content=token, client_message_id=token)
        row = await node.context.writer._submit(messages.Outgoing.of(account.people["customer"], message))
        return str(row["outcome"])

    for number in range(2):
        await close(account, agent, ago=FOR_LONG)
        sent = await send(customer, account.conversation, "Hello?", clientMessageId=f"m{number}")
        reopened = {"conversationId": str(account.conversation), "status": "open"}
        await agent.do("update_conversation_status", reopened)
        assert await outcome(f"m{number}") == await outcome(f"new{number}") == "continued"
        assert await send(customer, account.conversation, "Hello?", clientMessageId=f"m{number}") == sent
        assert await outcome(f"new{number}") == "stored"
        assert await outcome(f"new{number}") == "repeat"
        assert await outcome(f"m{number}") == "continued"
    assert await outcome("m0") == "continued"
    assert await send(customer, account.conversation, "Hello?", clientMessageId="m1") == sent
    assert await contents(agent, account.conversation) == ["new0", "new1"]
