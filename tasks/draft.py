"""Draft runs: a reply to the customer's unanswered messages, based on the account's knowledge."""

from collections.abc import Sequence
from typing import ClassVar

from hummdesk.ai import knowledge_base
from hummdesk.ai.embedded.retrieval import queries_of
from hummdesk.ai.message_text import message_text
from hummdesk.ai.text import one_line
from hummdesk.core.models import RunKind
from hummdesk.storage.runs import ClaimedRun
from tasks import knowledge
from tasks.burst import combined_question
from tasks.context import WorkerContext
from tasks.draft_stream import shown_draft
from tasks.run_handler import Answer, RunHandler, RunResult, register


class DraftHandler(RunHandler):
    kind: ClassVar[RunKind] = "draft"
    history_limit = 20

    async def prepare(self, worker: WorkerContext, claimed: Sequence[ClaimedRun]) -> Answer:
        for account_id in {run.account_id for run in claimed}:
            if await knowledge_base.index(worker.database, account_id):
                knowledge.enqueue_update(account_id)

        async def answer(run: ClaimedRun) -> RunResult:
            message, context = combined_question(run)
            queries = [query.text for query in queries_of(one_line(message_text(message)), context.history)]
            known = await knowledge_base.find(worker.database, run.account_id, queries)
            async with shown_draft(worker, run) as show:
                answered = await worker.providers.ask(
                    run, lambda provider: provider.draft(message, context, known, show=show)
                )
            draft = answered.value.above(run.min_confidence)
            payload = {
                "draft": draft.wire(),
                "confidence": draft.confidence,
                "reasoning": draft.reasoning,
                "sources": list(draft.sources),
                "citations": [citation.wire() for citation in draft.citations],
                "based_on_seq": run.message.seq,
                "assigned_to": str(run.assigned_to) if run.assigned_to else None,
                **answered.source,
            }
            return RunResult(outcome=draft.outcome, payload=payload)

        return answer


register(DraftHandler())
