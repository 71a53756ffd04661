"""Messages: send, mark as read, page through, synchronize."""

from uuid import UUID

from hummdesk.core.errors import Forbidden, NotFound
from hummdesk.core.metrics import ACCOUNT_MESSAGES, MESSAGES
from hummdesk.core.models import Person
from hummdesk.publish.events.conversations import ConversationCreated
from hummdesk.publish.events.messages import MessageSent
from hummdesk.publish.outbox import message_events
from hummdesk.server.answers import free_bytes, json_bytes
from hummdesk.server.context import Payload, ServerContext
from hummdesk.server.handlers.missed import missed_in
from hummdesk.server.handlers.read_receipts import mark_read
from hummdesk.server.sockets import ClientSession
from hummdesk.storage import conversations, messages, outbox
from hummdesk.storage.messages import NewMessage, Sent

RESYNC_BYTES = 120
"""Of a conversation in an answer to `sync` without its messages."""


async def send_message(context: ServerContext, session: ClientSession, payload: Payload) -> Payload:
    sender = session.authenticated_person
    if payload["private"] and not sender.is_staff:
        raise Forbidden("Customers cannot send private notes")
    await context.rate_limits.require_message(sender, payload)
    new = NewMessage(
        conversation_id=payload["conversationId"],
        content=payload["content"],
        content_type=payload["contentType"],
        attachments=payload["attachments"],
        metadata=payload["metadata"],
        client_message_id=payload["clientMessageId"],
        private=payload["private"],
        based_on_seq=payload["basedOnSeq"],
        needs_ai=await context.rate_limits.allows_ai(sender),
    )
    sent = await context.writer.send(sender=sender, message=new)
    await _publish(context, sender, sent)
    await context.typing.stop(session, new.conversation_id)
    receipt = MessageSent(message=sent.message)
    context.sockets.send(session, receipt)
    return receipt.payload()


async def _publish(context: ServerContext, sender: Person, sent: Sent) -> None:
    """Publish a message that was just committed. A repeat was published before, or the relay publishes it."""
    if not sent.created:
        return
    MESSAGES.labels(sent.message.sender_type).inc()
    ACCOUNT_MESSAGES.labels(context.account_labels.of(sender.account_id)).inc()
    events = message_events(
        sender.account_id,
        sent.message,
        has_pending_predecessor=sent.has_pending_predecessor,
        reopened_from=sent.reopened_from,
    )
    await context.publisher.publish(*events, receipt=context.receipts.pending(sender.account_id, sent.message.id))


async def message_read(context: ServerContext, session: ClientSession, payload: Payload) -> Payload:
    await mark_read(context, session.authenticated_person, payload["conversationId"], payload["messageId"])
    return {}


async def get_messages(context: ServerContext, session: ClientSession, payload: Payload) -> Payload:
    viewer = session.authenticated_person
    async with context.database.account(viewer.account_id) as tx:
        found, has_more = await messages.page(
            tx,
            viewer=viewer,
            conversation_id=payload["conversationId"],
            before_seq=payload["beforeSeq"],
            after_seq=payload["afterSeq"],
            limit=payload["limit"],
            max_bytes=free_bytes(context),
        )
    return {"messages": [message.wire() for message in found], "hasMore": has_more}


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
    """Open a conversation for the customer, join it, and send the first message if there is one.

    A repeated `clientMessageId` returns the conversation that it opened before.
    """
    contact = session.authenticated_person
    sent: Sent | None = None
    context.sockets.check_capacity(session)
    await context.rate_limits.require_conversation(contact)
    if payload["content"] is not None:
        await context.rate_limits.require_message(contact, payload)
        needs_ai = await context.rate_limits.allows_ai(contact)
    async with context.database.account(contact.account_id) as tx:
        conversation_id, created = await conversations.start(
            tx,
            contact=contact,
            subject=payload["subject"],
            metadata=payload["metadata"],
            client_message_id=payload["clientMessageId"],
        )
        if created:
            await outbox.add_conversation(tx, conversation_id)
        if payload["content"] is not None:
            sent = await messages.send(tx, sender=contact, message=_first(conversation_id, payload, needs_ai=needs_ai))
        conversation = await conversations.get(tx, viewer=contact, conversation_id=conversation_id)
        as_staff = await conversations.as_staff(tx, conversation_id=conversation_id)
    if created:
        receipt = context.receipts.pending(contact.account_id, conversation_id)
        await context.publisher.publish(ConversationCreated.of(as_staff), receipt=receipt)
    if sent is not None:
        await _publish(context, contact, sent)
    context.sockets.join_conversation(session, contact, conversation_id)
    context.recovery_saver.schedule(session)
    answer: Payload = {"conversation": conversation.wire()}
    if sent is not None:
        context.sockets.send(session, MessageSent(message=sent.message))
        answer["message"] = sent.message.wire()
    return answer


def _first(conversation_id: UUID, payload: Payload, *, needs_ai: bool) -> NewMessage:
    return NewMessage(
        conversation_id=conversation_id,
        content=payload["content"],
        content_type="text",
        attachments=[],
        metadata={},
        client_message_id=payload["clientMessageId"],
        private=False,
        based_on_seq=None,
        needs_ai=needs_ai,
    )
