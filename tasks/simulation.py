"""Steps of simulations, which drafts answers to questions that agents have answered.

A step ends after STEP_SECONDS, or at once while tasks of live AI runs wait; the relay sends the next one.
"""

import asyncio
import logging
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from decimal import Decimal
from uuid import UUID

from hummdesk.ai import comparison, knowledge_base
from hummdesk.ai.topics import MAX_QUESTIONS, topics
from hummdesk.core.broker import active_queues, lease_seconds
from hummdesk.core.errors import Unavailable
from hummdesk.core.models import ModelCall
from hummdesk.storage import ai_budgets, simulations
from hummdesk.storage.simulations import ClaimedStep, Question, SimulatedDraft
from tasks.burst import combine
from tasks.context import WorkerContext
from tasks.drafting import HISTORY_LIMIT, ask_for_draft

log = logging.getLogger(__name__)

STEP_SECONDS = 2.0
LIVE_PAUSE_SECONDS = 2.0
"""Delay of the next step while live runs wait for workers."""
BUDGET_REACHED = "The cost has reached the maximum of the simulation"
BUDGET_EXHAUSTED = "The daily budget of the account is used up"
STEP_FAILED = f"A step did not end in {simulations.MAX_STEP_ATTEMPTS} attempts: see the log of the workers"


class _Ended(Exception):
    """The simulation cannot go on; the text is shown to admins."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Request:
    """A question of a simulation, asked once: no retries, within the time limit of an attempt."""

    step: ClaimedStep
    attempts: int
    deadline: float

    @property
    def run_id(self) -> None:
        return None

    @property
    def account_id(self) -> UUID:
        return self.step.account_id

    @property
    def provider(self) -> str | None:
        return self.step.provider

    @property
    def daily_tokens(self) -> int | None:
        return self.step.daily_tokens

    @property
    def daily_dollars(self) -> Decimal | None:
        return self.step.daily_dollars


async def run_step(worker: WorkerContext, account_id: UUID, simulation_id: UUID, number: int) -> None:
    """Draft answers until the step ends, unless another process has begun it or the simulation has ended.

    A step that ends its process or fails is due again after its lease, until its attempts are used up.
    """
    lease = lease_seconds(worker.settings)
    async with worker.database.account(account_id) as tx:
        step = await simulations.claim(tx, id=simulation_id, step=number, lease_seconds=lease)
    if step is None:
        return
    try:
        if step.step_attempts > simulations.MAX_STEP_ATTEMPTS:
            raise _Ended(STEP_FAILED)
        delay = await _draft_all(worker, step)
    except _Ended as end:
        delay = None
        async with worker.database.account(account_id) as tx:
            await simulations.finish(tx, step.id, error=str(end))
    if delay is not None:
        async with worker.database.account(account_id) as tx:
            await simulations.release(tx, step.id, seconds=delay)


async def _draft_all(worker: WorkerContext, step: ClaimedStep) -> float | None:
    """Return the delay of the next step, None if the simulation has ended."""
    if step.status == "pending":
        if await knowledge_base.index(worker.database, step.account_id):
            return 0.0  # more is left to index
        async with worker.database.account(step.account_id) as tx:
            await simulations.plan(tx, step)
    until = time.monotonic() + STEP_SECONDS
    while time.monotonic() < until:
        if await _is_live_work_waiting(worker):
            return LIVE_PAUSE_SECONDS
        async with worker.database.account(step.account_id) as tx:
            question = await simulations.take_question(tx, step.id, history_limit=HISTORY_LIMIT)
        if question is None:
            await _finish(worker, step)
            return None
        draft = await _draft(worker, step, question)
        async with worker.database.account(step.account_id) as tx:
            cost = await simulations.store(tx, step.id, draft)
        if cost and cost >= step.max_dollars:
            raise _Ended(BUDGET_REACHED)
    return 0.0


async def _finish(worker: WorkerContext, step: ClaimedStep) -> None:
    """Find the topics of the questions that nothing answers, and end the simulation."""
    async with worker.database.account(step.account_id) as tx:
        questions = await simulations.abstained(tx, step.id, limit=MAX_QUESTIONS)
    found = await asyncio.to_thread(topics, [text for _, text in questions])
    examples = [(topic.size, [questions[number][0] for number in topic.examples]) for topic in found]
    async with worker.database.account(step.account_id) as tx:
        await simulations.store_topics(tx, step.id, examples)
        await simulations.finish(tx, step.id)


async def _is_live_work_waiting(worker: WorkerContext) -> bool:
    """Only in queues that have workers: tasks of a provider that was removed stay in its queue."""
    for queue in active_queues(worker.settings):
        if queue != "bulk" and await worker.queues.length(queue):
            return True
    return False


async def _draft(worker: WorkerContext, step: ClaimedStep, question: Question) -> SimulatedDraft:
    """Draft from the current knowledge, without what was learned from the same conversation, and compare."""
    settings = worker.settings
    request = _Request(
        step=step,
        attempts=settings.ai_max_attempts,
        deadline=time.monotonic() + settings.ai_soft_limit_seconds,
    )
    message, context = combine(question.history, question.content, customer_name=question.sender_name)
    try:
        answered = await ask_for_draft(worker, request, message, context, without=question.own_replies)
    except Unavailable:
        raise
    except Exception as error:
        log.warning("simulation.draft_failed", extra={"simulation_id": str(step.id)}, exc_info=error)
        return SimulatedDraft(message_id=question.message_id, outcome="failed")
    if answered.fallback == ai_budgets.EXHAUSTED:
        raise _Ended(BUDGET_EXHAUSTED)
    draft = answered.value
    cost, unpriced = _cost(answered.calls)
    found = SimulatedDraft(
        message_id=question.message_id,
        outcome="abstained",
        provider=answered.provider,
        confidence=draft.confidence,
        cost_usd=cost,
        unpriced=unpriced,
    )
    if answered.fallback is not None:  # drafts of two providers in one table would prove nothing
        return replace(found, outcome="failed", confidence=None)
    if draft.content is None or draft.is_question:  # which answers nothing, and cannot be compared
        return found
    first = draft.citations[0] if draft.citations else None
    compared = comparison.compare(draft.content, question.reply, message.content)
    return replace(
        found,
        outcome="drafted",
        source_kind=first.kind if first else None,
        source_id=UUID(first.id) if first and first.id else None,
        draft=draft.content,
        **asdict(compared),
    )


def _cost(calls: Sequence[ModelCall]) -> tuple[Decimal, int]:
    """The cost of calls, and how many have an unknown price."""
    return (
        sum((call.cost for call in calls if call.cost is not None), Decimal(0)),
        sum(call.cost is None and call.usage.total > 0 for call in calls),
    )
