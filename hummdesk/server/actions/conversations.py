"""Conversations: list, open, change."""

from collections.abc import Callable, Collection
from contextlib import nullcontext
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from uuid import UUID

from hummdesk.ai.protocol import Priority
from hummdesk.core.errors import Forbidden, Invalid, Unavailable
from hummdesk.core.models import Conversation, Person
from hummdesk.publish.events.ai import ClassificationCorrected
from hummdesk.publish.events.conversations import ConversationStatusChanged
from hummdesk.publish.outbox import creation_events
from hummdesk.server.actions import assignments
from hummdesk.server.actions import messages as message_actions
from hummdesk.server.actions.changes import publish_changes
from hummdesk.server.answers import free_bytes
from hummdesk.server.context import Payload, ServerContext
from hummdesk.storage import categories, conversations, corrections, labels, messages, moves, outbox, snoozes
from hummdesk.storage.conversations import Filter, Status
from hummdesk.storage.database import Transaction
from hummdesk.storage.messages import NewMessage, Sent
from hummdesk.storage.moves import LoggedChange

LONGEST_SNOOZE = timedelta(days=366)
MOVES = {"assignedTo", "teamId"}
ATTEMPTS = 3
"""Attempts of a move: its agent and team are locked before the conversation, which others may move in between."""


