"""How an ended AI run is told to staff: by the worker that ended it, or by the relay if that one did not live to."""

from typing import Any
from uuid import UUID

from hummdesk.broadcast import BroadcastService
from hummdesk.storage.jobs import Ended

UNEXPLAINED = "The AI run failed"


async def announce(broadcast: BroadcastService, ended: Ended, result: dict[str, Any] | None) -> None:
    """Emit what the run has found (`result` as it was stored), if that is for people, and its one terminal event."""
    about = {"account_id": ended.account_id, "conversation_id": ended.conversation_id, "message_id": ended.message_id}
    if ended.outcome is None:
        error = ended.last_error or UNEXPLAINED
        await broadcast.ai_error(**about, kind=ended.kind, run_id=ended.id, error=error)
        return
    if ended.outcome == "done" and result is not None:
        await _show(broadcast, ended, result, about)
    await broadcast.ai_processing_completed(
        **about, kind=ended.kind, run_id=ended.id, outcome=ended.outcome, processing_ms=_milliseconds(ended)
    )


async def _show(broadcast: BroadcastService, ended: Ended, result: dict[str, Any], about: dict[str, UUID]) -> None:
    if ended.kind == "classification":
        await broadcast.ai_classification(
            **about,
            classification=result["classification"],
            confidence=result["confidence"],
            processing_ms=_milliseconds(ended),
            provider=result["provider"],
        )
    else:
        await broadcast.ai_draft(
            **about,
            assigned_to=result["assigned_to"] and UUID(result["assigned_to"]),
            draft=result["draft"],
            confidence=result["confidence"],
            reasoning=result["reasoning"],
            sources=result["sources"],
            based_on_seq=result["based_on_seq"],
            provider=result["provider"],
        )


def _milliseconds(ended: Ended) -> int:
    if ended.started_at is None:
        return 0
    return max(0, round((ended.finished_at - ended.started_at).total_seconds() * 1000))  # the clocks may be two
