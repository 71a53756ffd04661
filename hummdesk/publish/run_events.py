"""How messages and ends of AI runs are told: by the process that has committed them, or by the relay if it died.

Who opens the conversation later is given the same.
"""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Iterable
from typing import Any
from uuid import UUID

from hummdesk.core.clock import wire_time
from hummdesk.core.models import Conversation, Message
from hummdesk.publish.broadcast import BroadcastService, Payload, classification_fields, draft_fields
from hummdesk.storage.runs import EndedRun

UNEXPLAINED = "The AI run failed"

Publication = Coroutine[Any, Any, None]


async def announce_message(
    broadcast: BroadcastService,
    account_id: UUID,
    message: Message,
    *,
    follows_closely: bool,
    reopened_from: str | None,
    entry: UUID | None = None,
) -> None:
    """Tell everybody of a message, and that it reopened its conversation if it did."""
    await broadcast.new_message(account_id=account_id, message=message, follows_closely=follows_closely, entry=entry)
    if reopened_from is None:
        return
    payload = {
        "conversationId": str(message.conversation_id),
        "oldStatus": reopened_from,
        "newStatus": "open",
        "changedBy": str(message.sender_id),
        "timestamp": wire_time(message.created_at),
    }
    await broadcast.status_changed(
        account_id=account_id,
        conversation_id=message.conversation_id,
        payload=payload,
        key=f"reopened/{message.id}",
        entry=entry,
    )


async def announce_updates(
    broadcast: BroadcastService, read: Callable[[], Awaitable[list[Conversation]]], *, entry: UUID | None = None
) -> None:
    """Tell the account how conversations stand, and again until what Redis was given last is how they stand.

    Two processes may write in another order than they read; whoever wrote the older state last finds that out here.
    """
    told: list[Conversation] = []
    while (stand := await read()) != told:
        await asyncio.gather(*(broadcast.conversation_updated(one, entry=entry) for one in stand if one not in told))
        told, entry = stand, None


async def announce(broadcast: BroadcastService, runs: Iterable[tuple[EndedRun, Payload | None]]) -> None:
    """Emit of each what it has found (as it was stored), if that is for people, and its one terminal event."""
    await asyncio.gather(*(telling for ended, result in runs for telling in _tellings(broadcast, ended, result)))


def _tellings(broadcast: BroadcastService, ended: EndedRun, result: Payload | None) -> list[Publication]:
    """In order; they are on their way together."""
    about = {"account_id": ended.account_id, "conversation_id": ended.conversation_id, "message_id": ended.message_id}
    if ended.outcome is None:
        error = ended.last_error or UNEXPLAINED
        return [broadcast.ai_error(**about, kind=ended.kind, run_id=ended.id, error=error)]
    shown = [_show(broadcast, ended, result, about)] if ended.outcome == "done" and result is not None else []
    completed = broadcast.ai_processing_completed(
        **about, kind=ended.kind, run_id=ended.id, outcome=ended.outcome, processing_ms=_milliseconds(ended)
    )
    return [*shown, completed]


async def _show(broadcast: BroadcastService, ended: EndedRun, result: Payload, about: Payload) -> None:
    if ended.kind == "classification":
        await broadcast.ai_classification(**about, **_classification(ended, result))
    else:
        assigned_to = result["assigned_to"] and UUID(result["assigned_to"])
        await broadcast.ai_draft(**about, assigned_to=assigned_to, **_draft(result))


def payload_of(ended: EndedRun, result: Payload) -> Payload:
    """What `ai_classification` or `ai_draft` has told of a run, for who comes later."""
    about = {
        "conversationId": str(ended.conversation_id),
        "messageId": str(ended.message_id),
        "timestamp": wire_time(ended.finished_at),
    }
    if ended.kind == "classification":
        return about | classification_fields(**_classification(ended, result))
    return about | draft_fields(**_draft(result))


def _classification(ended: EndedRun, result: Payload) -> Payload:
    kept = ("classification", "confidence", "provider")
    return {name: result[name] for name in kept} | {"processing_ms": _milliseconds(ended)}


def _draft(result: Payload) -> Payload:
    kept = ("draft", "confidence", "reasoning", "sources", "based_on_seq", "provider")
    return {name: result[name] for name in kept} | {"citations": result.get("citations", [])}  # older ones have none


def _milliseconds(ended: EndedRun) -> int:
    if ended.started_at is None:
        return 0
    return max(0, round((ended.finished_at - ended.started_at).total_seconds() * 1000))  # the clocks may be two
