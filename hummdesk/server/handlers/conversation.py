"""Conversations: joined and left, listed, opened and closed, assigned."""

from uuid import UUID

from hummdesk.core.background import soon
from hummdesk.core.clock import wire_time
from hummdesk.core.errors import Forbidden
from hummdesk.core.models import ANSWERING
from hummdesk.publish.run_events import payload_of
from hummdesk.server.context import Payload, ServerContext
from hummdesk.server.handlers import viewers
from hummdesk.server.handlers.read_receipts import mark_read, tell_change
from hummdesk.server.sockets import ClientSession
from hummdesk.storage import conversations, corrections, messages, outbox, results

JOIN_MESSAGES = 50
JOIN_MISSED = 100


async def join_conversation(context: ServerContext, session: ClientSession, payload: Payload) -> Payload:
    """Join, then look: what is said between the two arrives as an event as well, and never in neither."""
    viewer, conversation_id = session.who, payload["conversationId"]
    after_seq = payload["afterSeq"]
    async with context.database.account(viewer.account_id) as tx:
        await conversations.check(tx, viewer=viewer, conversation_id=conversation_id)
    context.sockets.join_conversation(session, viewer, conversation_id)
    context.departures.keep(session)
    if viewer.role in ANSWERING:
        await mark_read(context, viewer, conversation_id, None)
    async with context.database.account(viewer.account_id) as tx:
        conversation = await conversations.get(tx, viewer=viewer, conversation_id=conversation_id)
        found, has_more = await messages.page(
            tx,
            viewer=viewer,
            conversation_id=conversation_id,
            after_seq=after_seq,
            limit=JOIN_MESSAGES if after_seq is None else JOIN_MISSED,
        )
        receipts = await messages.receipts(tx, conversation_id=conversation_id)
        known = await results.latest(tx, conversation_id=conversation_id) if viewer.is_staff else []
    answer: Payload = {
        "conversation": conversation.wire(),
        "messages": [message.wire() for message in found],
        "lastSeq": max([conversation.last_seq, *(message.seq for message in found[-1:])]),  # one may have come since
        "hasMore": has_more,
        "receipts": [receipt.wire() for receipt in receipts],
    }
    if viewer.is_staff:
        answer["ai"] = {ended.kind: payload_of(ended, result) for ended, result in known}
        answer["viewers"] = await viewers.begin(context, session, conversation_id)
    return answer


async def leave_conversation(context: ServerContext, session: ClientSession, payload: Payload) -> Payload:
    await context.typing.stop(session, payload["conversationId"])
    await viewers.end(context, session, {payload["conversationId"]})
    context.sockets.leave_conversation(session, payload["conversationId"])
    context.departures.keep(session)
    return {}


async def list_conversations(context: ServerContext, session: ClientSession, payload: Payload) -> Payload:
    viewer = session.who
    if payload["search"] is not None and not viewer.is_staff:
        raise Forbidden("Only staff searches")  # what is found may be a note
    async with context.database.account(viewer.account_id) as tx:
        found, cursor = await conversations.page(
            tx,
            viewer=viewer,
            status=payload["status"],
            assigned_to=payload["assignedTo"],
            unassigned=payload["unassigned"],
            words=payload["search"],
            limit=payload["limit"],
            cursor=payload["cursor"],
        )
    answer: Payload = {"conversations": [conversation.wire() for conversation in found]}
    return answer | {"nextCursor": cursor} if cursor else answer


async def update_conversation_status(context: ServerContext, session: ClientSession, payload: Payload) -> Payload:
    """A status that it has already is answered, and changes and tells nothing."""
    actor, conversation_id = session.who, payload["conversationId"]
    async with context.database.account(actor.account_id) as tx:
        change = await conversations.change_status(
            tx, actor=actor, conversation_id=conversation_id, status=payload["status"], reason=payload["reason"]
        )
        entry = await outbox.add_change(tx, conversation_id) if change.old != change.new else None
    changed = {
        "conversationId": str(conversation_id),
        "oldStatus": change.old,
        "newStatus": change.new,
        "changedBy": str(actor.id),
        "timestamp": wire_time(change.at),
    } | _reason(payload)
    if entry is not None:
        await context.broadcast.status_changed(
            account_id=actor.account_id, conversation_id=conversation_id, payload=changed
        )
        soon(tell_change(context, actor.account_id, conversation_id, entry))
    return changed


async def assign_conversation(context: ServerContext, session: ClientSession, payload: Payload) -> Payload:
    """Also to whom it is assigned already: it is logged and told again."""
    actor, conversation_id = session.who, payload["conversationId"]
    agent_id, team_id = payload["agentId"], payload["teamId"]
    async with context.database.account(actor.account_id) as tx:
        at = await conversations.assign(
            tx, actor=actor, conversation_id=conversation_id, agent_id=agent_id, team_id=team_id
        )
        entry = await outbox.add_change(tx, conversation_id)
    assigned = {
        "conversationId": str(conversation_id),
        "assignedTo": str(agent_id),
        "assignedBy": str(actor.id),
        "timestamp": wire_time(at),
    } | ({"assignedTeam": str(team_id)} if team_id else {})
    await context.broadcast.assigned(
        account_id=actor.account_id,
        conversation_id=conversation_id,
        agent_id=agent_id,
        team_id=team_id,
        payload=assigned,
    )
    soon(tell_change(context, actor.account_id, conversation_id, entry))
    return assigned


async def unassign_conversation(context: ServerContext, session: ClientSession, payload: Payload) -> Payload:
    actor, conversation_id = session.who, payload["conversationId"]
    async with context.database.account(actor.account_id) as tx:
        was = await conversations.unassign(tx, actor=actor, conversation_id=conversation_id, reason=payload["reason"])
        entry = await outbox.add_change(tx, conversation_id)
    unassigned = {
        "conversationId": str(conversation_id),
        "unassignedFrom": str(was.agent_id),
        "unassignedBy": str(actor.id),
        "timestamp": wire_time(was.at),
    } | _reason(payload)
    await context.broadcast.unassigned(
        account_id=actor.account_id,
        conversation_id=conversation_id,
        agent_id=was.agent_id,
        team_id=was.team_id,
        payload=unassigned,
    )
    soon(tell_change(context, actor.account_id, conversation_id, entry))
    return unassigned


async def correct_classification(context: ServerContext, session: ClientSession, payload: Payload) -> Payload:
    """A priority is the conversation's from now on."""
    actor, conversation_id, priority = session.who, payload["conversationId"], payload["priority"]
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
    corrected = {
        "conversationId": str(conversation_id),
        "messageId": str(payload["messageId"]),
        "correctedBy": str(actor.id),
        "timestamp": wire_time(at),
    } | {name: payload[name] for name in ("category", "priority") if payload[name] is not None}
    await context.broadcast.classification_corrected(account_id=actor.account_id, payload=corrected)
    if entry is not None:
        soon(tell_change(context, actor.account_id, conversation_id, entry))
    return corrected


def _reason(payload: Payload) -> Payload:
    return {"reason": payload["reason"]} if payload["reason"] else {}
