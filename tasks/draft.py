"""A draft of the answer to what a customer has written since the last reply, from what the account knows."""

from collections.abc import Sequence
from itertools import takewhile
from typing import ClassVar

from hummdesk.ai import knowledge_base
from hummdesk.ai.embedded.retrieval import questions
from hummdesk.ai.protocol import Context, IncomingMessage, Turn
from hummdesk.ai.text import plain
from hummdesk.core.models import RunKind
from hummdesk.storage.runs import ClaimedRun
from tasks import knowledge
from tasks.context import WorkerContext
from tasks.run import Find, Found, Run, register


class Drafting(Run):
    kind: ClassVar[RunKind] = "draft"
    turns = 20

    async def prepare(self, worker: WorkerContext, going: Sequence[ClaimedRun]) -> Find:
        for account_id in {job.account_id for job in going}:
            if await knowledge_base.index(worker.database, account_id):
                knowledge.order(account_id)

        async def find(job: ClaimedRun) -> Found:
            message, context = asked(job)
            known = await knowledge_base.find(worker.database, job.account_id, questions(plain(message.content)))
            advice = await worker.adviser.ask(job, lambda provider: provider.draft(message, context, known))
            draft = advice.value
            payload = {
                "draft": draft.wire(),
                "confidence": draft.confidence,
                "reasoning": draft.reasoning,
                "sources": list(draft.sources),
                "citations": [one.wire() for one in draft.citations],
                "based_on_seq": job.message.seq,
                "assigned_to": str(job.assigned_to) if job.assigned_to else None,
                **advice.marks,
            }
            return Found(outcome=draft.outcome, payload=payload)

        return find


def asked(job: ClaimedRun) -> tuple[IncomingMessage, Context]:
    """All that the customer has said since anybody answered, as one message, and what was said before."""
    burst = list(takewhile(lambda turn: turn.sender == "customer", reversed(job.history)))[::-1]
    before = job.history[: len(job.history) - len(burst)]
    content = "\n\n".join([*(turn.content for turn in burst), job.message.content])
    history = tuple(Turn(sender=turn.sender, content=turn.content) for turn in before)
    return IncomingMessage(content=content, customer_name=job.message.sender_name), Context(history=history)


register(Drafting())
