"""Changes of stored messages by their senders: edit, withdraw."""

from uuid import UUID

from hummdesk.core.background import soon
from hummdesk.core.models import Message, Person
from hummdesk.publish.events.messages import MessageUpdated
from hummdesk.server.actions.changes import publish_current
from hummdesk.server.actions.files import own_files
from hummdesk.server.context import Payload, ServerContext
from hummdesk.storage import message_changes
from hummdesk.storage.message_changes import ChangedMessage


async def edit(
    context: ServerContext, actor: Person, conversation_id: UUID, message_id: UUID, payload: Payload
) -> Message:
    """Replace the content of an own message, and publish it if that is a change. `payload` is that of `edit_message`.

    Raises what `message_changes.edit` of the storage raises, and RateLimited.
    """
    await context.rate_limits.require_message(actor, payload)
    async with context.database.account(actor.account_id) as tx:
        changed = await message_changes.edit(
            tx,
            actor=actor,
            conversation_id=conversation_id,
            message_id=message_id,
            content=payload["content"],
            content_type=payload["contentType"],
            minutes=context.settings.message_change_minutes,
        )
    await _publish(context, actor.account_id, changed)
    return changed.message


async def withdraw(context: ServerContext, actor: Person, conversation_id: UUID, message_id: UUID) -> Message:
    """Erase an own message with its files, and publish it if that is a change.

    Raises what `message_changes.withdraw` of the storage raises.
    """
    async with context.database.account(actor.account_id) as tx:
        changed = await message_changes.withdraw(
            tx,
            actor=actor,
            conversation_id=conversation_id,
            message_id=message_id,
            minutes=context.settings.message_change_minutes,
        )
        if files := own_files(changed.attachments):
            await message_changes.delete_files(tx, conversation_id=conversation_id, ids=files)
    await _publish(context, actor.account_id, changed)
    return changed.message


async def _publish(context: ServerContext, account_id: UUID, changed: ChangedMessage) -> None:
    """Publish the change, and in the background the conversation. What fails here, the relay does from the outbox."""
    if changed.event_id is None:
        return
    receipt = context.receipts.pending(account_id, changed.event_id)
    held = receipt.hold()
    event = MessageUpdated.of(account_id, changed.message, has_pending_predecessor=changed.has_pending_predecessor)
    await context.publisher.publish(event, receipt=receipt)
    soon(publish_current(context, account_id, changed.message.conversation_id, [held]))