async def page(
    context: ServerContext, viewer: Person, wanted: Filter, *, limit: int, cursor: str | None
) -> tuple[list[Conversation], str | None]:
    """A page of the list, and the cursor of the next page. Raises Forbidden and Invalid."""
    if wanted.is_for_staff and not viewer.is_staff:
        raise Forbidden("Only staff can search, and filter by priority, label, category and snooze")
    turn = nullcontext() if wanted.words is None else context.searching
    async with turn, context.database.account(viewer.account_id) as tx:
        return await conversations.page(
            tx, viewer=viewer, wanted=wanted, limit=limit, max_bytes=free_bytes(context), cursor=cursor
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Started:
    """A conversation as its opener sees it, and its first message."""

    conversation: Conversation
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
        conversation = await conversations.get(tx, viewer=actor or contact, conversation_id=opened)
        as_staff = await conversations.as_staff(tx, conversation_id=opened)
    if created:
        receipt = context.receipts.pending(contact.account_id, opened)
        await context.publisher.publish(*creation_events(as_staff), receipt=receipt)
        context.router.wake(contact.account_id)
    if sent is not None:
        await message_actions.publish(context, contact.account_id, sent)
    return Started(conversation=conversation, sent=sent)


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
        changed = await conversations.change_status(
            tx, actor=actor, conversation_id=conversation_id, status=status, reason=reason
        )
        logged = await moves.logged(tx, [(conversation_id, changed.event_id)])
    await publish_changes(context, logged)
    return ConversationStatusChanged(
        account_id=actor.account_id,
        conversation_id=conversation_id,
        timestamp=changed.at,
        old_status=changed.old,
        new_status=changed.new,
        changed_by=actor.id,
        reason=reason or None,
    )


async def snooze(
    context: ServerContext, actor: Person, conversation_id: UUID, *, until: datetime | None, reason: str | None
) -> ConversationStatusChanged:
    """Make a conversation pending until a time, or with None until a reply. If it is so already, nothing is published.

    Raises NotFound, Invalid for a time that is not within a year, and Conflict for a closed conversation.
    """
    require_soon(until, "until")
    async with context.database.account(actor.account_id) as tx:
        changed = await snoozes.snooze(tx, actor=actor, conversation_id=conversation_id, until=until, reason=reason)
        logged = await moves.logged(tx, [(conversation_id, changed.event_id)])
    await publish_changes(context, logged)
    return ConversationStatusChanged(
        account_id=actor.account_id,
        conversation_id=conversation_id,
        timestamp=changed.at,
        old_status=changed.old,
        new_status=changed.new,
        changed_by=actor.id,
        reason=reason or None,
        snoozed_until=until,
    )


def require_soon(until: datetime | None, field: str) -> None:
    """Raise Invalid for a time that is past, or more than LONGEST_SNOOZE ahead."""
    now = datetime.now(UTC)
    if until is not None and not now < until <= now + LONGEST_SNOOZE:
        raise Invalid(details={field: ["Must be a time within the next year."]})


async def correct_classification(
    context: ServerContext,
    actor: Person,
    conversation_id: UUID,
    *,
    message_id: UUID,
    category: str | None,
    priority: Priority | None,
) -> ClassificationCorrected:
    """Correct the category or the priority of a message; a priority becomes that of the conversation.

    Raises NotFound.
    """
    event_id: UUID | None = None
    async with context.database.account(actor.account_id) as tx:
        if category is not None:
            await categories.require_category(tx, category)
        at = await corrections.correct(
            tx,
            actor=actor,
            conversation_id=conversation_id,
            message_id=message_id,
            category=category,
            priority=priority,
        )
        if priority is not None:
            event_id = await conversations.set_priority(
                tx, actor=actor, conversation_id=conversation_id, priority=priority
            )
        logged = await moves.logged(tx, [(conversation_id, event_id)] if event_id else [])
    corrected = ClassificationCorrected(
        account_id=actor.account_id,
        conversation_id=conversation_id,
        timestamp=at,
        message_id=message_id,
        corrected_by=actor.id,
        category=category,
        priority=priority,
    )
    await context.publisher.publish(corrected)
    await publish_changes(context, logged)
    return corrected


async def update(
    context: ServerContext,
    actor: Person,
    conversation_id: UUID,
    changes: Payload,
    *,
    require: Callable[[Conversation], None],
) -> Conversation:
    """Change what is given and differs, in one transaction: status, snooze, priority, labels, agent and team.

    `labelIds` replace the labels, `addLabels` and `removeLabels` change them. A `note` is stored with the change of the
    assignment. `require` may refuse the conversation as it is, under a lock.

    Raises NotFound, Invalid, RateLimited, what `require` raises, and Unavailable if others move it at each attempt.
    """
    require_soon(changes.get("snoozedUntil"), "snoozedUntil")
    note = await assignments.written_note(context, actor, conversation_id, changes.get("note"))
    for _ in range(ATTEMPTS):
        async with context.database.account(actor.account_id) as tx:
            before = await _locked(tx, actor, conversation_id, changes)
            if before is None:
                continue
            require(before)
            logged, sent = await _update(tx, actor, before, changes, note)
            after = await conversations.get(tx, viewer=actor, conversation_id=conversation_id)
        if sent is not None:
            await message_actions.publish(context, actor.account_id, sent)
        await publish_changes(context, logged)
        return after
    raise Unavailable


async def _locked(tx: Transaction, actor: Person, conversation_id: UUID, changes: Payload) -> Conversation | None:
    """The conversation, locked after the agent and team that it may have then; None if it was moved meanwhile."""
    seen: Conversation | None = None
    if changes.keys() & MOVES:
        seen = await conversations.get(tx, viewer=actor, conversation_id=conversation_id)
        agent_id, team_id = changes.get("assignedTo", seen.assigned_to), changes.get("teamId", seen.assigned_team)
        await moves.lock_candidates(tx, agent_id=agent_id, team_id=team_id)
    await conversations.lock(tx, viewer=actor, conversation_id=conversation_id)
    found = await conversations.get(tx, viewer=actor, conversation_id=conversation_id)
    is_moved = seen is not None and (seen.assigned_to, seen.assigned_team) != (found.assigned_to, found.assigned_team)
    return None if is_moved else found


async def _relabel(tx: Transaction, actor: Person, before: Conversation, wanted: list[UUID]) -> list[LoggedChange]:
    removed = set(before.label_ids or ()) - set(wanted)
    added = [one for one in wanted if one not in (before.label_ids or ())]
    return await _labelled(tx, actor, before, added=added, removed=removed, field="labelIds")


async def _labelled(
    tx: Transaction,
    actor: Person,
    before: Conversation,
    *,
    added: Collection[UUID],
    removed: Collection[UUID],
    field: str,
) -> list[LoggedChange]:
    labelled = await labels.change(
        tx, actor=actor, conversation_id=before.id, added=added, removed=removed, field=field
    )
    return await moves.logged(tx, [(before.id, labelled.event_id)] if labelled.event_id else [])


async def _update(
    tx: Transaction, actor: Person, before: Conversation, changes: Payload, note: NewMessage | None
) -> tuple[list[LoggedChange], Sent | None]:
    sent: Sent | None = None
    found: list[LoggedChange | None] = []
    status, priority = changes.get("status", before.status), changes.get("priority", before.priority)
    if status != before.status and ("snoozedUntil" not in changes or before.status == "closed"):
        change = {"status": status, "reason": None if changes.get("snoozedUntil") else changes.get("reason")}
        changed = await conversations.change_status(tx, actor=actor, conversation_id=before.id, **change)
        found += await moves.logged(tx, [(before.id, changed.event_id)])
    if "snoozedUntil" in changes:
        snooze = {"until": changes["snoozedUntil"], "reason": changes.get("reason")}
        snoozed = await snoozes.snooze(tx, actor=actor, conversation_id=before.id, **snooze)
        found += await moves.logged(tx, [(before.id, snoozed.event_id)])
    if changes.keys() & MOVES:
        moved, sent = await assignments.reassign(tx, actor, before, changes, note)
        found.append(moved)
    if priority is not None and priority != before.priority:
        event_id = await conversations.set_priority(tx, actor=actor, conversation_id=before.id, priority=priority)
        found += await moves.logged(tx, [(before.id, event_id)] if event_id else [])
    if "labelIds" in changes:
        found += await _relabel(tx, actor, before, changes["labelIds"])
    added, removed = changes.get("addLabels", ()), changes.get("removeLabels", ())
    if added or removed:
        found += await _labelled(tx, actor, before, added=added, removed=removed, field="addLabels")
    return [change for change in found if change is not None], sent
