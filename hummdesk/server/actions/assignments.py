"""Moves of conversations: assign, transfer with a note, claim, release, unassign."""

from dataclasses import replace
from uuid import UUID

from hummdesk.core.clock import wire_time
from hummdesk.core.models import Conversation, Person
from hummdesk.publish.events.conversations import ConversationAssigned
from hummdesk.publish.moves import assigned_event, unassigned_event
from hummdesk.server.actions import messages as message_actions
from hummdesk.server.actions.changes import publish_changes
from hummdesk.server.context import Payload, ServerContext
from hummdesk.storage import messages, moves
from hummdesk.storage.database import Transaction
from hummdesk.storage.messages import NewMessage, Sent
from hummdesk.storage.moves import LoggedChange


async def assign(
    context: ServerContext,
    actor: Person,
    conversation_id: UUID,
    *,
    agent_id: UUID | None,
    team_id: UUID | None,
    note: str | None,
) -> Payload:
    """Assign a conversation to an agent, or without one to the queue of a team, with a private note to the colleagues.

    Return what an assignment publishes, without an agent if it waits now. It is published again if the agent has the
    conversation already. Raises NotFound, Invalid and RateLimited.
    """
    written = await written_note(context, actor, conversation_id, note)
    async with context.database.account(actor.account_id) as tx:
        changed = await moves.assign(
            tx,
            actor=actor,
            conversation_id=conversation_id,
            agent_id=agent_id,
            team_id=team_id,
            note_id=None if written is None else written.id,
        )
        sent = await store_note(tx, actor, written)
        at = (await moves.lock(tx, conversation_id)).at if changed is None else changed.at
    await publish(context, actor.account_id, changed, sent)
    if changed is not None and agent_id is not None:
        return assigned_event(changed).payload()
    ids = {"conversationId": conversation_id, "assignedTeam": team_id, "assignedBy": actor.id}
    return {name: str(value) for name, value in ids.items()} | {"timestamp": wire_time(at)}


async def claim(context: ServerContext, actor: Person, conversation_id: UUID) -> ConversationAssigned:
    """Take a conversation that nobody has. If the actor has it already, nothing is published.

    Raises NotFound, Forbidden, and Conflict for a closed conversation or with the agent who has it.
    """
    async with context.database.account(actor.account_id) as tx:
        holder, changed = await moves.claim(tx, actor=actor, conversation_id=conversation_id)
    await publish(context, actor.account_id, changed)
    if changed is not None:
        return assigned_event(changed)
    return ConversationAssigned(
        account_id=actor.account_id,
        conversation_id=conversation_id,
        timestamp=holder.at,
        assigned_to=actor.id,
        assigned_team=holder.team_id,
        assigned_by=actor.id,
    )


async def release(context: ServerContext, actor: Person, conversation_id: UUID) -> Payload:
    """Return a conversation to the queue of its team. Raises NotFound, Forbidden, and Conflict if no agent has it."""
    async with context.database.account(actor.account_id) as tx:
        changed = await moves.release(tx, actor=actor, conversation_id=conversation_id)
    await publish(context, actor.account_id, changed)
    return unassigned_event(changed).payload()


async def unassign(context: ServerContext, actor: Person, conversation_id: UUID, *, reason: str | None) -> Payload:
    """Remove the assignment to agent and team. Raises NotFound, and Conflict if no agent is assigned."""
    async with context.database.account(actor.account_id) as tx:
        changed = await moves.unassign(tx, actor=actor, conversation_id=conversation_id, reason=reason)
    await publish(context, actor.account_id, changed)
    return unassigned_event(changed).payload()


async def reassign(
    tx: Transaction, actor: Person, before: Conversation, changes: Payload, note: NewMessage | None
) -> tuple[LoggedChange | None, Sent | None]:
    """Change `assignedTo` and `teamId` of a locked conversation as far as they are given, with a note.

    Raises Invalid.
    """
    note_id = None if note is None else note.id
    changed = await moves.change(tx, actor=actor, before=before, changes=changes, note_id=note_id)
    return changed, await store_note(tx, actor, note)


async def written_note(
    context: ServerContext, actor: Person, conversation_id: UUID, note: str | None
) -> NewMessage | None:
    """The private message of a note. Raises RateLimited."""
    if note is None:
        return None
    await context.rate_limits.require_message(actor, {"content": note})
    message = NewMessage(conversation_id=conversation_id, content=note, private=True, needs_ai=False)
    return replace(message, sent_by_key=actor.id) if actor.is_key else message


async def store_note(tx: Transaction, actor: Person, note: NewMessage | None) -> Sent | None:
    return None if note is None else await messages.send(tx, sender=actor, message=note)


async def publish(
    context: ServerContext, account_id: UUID, changed: LoggedChange | None, sent: Sent | None = None
) -> None:
    """Publish a move that was committed, after its note."""
    if sent is not None:
        await message_actions.publish(context, account_id, sent)
    await publish_changes(context, [] if changed is None else [changed])
