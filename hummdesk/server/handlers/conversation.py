"""Conversations: join, leave, list, change the status, correct the classification."""

import asyncio
from uuid import UUID

from hummdesk.core.errors import Unavailable
from hummdesk.core.models import ANSWERING, Conversation, Person
from hummdesk.publish.events.ai import finding_of
from hummdesk.publish.moves import activity_of
from hummdesk.server.actions import conversations as actions
from hummdesk.server.actions import read_receipts
from hummdesk.server.actions.queue_positions import queue_of
from hummdesk.server.answers import free_bytes, json_bytes
from hummdesk.server.context import Payload, ServerContext
from hummdesk.server.handlers import viewers
from hummdesk.server.handlers.missed import missed_in
from hummdesk.server.sockets import ClientSession
from hummdesk.storage import conversations, messages, moves, reads, results, run_requests
from hummdesk.storage.conversations import Filter
from hummdesk.storage.database import Transaction

JOIN_MESSAGES = 50
JOIN_ACTIVITY = 50


async def join_conversation(context: ServerContext, session: ClientSession, payload: Payload) -> Payload:
    """Join, then read: a message that is sent in between is in the answer as well as an event, never in neither."""
    viewer, conversation_id = session.authenticated_person, payload["conversationId"]
    context.sockets.check_capacity(session, conversation_id)
    async with context.database.account(viewer.account_id) as tx:
        await conversations.check(tx, viewer=viewer, conversation_id=conversation_id)
    context.sockets.join_conversation(session, viewer, conversation_id)
    context.recovery_saver.schedule(session)
    answer: Payload = {}
    if viewer.role in ANSWERING:
        answer["readOnView"] = await read_receipts.view(context, viewer, conversation_id)
    streaming: Payload = {}
    if viewer.is_staff:
        answer["viewers"], streaming = await asyncio.gather(
            viewers.begin(context, session, conversation_id), _streaming(context, viewer, conversation_id)
        )
    async with context.database.account(viewer.account_id) as tx:
        conversation = await conversations.get(tx, viewer=viewer, conversation_id=conversation_id)
        receipts = await reads.positions(tx, conversation_id=conversation_id)
        answer |= {"conversation": conversation.wire(), "receipts": [receipt.wire() for receipt in receipts]}
        answer["activity"] = await _activity(context, tx, viewer, conversation_id)
        if viewer.is_staff:
            answer["ai"] = streaming | await _ai_results(tx, conversation_id)
            if viewer.role in ANSWERING and _may_wait(conversation):
                await run_requests.open_conversation(tx, conversation_id=conversation_id)
        answer |= await _messages(tx, viewer, conversation, payload, max_bytes=free_bytes(context, answer))
    if not viewer.is_staff and (queue := await queue_of(context, conversation)) is not None:
        answer["queue"] = queue
    await context.recovery_saver.wait(session)
    return answer


def _may_wait(conversation: Conversation) -> bool:
    """Whether the customer may wait for an answer; the newest message may be a note."""
    last = conversation.last_message
    return conversation.status != "closed" and last is not None and (last.private or last.sender_type == "customer")


async def _streaming(context: ServerContext, viewer: Person, conversation_id: UUID) -> Payload:
    """The draft that is being generated; read before the results, so that it is in one of them."""
    try:
        progress = await context.draft_progress.of_conversation(viewer.account_id, conversation_id)
    except Unavailable:
        return {}
    return {} if progress is None else {"streaming": progress.wire()}


async def _ai_results(tx: Transaction, conversation_id: UUID) -> Payload:
    known = await results.latest(tx, conversation_id=conversation_id)
    return {ended.kind: finding_of(ended, result, at=ended.finished_at).payload() for ended, result in known}


async def _activity(context: ServerContext, tx: Transaction, viewer: Person, conversation_id: UUID) -> list[Payload]:
    """The newest moves that fit into a tenth of an answer, oldest first, as one side sees them."""
    logged = await moves.newest(tx, conversation_id=conversation_id, limit=JOIN_ACTIVITY)
    lines = [line for change in logged if (line := activity_of(change)) and (viewer.is_staff or line.is_for_customers)]
    shown = [line.shown(is_staff=viewer.is_staff) for line in lines]
    while shown and json_bytes({"activity": shown}) > context.settings.max_answer_bytes // 10:
        del shown[: len(shown) // 2 + 1]
    return shown


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
    wanted = Filter(
        status=payload["status"],
        assigned_to=payload["assignedTo"],
        unassigned=payload["unassigned"],
        team_id=payload["teamId"],
        words=payload["search"],
    )
    viewer, place = session.authenticated_person, {"limit": payload["limit"], "cursor": payload["cursor"]}
    found, cursor = await actions.page(context, viewer, wanted, **place)
    answer: Payload = {"conversations": [conversation.wire() for conversation in found]}
    return answer | {"nextCursor": cursor} if cursor else answer


async def update_conversation_status(context: ServerContext, session: ClientSession, payload: Payload) -> Payload:
    actor, conversation_id = session.authenticated_person, payload["conversationId"]
    change = {"status": payload["status"], "reason": payload["reason"]}
    return (await actions.change_status(context, actor, conversation_id, **change)).payload()


async def correct_classification(context: ServerContext, session: ClientSession, payload: Payload) -> Payload:
    corrected = await actions.correct_classification(
        context,
        session.authenticated_person,
        payload["conversationId"],
        message_id=payload["messageId"],
        category=payload["category"],
        priority=payload["priority"],
    )
    return corrected.payload()
