"""Draft runs: a reply to the customer's unanswered messages, based on the account's knowledge."""

from collections.abc import Sequence
from typing import ClassVar

from hummdesk.ai import knowledge_base
from hummdesk.core.models import RunKind
from hummdesk.storage.runs import ClaimedRun
from tasks import automatic, knowledge
from tasks.burst import combined_question
from tasks.context import WorkerContext
from tasks.draft_stream import shown_draft
from tasks.drafting import HISTORY_LIMIT, ask_for_draft
from tasks.run_handler import Answer, RunHandler, RunResult, register


class DraftHandler(RunHandler):
    kind: ClassVar[RunKind] = "draft"
    history_limit = HISTORY_LIMIT

    async def prepare(self, worker: WorkerContext, claimed: Sequence[ClaimedRun]) -> Answer:
        for account_id in {run.account_id for run in claimed}:
            if await knowledge_base.index(worker.database, account_id):
                knowledge.enqueue_update(account_id)

        async def answer(run: ClaimedRun) -> RunResult:
            message, context = combined_question(run)
            async with shown_draft(worker, run) as show:
                answered = await ask_for_draft(worker, run, message, context, show=show)
            is_sent = await automatic.consider(worker.database, run, answered.value, provider=answered.provider)
            draft = answered.value.above(run.min_confidence)
            payload = {
                "draft": draft.wire(),
                "confidence": draft.confidence,
                "reasoning": draft.reasoning,
                "sources": list(draft.sources),
                "citations": draft.cited(),
                "based_on_seq": run.message.seq,
                "assigned_to": str(run.assigned_to) if run.assigned_to else None,
                **answered.source,
            }
            return RunResult(outcome="superseded" if is_sent else draft.outcome, payload=payload)

        return answer


register(DraftHandler())
