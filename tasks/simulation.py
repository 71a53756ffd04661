"""Steps of simulations, which draft answers to questions that agents have answered.

A step ends after STEP_SECONDS, or at once while tasks of live AI runs wait; the relay sends the next one. Where the
provider has a batch interface, the steps prepare a batch, submit it, and collect its answers when it has ended.
"""

import asyncio
import logging
import time
from uuid import UUID

from hummdesk.ai import knowledge_base
from hummdesk.ai.external.draft_batches import DraftBatches
from hummdesk.ai.protocol import ProviderError
from hummdesk.ai.topics import MAX_QUESTIONS, topics
from hummdesk.core.broker import lease_seconds
from hummdesk.core.errors import Unavailable
from hummdesk.storage import ai_budgets, simulations
from hummdesk.storage.simulations import ClaimedStep, Question, SimulatedDraft
from tasks import live_work, simulation_batch
from tasks.burst import combine
from tasks.context import WorkerContext
from tasks.drafting import HISTORY_LIMIT, ask_for_draft
from tasks.simulated_draft import BUDGET_EXHAUSTED, BUDGET_REACHED, Ended, StepRequest, compared, failed

log = logging.getLogger(__name__)

STEP_SECONDS = 2.0
LIVE_PAUSE_SECONDS = 2.0
"""Delay of the next step while live runs wait for workers."""
STEP_FAILED = f"A step did not end in {simulations.MAX_STEP_ATTEMPTS} attempts: see the log of the workers"


async def run_step(
    worker: WorkerContext, account_id: UUID, simulation_id: UUID, number: int, *, may_begin_batch: bool = True
) -> None:
    """Draft answers until the step ends, unless another process has begun it or the simulation has ended.

    A step that ends its process or fails is due again after its lease, until its attempts are used up. Without
    `may_begin_batch`, questions are asked one by one, unless a batch is in progress.
    """
    lease = lease_seconds(worker.settings)
    async with worker.database.account(account_id) as tx:
        step = await simulations.claim(tx, id=simulation_id, step=number, lease_seconds=lease)
    if step is None:
        return
    try:
        if step.step_attempts > simulations.MAX_STEP_ATTEMPTS:
            await _give_up(worker, step)
            return
        delay = await _advance(worker, step, may_begin_batch=may_begin_batch)
    except Ended as end:
        delay = None
        async with worker.database.account(account_id) as tx:
            await simulations.finish(tx, step.id, error=str(end))
    except ProviderError as error:
        log.warning("simulation.step_failed", extra={"simulation_id": str(step.id), "code": error.code})
        return
    if delay is not None:
        async with worker.database.account(account_id) as tx:
            await simulations.release(tx, step.id, seconds=delay)


async def _give_up(worker: WorkerContext, step: ClaimedStep) -> None:
    request, batches = _request(worker, step), None
    if step.batch_id is not None:
        try:
            batches = await worker.providers.draft_batches(request, is_in_progress=True)
        except Exception as error:
            log.warning("simulation.step_failed", extra={"simulation_id": str(step.id)}, exc_info=error)
    await simulation_batch.end_unanswered(worker, request, batches, code="cancelled", error=STEP_FAILED)


async def _advance(worker: WorkerContext, step: ClaimedStep, *, may_begin_batch: bool) -> float | None:
    """Return the delay of the next step, None if there is none. Raises Ended, ProviderError."""
    is_in_progress = step.batch_id is not None
    batches = None
    if is_in_progress or may_begin_batch:
        batches = await worker.providers.draft_batches(_request(worker, step), is_in_progress=is_in_progress)
    if is_in_progress:
        return await simulation_batch.collect(worker, _request(worker, step), batches)
    if step.status == "pending":
        if await knowledge_base.index(worker.database, step.account_id):
            return 0.0  # more is left to index
        async with worker.database.account(step.account_id) as tx:
            await simulations.plan(tx, step)
    return await _draft_all(worker, step, batches)


async def _draft_all(worker: WorkerContext, step: ClaimedStep, batches: DraftBatches | None) -> float | None:
    """Draft question by question, or prepare them until a batch is complete."""
    async with worker.database.account(step.account_id) as tx:
        prepared = await simulations.count_requests(tx, step.id)
        if batches is None and prepared:  # the provider has changed
            await simulations.end_batch(tx, step.id)
            return 0.0
    until = time.monotonic() + STEP_SECONDS
    while time.monotonic() < until:
        if await live_work.is_waiting(worker):
            return LIVE_PAUSE_SECONDS
        question = None
        if prepared < simulation_batch.BATCH_QUESTIONS:
            async with worker.database.account(step.account_id) as tx:
                question = await simulations.take_question(tx, step.id, history_limit=HISTORY_LIMIT)
        if question is None:
            if batches is not None and prepared:
                return await simulation_batch.submit(worker, _request(worker, step), batches)
            await _finish(worker, step)
            return None
        if batches is not None:
            await simulation_batch.prepare(worker, _request(worker, step), question, batches)
            prepared += 1
            continue
        draft = await _draft(worker, step, question)
        async with worker.database.account(step.account_id) as tx:
            cost = await simulations.store(tx, step.id, draft)
        if cost and cost >= step.max_dollars:
            raise Ended(BUDGET_REACHED)
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


async def _draft(worker: WorkerContext, step: ClaimedStep, question: Question) -> SimulatedDraft:
    """Draft from the current knowledge, without what was learned from the same conversation, and compare."""
    message, context = combine(question.history, question.content, customer_name=question.sender_name)
    try:
        answered = await ask_for_draft(worker, _request(worker, step), message, context, without=question.own_replies)
    except Unavailable:
        raise
    except Exception as error:
        log.warning("simulation.draft_failed", extra={"simulation_id": str(step.id)}, exc_info=error)
        return SimulatedDraft(message_id=question.message_id, outcome="failed")
    if answered.fallback == ai_budgets.EXHAUSTED:
        raise Ended(BUDGET_EXHAUSTED)
    if answered.fallback is not None:  # drafts of two providers in one table would prove nothing
        return failed(question.message_id, answered.provider, answered.calls)
    return compared(
        question.message_id,
        answered.provider,
        answered.calls,
        answered.value,
        question=message.content,
        reply=question.reply,
    )


def _request(worker: WorkerContext, step: ClaimedStep) -> StepRequest:
    settings = worker.settings
    return StepRequest(
        step=step,
        attempts=settings.ai_max_attempts,
        deadline=time.monotonic() + settings.ai_soft_limit_seconds,
    )
