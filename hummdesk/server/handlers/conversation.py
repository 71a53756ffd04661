"""Conversations: join, leave, list, change the status, correct the classification."""

import asyncio
from dataclasses import dataclass
from uuid import UUID

from orjson import Fragment

from hummdesk.core import json_encoding
from hummdesk.core.errors import Unavailable
from hummdesk.core.models import ANSWERING, Conversation, Message, Person
from hummdesk.publish.events.ai import finding_of
from hummdesk.server.actions import continuations, read_receipts
from hummdesk.server.actions import conversations as actions
from hummdesk.server.actions.queue_positions import queue_of
from hummdesk.server.answers import free_bytes
from hummdesk.server.context import Payload, ServerContext
from hummdesk.server.handlers import lines, viewers
from hummdesk.server.handlers.missed import missed_in
from hummdesk.server.sockets import ClientSession
from hummdesk.storage import conversations, messages, moves, reads, results
from hummdesk.storage.conversations import Filter
from hummdesk.storage.database import Transaction
from hummdesk.storage.moves import LoggedChange
from hummdesk.storage.reads import ReadPosition, ViewRule
from hummdesk.storage.runs import EndedRun

JOIN_MESSAGES = 50


async def join_conversation(context: ServerContext, session: ClientSession, payload: Payload) -> Payload:
    """Read, join, and read again if an event of the conversation was delivered meanwhile.

    So a change that is published meanwhile is in the answer or follows as an event, never in neither.
    """
    viewer, conversation_id = session.authenticated_person, payload["conversationId"]
    context.sockets.check_capacity(session, conversation_id)
    with context.sockets.watching(conversation_id) as deliveries:
        found = await _read(context, viewer, conversation_id, payload)
        context.sockets.join_conversation(session, viewer, conversation_id)
        context.recovery_saver.schedule(session)
        fields: Payload = {}
        if found.rule is not None:
            fields["readOnView"] = found.rule.read_on_view
            await read_receipts.view(context, viewer, conversation_id, found.rule)
        streaming: Payload = {}
        if viewer.is_staff:
            fields["viewers"], streaming = await asyncio.gather(
                viewers.begin(context, session, conversation_id), _streaming(context, viewer, conversation_id)
            )
    if deliveries.has_any or (found.rule is not None and found.rule.applies):
        found = await _read(context, viewer, conversation_id, payload)
    answer = await _answer(context, viewer, found, payload, fields=fields, streaming=streaming)
    await context.recovery_saver.wait(session)
    return answer


@dataclass(frozen=True, slots=True, kw_only=True)
class _Found:
    """What a viewer sees who opens a conversation."""

    conversation: Conversation
    receipts: list[ReadPosition]
    logged: list[LoggedChange]
    ended: list[tuple[EndedRun, Payload]] | None
    """The results of AI runs, for staff."""
    newest: tuple[list[Message], bool] | None
    """The newest messages, and whether there are earlier ones; None for a client that names those that it has."""
    rule: ViewRule | None
    """What the view does, of those who answer."""


async def _read(context: ServerContext, viewer: Person, conversation_id: UUID, payload: Payload) -> _Found:
    """Read the conversation in one round trip, and start its draft if it needs one. Raises NotFound."""
    reader = context.database.reader(viewer.account_id)
    conversation, receipts, logged, ended, newest, rule = await asyncio.gather(
        conversations.get(reader, viewer=viewer, conversation_id=conversation_id),
        reads.positions(reader, conversation_id=conversation_id),
        moves.lines(reader, viewer=viewer, conversation_id=conversation_id, limit=lines.PAGE),
        results.latest(reader, conversation_id=conversation_id) if viewer.is_staff else _nothing(),
        _newest(reader, viewer, conversation_id, free_bytes(context)) if payload["afterSeq"] is None else _nothing(),
        reads.view(reader, viewer=viewer, conversation_id=conversation_id) if viewer.role in ANSWERING else _nothing(),
    )
    return _Found(conversation=conversation, receipts=receipts, logged=logged, ended=ended, newest=newest, rule=rule)


