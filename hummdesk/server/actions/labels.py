"""Labels of conversations: put them on, take them off."""

from collections.abc import Collection
from uuid import UUID

from hummdesk.core.background import soon
from hummdesk.core.models import Person
from hummdesk.server.actions.read_receipts import publish_change
from hummdesk.server.context import ServerContext
from hummdesk.storage import labels, outbox


async def change(
    context: ServerContext,
    actor: Person,
    conversation_id: UUID,
    *,
    added: Collection[UUID],
    removed: Collection[UUID],
) -> list[UUID]:
    """Change the labels of a conversation, and publish it if that is a change; return them.

    Raises NotFound and Invalid.
    """
    async with context.database.account(actor.account_id) as tx:
        labelled = await labels.change(tx, actor=actor, conversation_id=conversation_id, added=added, removed=removed)
        entry = await outbox.add_change(tx, conversation_id) if labelled.changed else None
    if entry is not None:
        soon(publish_change(context, actor.account_id, conversation_id, entry))
    return labelled.label_ids
