"""Conversations that are continued in another one: publish follow-ups, merge."""

from uuid import UUID

from hummdesk.core.models import Person
from hummdesk.publish.outbox import creation_events
from hummdesk.server.actions.changes import publish_changes
from hummdesk.server.context import ServerContext
from hummdesk.storage import audit, continuations, conversations, moves
from hummdesk.storage.continuations import Target


async def publish_follow_up(context: ServerContext, account_id: UUID, target: Target) -> None:
    """Publish a follow-up that a message has opened, and that it continues the previous conversation."""
    if target.previous_id is None or target.event_id is None:
        return
    async with context.database.account(account_id) as tx:
        opened = await conversations.as_staff(tx, conversation_id=target.conversation_id)
        logged = await moves.logged(tx, [(target.previous_id, target.event_id)])
    receipt = context.receipts.pending(account_id, opened.id)
    await context.publisher.publish(*creation_events(opened), receipt=receipt)
    await publish_changes(context, logged)


async def merge(context: ServerContext, actor: Person, conversation_id: UUID, target_id: UUID) -> None:
    """Close a conversation that continues in another one of the same customer, and publish both if that is a change.

    Raises what `continuations.merge` of the storage raises.
    """
    async with context.database.account(actor.account_id) as tx:
        merged = await continuations.merge(tx, actor=actor, conversation_id=conversation_id, target_id=target_id)
        if merged.events:
            into = {"intoConversationId": str(target_id)}
            await audit.record(tx, actor, "conversation.merged", conversation_id, into)
        logged = await moves.logged(tx, merged.events)
    for one in (conversation_id, target_id):
        await publish_changes(context, [change for change in logged if change.conversation_id == one])
