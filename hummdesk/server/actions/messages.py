"""Messages: send, page through."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from hummdesk.core.errors import Forbidden, Invalid
from hummdesk.core.metrics import ACCOUNT_MESSAGES, MESSAGES
from hummdesk.core.models import Message, Person
from hummdesk.publish.outbox import Reopened, message_events
from hummdesk.server.actions import continuations, files
from hummdesk.server.answers import free_bytes
from hummdesk.server.context import Payload, ServerContext
from hummdesk.storage import messages, people
from hummdesk.storage.messages import NewMessage, Sent

DAY_SECONDS = 86_400


async def send(
    context: ServerContext,
    sender: Person,
    conversation_id: UUID,
    payload: Payload,
    *,
    uploaders: Sequence[Person] = (),
    **more: Any,
) -> Sent:
    """Store a message and publish it. `payload` is that of `send_message`, `more` are further fields of NewMessage.

    `uploaders`: persons whose files it may refer to, besides the sender's. Raises what MessageWriter.send raises, and
    RateLimited.
    """
    if payload["private"] and not sender.is_staff:
        raise Forbidden("Customers cannot send private notes")
    await context.rate_limits.require_message(sender, payload)
    mentions = list(dict.fromkeys(payload["mentions"]))
    if mentions:
        await _check_mentions(context, sender, mentions)
    private = payload["private"]
    async with files.attach(
        context, [sender, *uploaders], conversation_id, payload["attachments"], private=private
    ) as attachments:
        new = NewMessage(
            conversation_id=conversation_id,
            content=payload["content"],
            content_type=payload["contentType"],
            attachments=attachments.shown,
            file_ids=files.own_files(payload["attachments"]),
            metadata=payload["metadata"],
            client_message_id=payload["clientMessageId"],
            private=private,
            mentions=mentions,
            based_on_seq=payload["basedOnSeq"],
            force=payload["force"],
            needs_ai=await context.rate_limits.allows_ai(sender),
            follow_up_seconds=context.settings.follow_up_days * DAY_SECONDS or None,
            **more,
        )
        sent = await context.writer.send(sender=sender, message=new)
        attachments.is_repeat = not sent.created
    await publish(context, sender.account_id, sent)
    return sent


async def _check_mentions(context: ServerContext, sender: Person, mentions: list[UUID]) -> None:
    """Raise Invalid unless all are active agents or admins of the account, who may see each of its conversations."""
    async with context.database.account(sender.account_id) as tx:
        unknown = await people.not_answering(tx, mentions)
    if unknown:
        names = ", ".join(map(str, unknown))
        raise Invalid(details={"mentions": [f"Not active agents of this account: {names}."]})


async def publish(context: ServerContext, account_id: UUID, sent: Sent) -> None:
    """Publish a message that was just committed. A repeat was published before, or the relay publishes it."""
    if not sent.created:
        return
    if sent.target is not None:
        await continuations.publish_follow_up(context, account_id, sent.target)
    MESSAGES.labels(sent.message.sender_type).inc()
    ACCOUNT_MESSAGES.labels(context.account_labels.of(account_id)).inc()
    events = message_events(
        account_id,
        sent.message,
        has_pending_predecessor=sent.has_pending_predecessor,
        reopened=sent.reopened_from
        and Reopened(status=sent.reopened_from, is_queued=sent.assigned_to is None, team_id=sent.assigned_team),
        has_read=sent.has_read,
    )
    await context.publisher.publish(*events, receipt=context.receipts.pending(account_id, sent.message.id))
    if sent.message.sender_type == "customer" and sent.assigned_to is None:
        context.router.wake(account_id)


async def page(
    context: ServerContext, viewer: Person, conversation_id: UUID, payload: Payload
) -> tuple[list[Message], bool]:
    """A page of messages, and whether there are more. `payload` is that of `get_messages`. Raises NotFound."""
    async with context.database.account(viewer.account_id) as tx:
        return await messages.page(
            tx,
            viewer=viewer,
            conversation_id=conversation_id,
            before_seq=payload["beforeSeq"],
            after_seq=payload["afterSeq"],
            limit=payload["limit"],
            max_bytes=free_bytes(context),
        )
