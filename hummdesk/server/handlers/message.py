"""Messages: send, mark as read, page through, synchronize."""

from hummdesk.core.errors import NotFound
from hummdesk.publish.events.messages import MessageSent, MessageUpdated
from hummdesk.server.actions import conversations, message_changes, messages, read_receipts
from hummdesk.server.answers import free_bytes, json_bytes
from hummdesk.server.context import Payload, ServerContext
from hummdesk.server.handlers import lines
from hummdesk.server.handlers.missed import missed_in
from hummdesk.server.sockets import ClientSession

RESYNC_BYTES = 120
"""Of a conversation in an answer to `sync` without its messages."""


async def send_message(context: ServerContext, session: ClientSession, payload: Payload) -> Payload:
    sender, conversation_id = session.authenticated_person, payload["conversationId"]
    sent = await messages.send(context, sender, conversation_id, payload)
    await context.typing.stop(session, conversation_id)
    return context.sockets.send(session, MessageSent(message=sent.message))


async def edit_message(context: ServerContext, session: ClientSession, payload: Payload) -> Payload:
    actor = session.authenticated_person
    message = await message_changes.edit(context, actor, payload["conversationId"], payload["messageId"], payload)
    return MessageUpdated.of(actor.account_id, message).payload()


async def withdraw_message(context: ServerContext, session: ClientSession, payload: Payload) -> Payload:
    actor = session.authenticated_person
    message = await message_changes.withdraw(context, actor, payload["conversationId"], payload["messageId"])
    return MessageUpdated.of(actor.account_id, message).payload()


async def message_read(context: ServerContext, session: ClientSession, payload: Payload) -> Payload:
    reader, message_id = session.authenticated_person, payload["messageId"]
    await read_receipts.mark_read(context, reader, payload["conversationId"], message_id)
    return {}


async def mark_unread(context: ServerContext, session: ClientSession, payload: Payload) -> Payload:
    agent, message_id = session.authenticated_person, payload["messageId"]
    return (await read_receipts.mark_unread(context, agent, payload["conversationId"], message_id)).payload()


async def get_messages(context: ServerContext, session: ClientSession, payload: Payload) -> Payload:
    viewer = session.authenticated_person
    found, has_more = await messages.page(context, viewer, payload["conversationId"], payload)
    answer: Payload = {"messages": [message.wire() for message in found], "hasMore": has_more}
    if not viewer.is_staff or payload["beforeSeq"] is None:
        return answer
    since = found[0].created_at if found and has_more else None
    more = {"activity": await lines.before(context, viewer, payload["conversationId"], payload["beforeSeq"], since)}
    return answer | more if json_bytes(more) <= free_bytes(context, answer) else answer


async def sync(context: ServerContext, session: ClientSession, payload: Payload) -> Payload:
    """Return all messages that were missed in each conversation, or `resyncRequired`; never a part of them."""
    viewer = session.authenticated_person
    answer: Payload = {}
    left = free_bytes(context) - RESYNC_BYTES * len(payload["conversations"])
    async with context.database.account(viewer.account_id) as tx:
        for conversation_id, after_seq in payload["conversations"].items():
            try:
                found = await missed_in(
                    tx,
                    viewer,
                    conversation_id,
                    after_seq=after_seq,
                    revision=payload["revisions"].get(conversation_id),
                    max_bytes=left,
                )
            except NotFound as absent:
                raise NotFound(details={"conversationId": str(conversation_id)}) from absent
            if "resyncRequired" not in found:
                left -= json_bytes(found)
            answer[str(conversation_id)] = found
    return {"conversations": answer}


async def start_conversation(context: ServerContext, session: ClientSession, payload: Payload) -> Payload:
    """Open a conversation for the customer, join it, and send the first message if there is one."""
    contact = session.authenticated_person
    context.sockets.check_capacity(session)
    started = await conversations.start(context, contact, payload)
    context.sockets.join_conversation(session, contact, started.conversation.id)
    context.recovery_saver.schedule(session)
    answer: Payload = {"conversation": started.conversation.wire()}
    if started.sent is not None:
        context.sockets.send(session, MessageSent(message=started.sent.message))
        answer["message"] = started.sent.message.wire()
    await context.recovery_saver.wait(session)
    return answer
