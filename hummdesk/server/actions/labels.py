"""Labels of conversations: put them on, take them off."""

from collections.abc import Collection
from uuid import UUID

from hummdesk.core.models import Person
from hummdesk.server.actions.changes import publish_changes
from hummdesk.server.context import ServerContext
from hummdesk.storage import labels, moves


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
        logged = await moves.logged(tx, [(conversation_id, labelled.event_id)] if labelled.event_id else [])
    await publish_changes(context, logged)
    return labelled.label_ids
