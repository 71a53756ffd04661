"""Conversations: join, leave, list, change the status, assign, correct the classification."""

from contextlib import nullcontext
from uuid import UUID

from hummdesk.core.background import soon
from hummdesk.core.errors import Forbidden
from hummdesk.core.models import ANSWERING, Conversation, Person
from hummdesk.publish.events.ai import ClassificationCorrected, finding_of
from hummdesk.publish.events.conversations import (
    ConversationAssigned,
    ConversationStatusChanged,
    ConversationUnassigned,
)
from hummdesk.server.answers import free_bytes
from hummdesk.server.context import Payload, ServerContext
from hummdesk.server.handlers import viewers
from hummdesk.server.handlers.missed import missed_in
from hummdesk.server.handlers.read_receipts import mark_read, publish_change
from hummdesk.server.sockets import ClientSession
from hummdesk.storage import conversations, corrections, messages, outbox, reads, results
from hummdesk.storage.database import Transaction

JOIN_MESSAGES = 50


async def join_conversation(context: ServerContext, session: ClientSession, payload: Payload) -> Payload:
    """Join, then read: a message that is sent in between is in the answer as well as an event, never in neither."""
    viewer, conversation_id = session.authenticated_person, payload["conversationId"]
    context.sockets.check_capacity(session, conversation_id)
    async with context.database.account(viewer.account_id) as tx:
        await conversations.check(tx, viewer=viewer, conversation_id=conversation_id)
    context.sockets.join_conversation(session, viewer, conversation_id)
    context.recovery_saver.schedule(session)
    if viewer.role in ANSWERING:
        await mark_read(context, viewer, conversation_id, None)
    answer: Payload = {}
    if viewer.is_staff:
        answer["viewers"] = await viewers.begin(context, session, conversation_id)
    async with context.database.account(viewer.account_id) as tx:
        conversation = await conversations.get(tx, viewer=viewer, conversation_id=conversation_id)
        receipts = await reads.positions(tx, conversation_id=conversation_id)
        answer |= {"conversation": conversation.wire(), "receipts": [receipt.wire() for receipt in receipts]}
        if viewer.is_staff:
            answer["ai"] = await _ai_results(tx, conversation_id)
        return answer | await _messages(tx, viewer, conversation, payload, max_bytes=free_bytes(context, answer))


async def _ai_results(tx: Transaction, conversation_id: UUID) -> Payload:
    known = await results.latest(tx, conversation_id=conversation_id)
    return {ended.kind: finding_of(ended, result, at=ended.finished_at).payload() for ended, result in known}


async def _messages(
    tx: Transaction, viewer: Person, conversation: Conversation, payload: Payload, *, max_bytes: int
) -> Payload:
    """The newest messages that fit; with `afterSeq` all later messages and the updates of the others, or neither."""
    if payload["afterSeq"] is None:
        found, has_more = await messages.page(
            tx, viewer=viewer, conversation_id=conversation.id, limit=JOIN_MESSAGES, max_bytes=max_bytes
        )
        # the page is read after the conversation
        last_seq = max([conversation.last_seq, *(message.seq for message in found[-1:])])
        return {
            "messages": [message.wire() for message in found],
            "updates": [],
            "lastSeq": last_seq,
            "hasMore": has_more,
        }
    missed = await missed_in(
        tx,
        viewer,
        conversation.id,
        after_seq=payload["afterSeq"],
        revision=payload["revision"],
        max_bytes=max_bytes,
    )
    if "resyncRequired" in missed:
        return missed | {"messages": [], "updates": [], "hasMore": True}
    del missed["revision"]  # that of the conversation was read before
    return missed | {"hasMore": False}


async def leave_conversation(context: ServerContext, session: ClientSession, payload: Payload) -> Payload:
    await context.typing.stop(session, payload["conversationId"])
    await viewers.end(context, viewers.views_of(session, {payload["conversationId"]} & session.joined))
    context.sockets.leave_conversation(session, payload["conversationId"])
    context.recovery_saver.schedule(session)
    return {}


