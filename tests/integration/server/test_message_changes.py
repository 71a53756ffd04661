"""Editing and withdrawing one's own messages."""

import asyncio
import json
from typing import Any
from uuid import UUID

from hummdesk.core.ids import new_id
from hummdesk.publish.events.messages import MessageUpdated
from hummdesk.relay.receipt_stores import OutboxReceipts
from hummdesk.server.node import Node
from hummdesk.storage import message_changes, outbox
from hummdesk.storage.outbox import LOGGED_CHANGE, OutboxEntry
from tests.integration.server.accounts import DRAFT, Account, Client


async def send(account: Account, sender: Client, content: str, **more: Any) -> dict[str, Any]:
    return await sender.do("send_message", {"conversationId": str(account.conversation), "content": content} | more)


def named(sent: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"conversationId": sent["conversationId"], "messageId": sent["messageId"]} | more


async def found(client: Client, words: str) -> list[str]:
    page = await client.do("list_conversations", {"search": words})
    return [conversation["conversationId"] for conversation in page["conversations"]]


async def test_edited_reply_reaches_everybody_and_the_search(account: Account) -> None:
    agent, colleague = await account.connect("agent"), await account.connect("colleague")
    customer = await account.connect("customer", joins=True)
    sent = await send(account, agent, "It arives on Frieday")
    html = named(sent, content="It arrives on <b>Friday</b><script>", contentType="html")
    answer = await agent.do("edit_message", html)
    assert (answer["content"], answer["contentType"], answer["revision"]) == ("It arrives on <b>Friday</b>", "html", 1)
    for client in (agent, colleague, customer):
        change = await client.receives("message_updated", messageId=sent["messageId"])
        assert (change["content"], change["contentType"], change["seq"]) == (answer["content"], "html", sent["seq"])
        assert "erased" not in change
    updated = await colleague.receives("conversation_updated", revision=1)
    assert updated["lastMessage"]["content"] == answer["content"]
    joined = await customer.do("join_conversation", str(account.conversation))
    assert [(one["content"], one["contentType"], one["revision"]) for one in joined["messages"]] == [
        ("It arrives on <b>Friday</b>", "html", 1)
    ]
    assert await found(colleague, "arrives Friday") == [str(account.conversation)]
    assert await found(colleague, "it Frieday") == []  # words of two letters are not corrected
    again = await agent.do("edit_message", html)
    assert again["revision"] == 1, "nothing has changed"


async def test_withdrawn_reply_is_erased_with_what_quotes_it(account: Account) -> None:
    agent, colleague = await account.connect("agent"), await account.connect("colleague")
    customer = await account.connect("customer", joins=True)
    sent = await send(account, agent, "The password is Tulip")
    asked = await send(account, customer, "Which password?")
    await add_results(account, asked["messageId"], asked["seq"])
    assert "Tulip" in str((await agent.do("join_conversation", str(account.conversation)))["ai"])
    answer = await agent.do("withdraw_message", named(sent))
    assert (answer["erased"], answer["withdrawn"], answer["revision"]) == (True, True, 1)
    for client in (agent, colleague, customer):
        change = await client.receives("message_updated", messageId=sent["messageId"])
        assert {"ok": True} | change == answer
    joined = await agent.do("join_conversation", str(account.conversation))
    assert [(one["content"], one.get("withdrawn")) for one in joined["messages"]] == [
        ("", True),
        ("Which password?", None),
    ]
    assert "Tulip" not in str(joined)
    assert await found(colleague, "Tulip") == []
    [open_runs] = await account.execute(
        "SELECT count(*) FROM ai_runs WHERE account_id = %(account)s AND kind <> 'classification' "
        "AND status IN ('pending', 'published', 'running')"
    )
    assert open_runs == (0,)
    learned = await account.execute(
        "SELECT learned_at IS NOT NULL, question FROM past_answers WHERE message_id = %(id)s",
        id=UUID(sent["messageId"]),
    )
    assert learned == [(True, None)]
    again = await agent.do("withdraw_message", named(sent))
    assert again == answer, "a repeated request changes nothing"
    assert await agent.refused("edit_message", named(sent, content="It is back")) == "CONFLICT"


async def add_results(account: Account, message_id: str, seq: int) -> None:
    """A draft and a running summary about a message."""
    await account.execute(
        "WITH run AS (INSERT INTO ai_runs (account_id, id, conversation_id, message_id, seq, kind, status, outcome, "
        "finished_at, announced_at, lease_until) "
        "SELECT %(account)s, gen_random_uuid(), %(conversation)s, %(message)s, %(seq)s, kind, status, outcome, "
        "finished_at, finished_at, now() + interval '1 hour' FROM (VALUES ('draft', 'done', 'done', now()), "
        "('summary', 'running', NULL, NULL)) AS given (kind, status, outcome, finished_at) "
        "RETURNING account_id, id, kind) "
        "INSERT INTO ai_results (account_id, run_id, kind, payload) SELECT account_id, id, kind, %(payload)s "
        "FROM run WHERE kind = 'draft'",
        conversation=account.conversation,
        message=UUID(message_id),
        seq=seq,
        payload=json.dumps(
            {"draft": DRAFT | {"content": "It is Tulip"}, "confidence": 1.0, "sources": [], "based_on_seq": seq}
            | {"provider": "embedded", "assigned_to": None, "reasoning": None}
        ),
    )


async def test_change_of_note_is_published_to_staff_only(account: Account) -> None:
    agent, colleague = await account.connect("agent"), await account.connect("colleague")
    customer = await account.connect("customer", joins=True)
    note = await send(account, agent, "He is a frind", private=True)
    await agent.do("edit_message", named(note, content="He is a friend"))
    await colleague.receives("message_updated", content="He is a friend")
    await agent.do("withdraw_message", named(note))
    await colleague.receives("message_updated", withdrawn=True)
    await send(account, agent, "The last event")
    await customer.receives("new_message", content="The last event")
    assert "message_updated" not in customer.names()