async def _answer(
    context: ServerContext, viewer: Person, found: _Found, payload: Payload, *, fields: Payload, streaming: Payload
) -> Payload:
    """The conversation as the viewer sees it. `fields`: further ones of the answer."""
    conversation = found.conversation
    answer = fields | {
        "conversation": conversation.wire(),
        "receipts": [receipt.wire() for receipt in found.receipts],
        "activity": lines.shown(context, viewer, found.logged),
    }
    if found.ended is not None:
        answer["ai"] = streaming | {
            ended.kind: finding_of(ended, result, at=ended.finished_at).payload() for ended, result in found.ended
        }
    if not viewer.is_staff and (queue := await queue_of(context, conversation)) is not None:
        answer["queue"] = queue
    left = free_bytes(context, answer)
    if (newest := found.newest) is not None:
        shown = _packed(newest[0])
        if len(shown) > left:
            reader = context.database.reader(viewer.account_id)
            newest = await _newest(reader, viewer, conversation.id, left)
            shown = _packed(newest[0])
        return answer | _whole(conversation, *newest, shown)
    async with context.database.account(viewer.account_id) as tx:
        return answer | await _missed(tx, viewer, conversation, payload, max_bytes=left)


async def _nothing() -> None:
    """In place of a query that this viewer does not need."""


async def _streaming(context: ServerContext, viewer: Person, conversation_id: UUID) -> Payload:
    """The draft that is being generated. One that has ended since the results were read is an event."""
    try:
        progress = await context.draft_progress.of_conversation(viewer.account_id, conversation_id)
    except Unavailable:
        return {}
    return {} if progress is None else {"streaming": progress.wire()}


async def _newest(tx: Transaction, viewer: Person, conversation_id: UUID, max_bytes: int) -> tuple[list[Message], bool]:
    return await messages.newest(
        tx, viewer=viewer, conversation_id=conversation_id, limit=JOIN_MESSAGES, max_bytes=max_bytes
    )


def _packed(found: list[Message]) -> bytes:
    """Messages as JSON: encoded once, to be measured and sent."""
    return json_encoding.encode([message.wire() for message in found])


def _whole(conversation: Conversation, found: list[Message], has_more: bool, shown: bytes) -> Payload:
    """The newest messages that fit, `shown` as JSON. They were read after the conversation."""
    return {
        "messages": Fragment(shown),
        "updates": [],
        "lastSeq": max([conversation.last_seq, *(message.seq for message in found[-1:])]),
        "hasMore": has_more,
    }


async def _missed(
    tx: Transaction, viewer: Person, conversation: Conversation, payload: Payload, *, max_bytes: int
) -> Payload:
    """All messages after `afterSeq` and the updates of the others, or neither."""
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
        priority=payload["priority"],
        label_id=payload["labelId"],
        category=payload["category"],
        is_snoozed=payload["snoozed"],
        words=payload["search"],
        is_waiting=payload["sort"] == "waiting",
    )
    viewer, place = session.authenticated_person, {"limit": payload["limit"], "cursor": payload["cursor"]}
    found, cursor = await actions.page(context, viewer, wanted, **place)
    answer: Payload = {"conversations": [conversation.wire() for conversation in found]}
    return answer | {"nextCursor": cursor} if cursor else answer


async def update_conversation_status(context: ServerContext, session: ClientSession, payload: Payload) -> Payload:
    actor, conversation_id = session.authenticated_person, payload["conversationId"]
    change = {"status": payload["status"], "reason": payload["reason"]}
    return (await actions.change_status(context, actor, conversation_id, **change)).payload()


async def snooze_conversation(context: ServerContext, session: ClientSession, payload: Payload) -> Payload:
    actor, conversation_id = session.authenticated_person, payload["conversationId"]
    change = {"until": payload["until"], "reason": payload["reason"]}
    return (await actions.snooze(context, actor, conversation_id, **change)).payload()


async def merge_conversation(context: ServerContext, session: ClientSession, payload: Payload) -> Payload:
    actor = session.authenticated_person
    await continuations.merge(context, actor, payload["conversationId"], payload["intoConversationId"])
    return {}


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