async def list_conversations(context: ServerContext, session: ClientSession, payload: Payload) -> Payload:
    viewer = session.authenticated_person
    if payload["search"] is not None and not viewer.is_staff:
        raise Forbidden("Only staff can search")  # a private note may match
    limit = nullcontext() if payload["search"] is None else context.searching
    async with limit, context.database.account(viewer.account_id) as tx:
        found, cursor = await conversations.page(
            tx,
            viewer=viewer,
            status=payload["status"],
            assigned_to=payload["assignedTo"],
            unassigned=payload["unassigned"],
            words=payload["search"],
            limit=payload["limit"],
            max_bytes=free_bytes(context),
            cursor=payload["cursor"],
        )
    answer: Payload = {"conversations": [conversation.wire() for conversation in found]}
    return answer | {"nextCursor": cursor} if cursor else answer


async def update_conversation_status(context: ServerContext, session: ClientSession, payload: Payload) -> Payload:
    """Change the status. A status that the conversation has already is answered, and nothing is published."""
    actor, conversation_id = session.authenticated_person, payload["conversationId"]
    async with context.database.account(actor.account_id) as tx:
        change = await conversations.change_status(
            tx, actor=actor, conversation_id=conversation_id, status=payload["status"], reason=payload["reason"]
        )
        entry = await outbox.add_change(tx, conversation_id) if change.old != change.new else None
    changed = ConversationStatusChanged(
        account_id=actor.account_id,
        conversation_id=conversation_id,
        timestamp=change.at,
        old_status=change.old,
        new_status=change.new,
        changed_by=actor.id,
        reason=payload["reason"] or None,
    )
    if entry is not None:
        await context.publisher.publish(changed)
        soon(publish_change(context, actor.account_id, conversation_id, entry))
    return changed.payload()


async def assign_conversation(context: ServerContext, session: ClientSession, payload: Payload) -> Payload:
    """Assign a conversation, also to the agent who has it already: that is logged and published again."""
    actor, conversation_id = session.authenticated_person, payload["conversationId"]
    agent_id, team_id = payload["agentId"], payload["teamId"]
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
    await context.publisher.publish(assigned)
    soon(publish_change(context, actor.account_id, conversation_id, entry))
    return assigned.payload()


async def unassign_conversation(context: ServerContext, session: ClientSession, payload: Payload) -> Payload:
    actor, conversation_id = session.authenticated_person, payload["conversationId"]
    async with context.database.account(actor.account_id) as tx:
        was = await conversations.unassign(tx, actor=actor, conversation_id=conversation_id, reason=payload["reason"])
        entry = await outbox.add_change(tx, conversation_id)
    unassigned = ConversationUnassigned(
        account_id=actor.account_id,
        conversation_id=conversation_id,
        timestamp=was.at,
        unassigned_from=was.agent_id,
        unassigned_by=actor.id,
        reason=payload["reason"] or None,
        team_id=was.team_id,
    )
    await context.publisher.publish(unassigned)
    soon(publish_change(context, actor.account_id, conversation_id, entry))
    return unassigned.payload()


async def correct_classification(context: ServerContext, session: ClientSession, payload: Payload) -> Payload:
    """Correct the category or the priority of a message. A priority becomes that of the conversation."""
    actor, conversation_id, priority = session.authenticated_person, payload["conversationId"], payload["priority"]
    entry: UUID | None = None
    async with context.database.account(actor.account_id) as tx:
        at = await corrections.correct(
            tx,
            actor=actor,
            conversation_id=conversation_id,
            message_id=payload["messageId"],
            category=payload["category"],
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
        message_id=payload["messageId"],
        corrected_by=actor.id,
        category=payload["category"],
        priority=priority,
    )
    await context.publisher.publish(corrected)
    if entry is not None:
        soon(publish_change(context, actor.account_id, conversation_id, entry))
    return corrected.payload()
