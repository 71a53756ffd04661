"""Publication of logged changes of conversations. What fails here, the relay publishes from the outbox."""

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from uuid import UUID

from hummdesk.core.background import soon
from hummdesk.core.errors import NotFound, Unavailable
from hummdesk.core.models import Conversation
from hummdesk.publish.moves import events_of
from hummdesk.publish.outbox import publish_updates
from hummdesk.server.context import ServerContext
from hummdesk.storage import conversations
from hummdesk.storage.moves import LoggedChange


async def publish_changes(context: ServerContext, changes: Sequence[LoggedChange]) -> None:
    """Publish changes of one conversation in order, and then, in the background, its current state."""
    held: list[asyncio.Future[None]] = []
    for change in changes:
        receipt = context.receipts.pending(change.account_id, change.id)
        held.append(receipt.hold())
        await context.publisher.publish(*events_of(change), receipt=receipt)
    if changes:
        context.router.wake(changes[0].account_id)
        soon(publish_current(context, changes[0].account_id, changes[0].conversation_id, held))


async def publish_moved(context: ServerContext, moved: Sequence[LoggedChange]) -> None:
    """Publish moves of many conversations, one after the other."""
    if moved:
        context.router.wake(moved[0].account_id)
    with suppress(Unavailable):
        for change in moved:
            held = (receipt := context.receipts.pending(change.account_id, change.id)).hold()
            current = await _current(context, change)
            await context.publisher.publish_stored(*events_of(change, current=current), receipt=receipt)
            await publish_current(context, change.account_id, change.conversation_id, [held])


async def _current(context: ServerContext, change: LoggedChange) -> Conversation | None:
    """The conversation of a change, None if an operator has deleted it."""
    with suppress(NotFound):
        async with context.database.account(change.account_id) as tx:
            return await conversations.as_staff(tx, conversation_id=change.conversation_id)
    return None


async def publish_current(
    context: ServerContext, account_id: UUID, conversation_id: UUID, held: Sequence[asyncio.Future[None]]
) -> None:
    """Publish the current state of a conversation, which completes the receipts of its changes."""

    async def read() -> list[Conversation]:
        async with context.database.account(account_id) as tx:
            return [await conversations.as_staff(tx, conversation_id=conversation_id)]

    with suppress(Unavailable):
        with suppress(NotFound):  # deleted by an operator
            await publish_updates(context.publisher, read)
        for one in held:
            one.set_result(None)