async def test_change_of_somebody_elses_old_or_unknown_message_is_refused(account: Account) -> None:
    agent, admin = await account.connect("agent"), await account.connect("admin")
    customer = await account.connect("customer")
    theirs, own = await send(account, customer, "Hello?"), await send(account, agent, "Hello!")
    for request, more in (("edit_message", {"content": "Changed"}), ("withdraw_message", {})):
        assert await admin.refused(request, named(own, **more)) == "FORBIDDEN"
        assert await agent.refused(request, named(theirs, **more)) == "FORBIDDEN"
        assert await customer.refused(request, named(theirs, **more)) == "FORBIDDEN"
        assert await agent.refused(request, named(own, **more) | {"messageId": str(new_id())}) == "NOT_FOUND"
        elsewhere = {"conversationId": str(account.other_conversation)}
        assert await agent.refused(request, named(own, **more) | elsewhere) == "NOT_FOUND"
    await account.execute(
        "UPDATE messages SET created_at = created_at - interval '16 minutes' WHERE account_id = %(account)s"
    )
    answer = await agent.ask("withdraw_message", named(own))
    assert (answer["error"]["code"], answer["error"]["details"]) == ("FORBIDDEN", {"minutes": 15.0})
    assert await agent.refused("edit_message", named(own, content="Changed")) == "FORBIDDEN"


async def test_changes_are_logged_without_content(account: Account) -> None:
    agent = await account.connect("agent")
    sent = await send(account, agent, "Tulip")
    await agent.do("edit_message", named(sent, content="Rose"))
    await agent.do("withdraw_message", named(sent))
    logged = await account.execute(
        "SELECT kind, actor_id, details FROM conversation_events WHERE conversation_id = %(id)s ORDER BY created_at",
        id=account.conversation,
    )
    details = {"messageId": sent["messageId"]}
    by = account.people["agent"].id
    assert logged == [("message_edited", by, details), ("message_withdrawn", by, details)]
    audited = await account.execute(
        "SELECT action, actor_id, subject_id, details FROM audit_log WHERE account_id = %(account)s ORDER BY id"
    )
    where = {"conversationId": str(account.conversation)}
    assert audited == [(f"message.{done}", by, sent["messageId"], where) for done in ("edited", "withdrawn")]


async def test_change_that_its_process_did_not_publish_is_published_by_the_relay(account: Account, node: Node) -> None:
    agent, customer = await account.connect("agent"), await account.connect("customer", joins=True)
    sent = await send(account, agent, "Tulip")
    database = node.context.database
    async with database.account(account.id) as tx:
        changed = await message_changes.withdraw(
            tx,
            actor=account.people["agent"],
            conversation_id=account.conversation,
            message_id=UUID(sent["messageId"]),
            minutes=15,
        )
    assert changed.event_id is not None
    entry = OutboxEntry(
        account_id=account.id,
        id=changed.event_id,
        conversation_id=account.conversation,
        seq=LOGGED_CHANGE,
        reopened_from=None,
    )
    async with database.account(account.id) as tx:
        assert await outbox.unpublished(tx, [changed.event_id]) == {changed.event_id}
    receipts = OutboxReceipts(node.context.database, database, node.context.publisher)
    await receipts._publish(entry)
    for client in (agent, customer):
        change = await client.receives("message_updated", messageId=sent["messageId"])
        assert (change["withdrawn"], change["revision"]) == (True, 1)


async def test_changes_by_two_processes_that_are_published_in_the_wrong_order_arrive_in_theirs(
    account: Account, node: Node
) -> None:
    agent, customer = await account.connect("agent"), await account.connect("customer", joins=True)
    sent = [await send(account, agent, content) for content in ("One", "Two")]
    changed = []
    for one in sent:
        async with node.context.database.account(account.id) as tx:
            changed.append(
                await message_changes.withdraw(
                    tx,
                    actor=account.people["agent"],
                    conversation_id=account.conversation,
                    message_id=UUID(one["messageId"]),
                    minutes=15,
                )
            )
    assert [one.has_pending_predecessor for one in changed] == [False, True]
    async with asyncio.TaskGroup() as group:  # in this order
        for change in reversed(changed):
            event = MessageUpdated.of(
                account.id, change.message, has_pending_predecessor=change.has_pending_predecessor
            )
            group.create_task(node.context.publisher.publish(event))
    for client in (agent, customer):
        updates = [await client.receives("message_updated") for _ in changed]
        assert [update["revision"] for update in updates] == [1, 2]


async def test_stored_message_is_changed_only_by_its_sender_of_staff(account: Account, node: Node) -> None:
    """The function of the database changes no message of a customer, of somebody else, or of another account."""
    agent, customer = await account.connect("agent"), await account.connect("customer")
    theirs, own = await send(account, customer, "Hello?"), await send(account, agent, "Hello!")
    people = account.people
    async with node.context.database.account(account.id) as tx:
        for sent, sender in ((theirs, people["customer"].id), (own, people["admin"].id)):
            change = {"sender_id": sender, "content": "forged", "content_type": "text", "revision": 9}
            await message_changes.queries.change(tx, message_id=UUID(sent["messageId"]), **change)
    async with node.context.database.account(new_id()) as tx:
        change = {"sender_id": people["agent"].id, "content": "forged", "content_type": "text", "revision": 9}
        await message_changes.queries.change(tx, message_id=UUID(own["messageId"]), **change)
    joined = await agent.do("join_conversation", str(account.conversation))
    assert [message["content"] for message in joined["messages"]] == ["Hello?", "Hello!"]
