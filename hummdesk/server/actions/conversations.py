"""Conversations: list, open, change."""

from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import dataclass, replace
from typing import Any
from uuid import UUID

from hummdesk.ai.protocol import Category, Priority
from hummdesk.core.background import soon
from hummdesk.core.errors import Forbidden, Invalid
from hummdesk.core.models import Conversation, Person
from hummdesk.publish.events import Event
from hummdesk.publish.events.ai import ClassificationCorrected
from hummdesk.publish.events.conversations import (
    ConversationAssigned,
    ConversationCreated,
    ConversationStatusChanged,
    ConversationUnassigned,
)
from hummdesk.server.actions import messages as message_actions
from hummdesk.server.actions.read_receipts import publish_change
from hummdesk.server.answers import free_bytes
from hummdesk.server.context import Payload, ServerContext
from hummdesk.storage import conversations, corrections, messages, outbox
from hummdesk.storage.conversations import Filter, Status
from hummdesk.storage.database import Transaction
from hummdesk.storage.messages import NewMessage, Sent


async def page(
    context: ServerContext, viewer: Person, wanted: Filter, *, limit: int, cursor: str | None
) -> tuple[list[Conversation], str | None]:
    """A page of the list, and the cursor of the next page. Raises Forbidden and Invalid."""
    if wanted.words is not None and not viewer.is_staff:
        raise Forbidden("Only staff can search")  # a private note may match
    turn = nullcontext() if wanted.words is None else context.searching
    async with turn, context.database.account(viewer.account_id) as tx:
        return await conversations.page(
            tx, viewer=viewer, wanted=wanted, limit=limit, max_bytes=free_bytes(context), cursor=cursor
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Started:
    """A conversation as its customer and as staff sees it, and its first message."""

    conversation: Conversation
    as_staff: Conversation
    sent: Sent | None


async def start(
    context: ServerContext,
    contact: Person,
    payload: Payload,
    *,
    actor: Person | None = None,
    conversation_id: UUID | None = None,
) -> Started:
    """Open a conversation for a contact, with its first message if there is one, and publish both.

    `payload` is that of `start_conversation`. A repeated `clientMessageId` or `conversation_id` returns the
    conversation that it opened before. `actor` None: the contact. Raises RateLimited and NotFound.
    """
    sent: Sent | None = None
    await context.rate_limits.require_conversation(contact)
    if payload["content"] is not None:
        await context.rate_limits.require_message(contact, payload)
        needs_ai = await context.rate_limits.allows_ai(contact)
    async with context.database.account(contact.account_id) as tx:
        opened, created = await conversations.start(
            tx,
            contact=contact,
            actor=actor,
            subject=payload["subject"],
            metadata=payload["metadata"],
            client_message_id=payload["clientMessageId"],
            conversation_id=conversation_id,
        )
        if created:
            await outbox.add_conversation(tx, opened)
        if payload["content"] is not None:
            message = _first(opened, payload, needs_ai=needs_ai)
            if actor is not None and actor.is_key:
                message = replace(message, sent_by_key=actor.id)
            if conversation_id is not None:
                message = replace(message, id=UUID(int=conversation_id.int ^ 1))  # the same when it is repeated
            sent = await messages.send(tx, sender=contact, message=message)
        conversation = await conversations.get(tx, viewer=contact, conversation_id=opened)
        as_staff = await conversations.as_staff(tx, conversation_id=opened)
    if created:
        receipt = context.receipts.pending(contact.account_id, opened)
        await context.publisher.publish(ConversationCreated.of(as_staff), receipt=receipt)
    if sent is not None:
        await message_actions.publish(context, contact.account_id, sent)
    return Started(conversation=conversation, as_staff=as_staff, sent=sent)


def _first(conversation_id: UUID, payload: Payload, *, needs_ai: bool) -> NewMessage:
    return NewMessage(
        conversation_id=conversation_id,
        content=payload["content"],
        client_message_id=payload["clientMessageId"],
        needs_ai=needs_ai,
    )


async def change_status(
    context: ServerContext, actor: Person, conversation_id: UUID, *, status: Status, reason: str | None
) -> ConversationStatusChanged:
    """Change the status. If the conversation has it already, nothing is published. Raises NotFound."""
    async with context.database.account(actor.account_id) as tx:
        changed = await _change_status(tx, actor, conversation_id, status, reason)
        has_changed = changed.old_status != changed.new_status
        entry = await outbox.add_change(tx, conversation_id) if has_changed else None
    if entry is not None:
        await _publish(context, actor.account_id, conversation_id, entry, changed)
    return changed


async def assign(
    context: ServerContext, actor: Person, conversation_id: UUID, *, agent_id: UUID, team_id: UUID | None
) -> ConversationAssigned:
    """Assign a conversation, also to the agent who has it already: that is logged and published again.

    Raises NotFound and Invalid.
    """
    async with context.database.account(actor.account_id) as tx:
        at = await conversations.assign(
            tx, actor=actor, conversation_id=conversation_id, agent_id=agent_id, team_id=team_id
        )
        entry = await outbox.add_change(tx, conversation_id)
    assigned = ConversationAssigned(
        account_id=actor.account_id,
        conversation_id=conversation_id,
        timestamp=at,
        assigned_to=agent_id,
        assigned_team=team_id,
        assigned_by=actor.id,
    )
    await _publish(context, actor.account_id, conversation_id, entry, assigned)
    return assigned


async def unassign(
    context: ServerContext, actor: Person, conversation_id: UUID, *, reason: str | None
) -> ConversationUnassigned:
    """Remove the assignment. Raises NotFound, and Conflict if no agent is assigned."""
    async with context.database.account(actor.account_id) as tx:
        was = await conversations.unassign(tx, actor=actor, conversation_id=conversation_id, reason=reason)
        entry = await outbox.add_change(tx, conversation_id)
    unassigned = ConversationUnassigned(
        account_id=actor.account_id,
        conversation_id=conversation_id,
        timestamp=was.at,
        unassigned_from=was.agent_id,
        unassigned_by=actor.id,
        reason=reason or None,
        team_id=was.team_id,
    )
    await _publish(context, actor.account_id, conversation_id, entry, unassigned)
    return unassigned


async def correct_classification(
    context: ServerContext,
    actor: Person,
    conversation_id: UUID,
    *,
    message_id: UUID,
    category: Category | None,
    priority: Priority | None,
) -> ClassificationCorrected:
    """Correct the category or the priority of a message; a priority becomes that of the conversation.

    Raises NotFound.
    """
    entry: UUID | None = None
    async with context.database.account(actor.account_id) as tx:
        at = await corrections.correct(
            tx,
            actor=actor,
            conversation_id=conversation_id,
            message_id=message_id,
            category=category,
            priority=priority,
        )
        if priority is not None and await conversations.set_priority(
            tx, actor=actor, conversation_id=conversation_id, priority=priority
        ):
            entry = await outbox.add_change(tx, conversation_id)
    corrected = ClassificationCorrected(
        account_id=actor.account_id,
        conversation_id=conversation_id,
        timestamp=at,
        message_id=message_id,
        corrected_by=actor.id,
        category=category,
        priority=priority,
    )
    await _publish(context, actor.account_id, conversation_id, entry, corrected)
    return corrected


async def update(
    context: ServerContext,
    actor: Person,
    conversation_id: UUID,
    changes: Payload,
    *,
    require: Callable[[Conversation], None],
) -> Conversation:
    """Change `status`, `priority`, `assignedTo` and `teamId`, as far as they are given and differ, in one transaction.

    `require` may refuse the conversation as it is, under a lock. `assignedTo` null removes the team as well, unless one
    is given. Raises NotFound, Invalid, and what `require` raises.
    """
    entry: UUID | None = None
    async with context.database.account(actor.account_id) as tx:
        await conversations.lock(tx, viewer=actor, conversation_id=conversation_id)
        before = await conversations.as_staff(tx, conversation_id=conversation_id)
        require(before)
        events = await _update(tx, actor, before, changes)
        after = await conversations.as_staff(tx, conversation_id=conversation_id)
        if after != before:
            entry = await outbox.add_change(tx, conversation_id)
    await _publish(context, actor.account_id, conversation_id, entry, *events)
    return after


async def _update(tx: Transaction, actor: Person, before: Conversation, changes: Payload) -> list[Event]:
    events: list[Event] = []
    reason = changes.get("reason")
    status, priority = changes.get("status", before.status), changes.get("priority", before.priority)
    if status != before.status:
        events.append(await _change_status(tx, actor, before.id, status, reason))
    if changes.keys() & {"assignedTo", "teamId"}:
        events += await _reassign(tx, actor, before, changes, reason)
    if priority is not None and priority != before.priority:
        await conversations.set_priority(tx, actor=actor, conversation_id=before.id, priority=priority)
    return events


async def _change_status(
    tx: Transaction, actor: Person, conversation_id: UUID, status: Status, reason: str | None
) -> ConversationStatusChanged:
    change = await conversations.change_status(
        tx, actor=actor, conversation_id=conversation_id, status=status, reason=reason
    )
    return ConversationStatusChanged(
        account_id=actor.account_id,
        conversation_id=conversation_id,
        timestamp=change.at,
        old_status=change.old,
        new_status=change.new,
        changed_by=actor.id,
        reason=reason or None,
    )


async def _reassign(
    tx: Transaction, actor: Person, before: Conversation, changes: Payload, reason: str | None
) -> list[Event]:
    """Assign to agent and team as they are given. A change of the team without an agent has no event of its own."""
    agent_id: UUID | None = changes.get("assignedTo", before.assigned_to)
    is_unassigned = "assignedTo" in changes and agent_id is None
    team_id: UUID | None = changes.get("teamId", None if is_unassigned else before.assigned_team)
    if (agent_id, team_id) == (before.assigned_to, before.assigned_team):
        return []
    await _require_candidates(tx, before, agent_id, team_id)
    was = await conversations.reassign(
        tx, actor=actor, conversation_id=before.id, agent_id=agent_id, team_id=team_id, reason=reason
    )
    subject: dict[str, Any] = {"account_id": actor.account_id, "conversation_id": before.id, "timestamp": was.at}
    if agent_id is not None:
        return [ConversationAssigned(**subject, assigned_to=agent_id, assigned_team=team_id, assigned_by=actor.id)]
    if was.agent_id is not None:
        return [
            ConversationUnassigned(
                **subject,
                unassigned_from=was.agent_id,
                unassigned_by=actor.id,
                reason=reason or None,
                team_id=was.team_id,
            )
        ]
    return []


async def _require_candidates(
    tx: Transaction, before: Conversation, agent_id: UUID | None, team_id: UUID | None
) -> None:
    """Raise Invalid unless the agent and the team that are new can be assigned."""
    has_agent, has_team = await conversations.has_candidates(
        tx,
        agent_id=None if agent_id == before.assigned_to else agent_id,
        team_id=None if team_id == before.assigned_team else team_id,
    )
    faults = {}
    if not has_agent:
        faults["assignedTo"] = ["Not an active agent or admin."]
    if not has_team:
        faults["teamId"] = ["Not a team."]
    if faults:
        raise Invalid(details=faults)


async def _publish(
    context: ServerContext, account_id: UUID, conversation_id: UUID, entry: UUID | None, *events: Event
) -> None:
    """Publish events in order, then the current state of the conversation if there is an entry for it in the outbox."""
    if events:
        await context.publisher.publish(*events)
    if entry is not None:
        soon(publish_change(context, account_id, conversation_id, entry))
