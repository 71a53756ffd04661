"""Summary runs: a conversation in a few sentences, for an agent who takes it over."""

from collections.abc import Sequence
from typing import ClassVar

from hummdesk.ai.protocol import Turn
from hummdesk.core.models import RunKind
from hummdesk.storage.runs import ClaimedRun
from tasks.context import WorkerContext
from tasks.run_handler import Answer, RunHandler, RunResult, register


class SummaryHandler(RunHandler):
    kind: ClassVar[RunKind] = "summary"
    history_limit = 49

    async def prepare(self, worker: WorkerContext, claimed: Sequence[ClaimedRun]) -> Answer:
        async def answer(run: ClaimedRun) -> RunResult:
            earlier = [Turn(sender=one.sender, content=one.content) for one in run.history]
            last = Turn(sender=run.message.sender_type, content=run.message.content)
            answered = await worker.providers.ask(run, lambda provider: provider.summarize([*earlier, last]))
            payload = {
                "summary": answered.value,
                "based_on_seq": run.message.seq,
                "assigned_to": str(run.assigned_to) if run.assigned_to else None,
                **answered.cost,
                **answered.source,
            }
            return RunResult(outcome="done", payload=payload)

        return answer


register(SummaryHandler())
