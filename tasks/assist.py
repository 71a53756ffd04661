"""Runs for one agent: a translated message, or what the agent is writing, translated or rewritten.

What is wanted is in Redis until the run is done; the result is published to the agent, and not stored.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import ClassVar

from hummdesk.core.errors import Conflict
from hummdesk.core.models import RunKind
from hummdesk.storage.runs import ClaimedRun
from tasks.context import WorkerContext
from tasks.run_handler import Answer, RunHandler, RunResult, register


class AssistHandler(RunHandler):
    kind: ClassVar[RunKind] = "assist"
    history_limit = 0

    async def prepare(self, worker: WorkerContext, claimed: Sequence[ClaimedRun]) -> Answer:
        async def answer(run: ClaimedRun) -> RunResult:
            request = await worker.assists.find(run.account_id, run.id)
            if request is None:
                raise Conflict("The text has expired")
            wanted = request.wanted
            if wanted.is_message:
                if run.message.erased:
                    raise Conflict("The message was withdrawn")
                wanted = replace(wanted, text=run.message.content)
            answered = await worker.providers.ask(run, lambda provider: provider.assist(wanted), has_fallback=False)
            payload = {
                "requested_by": str(request.requested_by),
                "text": answered.value,
                **answered.cost,
                **answered.source,
            }
            return RunResult(outcome="done", payload=payload)

        return answer


register(AssistHandler())
