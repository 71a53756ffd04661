"""Answering a customer by itself after a draft, where the account allows it."""

import logging
from uuid import UUID

from hummdesk.ai.automatic import Case, decide
from hummdesk.ai.protocol import Draft
from hummdesk.storage import automatic
from hummdesk.storage.automatic import Answer
from hummdesk.storage.database import Database
from hummdesk.storage.runs import ClaimedRun

log = logging.getLogger(__name__)


async def consider(database: Database, run: ClaimedRun, draft: Draft, *, provider: str) -> bool:
    """Send the draft, hand its conversation over, or do nothing; return whether the message has an automatic answer.

    Only thresholds that were proven with drafts of the provider count: no other's drafts are sent.
    Repeating it after a failure sends no second answer, and does not count the message as one after its answer.
    """
    if not run.is_automatic:
        return False
    conversation_id, account_id = run.message.conversation_id, run.account_id
    async with database.account(account_id) as tx:
        found = await automatic.case(tx, run)
        if found is None or found["is_answered"] or not found["is_current"]:
            return found is not None and found["is_answered"]
        case = Case(
            thresholds={
                name: threshold["minConfidence"]
                for name, threshold in found["categories"].items()
                if threshold.get("provider") == provider
            },
            category=found["category"],
            sentiment=found["sentiment"],
            answers=found["answers"],
            failures=found["failures"],
            verdict=found["verdict"],
            is_handed_over=found["is_handed_over"],
        )
        decision = decide(case, draft)
        if decision.reason is not None:
            is_done = await automatic.hand_over(tx, account_id, conversation_id, decision.reason)
            _log("handed_over" if is_done else "overtaken", run.id)
            return False
        if not decision.is_answer:
            return False
        is_sent = await automatic.answer(
            tx,
            account_id,
            Answer(
                run_id=run.id,
                conversation_id=conversation_id,
                seq=run.message.seq,
                content=draft.content or "",
                category=case.category or "",
                confidence=draft.confidence,
                failures=case.failures_now,
                sources=draft.sources,
                sender_name=found["account_name"],
            ),
        )
    _log("answered" if is_sent else "overtaken", run.id)
    return is_sent


def _log(outcome: str, run_id: UUID) -> None:
    log.info("automatic_answer.decided", extra={"outcome": outcome, "run_id": str(run_id)})
