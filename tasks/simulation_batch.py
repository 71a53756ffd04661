"""Questions of a simulation in a batch of an external model: prepared, submitted, and collected when it has ended.

Requests and the id of the batch are in PostgreSQL, so that another process can go on. A worker that is killed between
the submission and the storing of the id has submitted the batch in vain, and it is submitted again.
"""

import logging
from collections.abc import Mapping
from dataclasses import asdict
from datetime import date
from decimal import Decimal
from typing import Any
from uuid import UUID

from hummdesk.ai import knowledge_base
from hummdesk.ai.external.batch_client import BatchAnswer
from hummdesk.ai.external.draft_batches import DraftBatches, Estimate
from hummdesk.ai.protocol import ProviderError, ProviderRefused
from hummdesk.core.models import BudgetLimits, Reservation
from hummdesk.storage import ai_budgets, model_calls, simulations
from hummdesk.storage.simulations import ClaimedStep, Question
from tasks.burst import combine
from tasks.context import WorkerContext
from tasks.drafting import known_for
from tasks.simulated_draft import BUDGET_EXHAUSTED, BUDGET_REACHED, Ended, StepRequest, compared, failed

log = logging.getLogger(__name__)

BATCH_QUESTIONS = 100
"""Questions of one batch, at most: so much of the budget is in use at once."""
POLL_SECONDS = 5.0
LONGEST_POLL_SECONDS = 60.0
TIMEOUT_SECONDS = 25 * 3600.0
"""After a batch was submitted: providers end a batch within 24 hours."""
ABANDON_SECONDS = 2 * TIMEOUT_SECONDS
"""After which the costs of a cancelled batch that never ends stay unknown."""
TIMED_OUT = "The provider has not ended its batch in time"
LOST = "The provider refuses access to its batch: see the log of the workers"


async def prepare(worker: WorkerContext, request: StepRequest, question: Question, batches: DraftBatches) -> None:
    """Store what the batch will ask, with what its answer is compared with."""
    account_id, step_id = request.account_id, request.step.id
    message, context = combine(question.history, question.content, customer_name=question.sender_name)
    profile = await knowledge_base.profile(worker.database, account_id)
    known = await known_for(worker, account_id, message, context, without=question.own_replies)
    draft = batches.prepare(message, context, known)
    stored = {
        "draft": draft,
        "question": message.content,
        "reply": question.reply,
        "estimate": {name: str(value) for name, value in asdict(batches.estimate(draft, profile)).items()},
    }
    async with worker.database.account(account_id) as tx:
        await simulations.store_request(tx, step_id, question.message_id, stored)


async def submit(worker: WorkerContext, request: StepRequest, batches: DraftBatches) -> float:
    """Submit what is prepared, as far as the budgets allow, and return the delay of the next step.

    Raises Ended if they allow nothing, and ProviderError.
    """
    step = request.step
    profile = await knowledge_base.profile(worker.database, step.account_id)
    async with worker.database.account(step.account_id) as tx:
        prepared = await simulations.requests(tx, step.id, limit=BATCH_QUESTIONS)
    chosen, day = await _reserve(worker, step, prepared)
    if not chosen:
        await _record_refusal(worker, request, batches)
        raise Ended(BUDGET_EXHAUSTED)
    try:
        batch_id = await batches.submit({id: stored["draft"] for id, stored in chosen.items()}, profile)
    except ProviderError as error:
        calls = [batches.call(error.code, reservation=_reservation(stored, day)) for stored in chosen.values()]
        async with worker.database.account(step.account_id) as tx:
            await ai_budgets.settle(tx, calls)
        raise
    log.info("simulation.batch_submitted", extra={"simulation_id": str(step.id), "requests": len(chosen)})
    async with worker.database.account(step.account_id) as tx:
        await simulations.begin_batch(
            tx,
            step.id,
            batch_id=batch_id,
            provider=batches.provider,
            day=day,
            message_ids=chosen.keys(),
            seconds=POLL_SECONDS,
        )
    return POLL_SECONDS


async def collect(worker: WorkerContext, request: StepRequest, batches: DraftBatches | None) -> float | None:
    """Store the answers if the batch has ended. Return the delay of the next step, None if there is none.

    Raises Ended if the batch will never have answers.
    """
    step = request.step
    batch_id, seconds = step.batch_id or "", step.batch_seconds or 0.0
    try:
        if batches is None:
            raise ProviderRefused("the provider is not configured any more", code="not_configured")
        if not await batches.client.has_ended(batch_id):
            return await _wait(worker, step, batches)
        cost = await _store_answers(worker, request, batches, batch_id)
    except ProviderError as error:
        log.warning("simulation.batch_failed", extra={"simulation_id": str(step.id), "code": error.code})
        is_lost = isinstance(error, ProviderRefused)
        if step.is_finished and (is_lost or seconds > ABANDON_SECONDS):
            return await _go_on(worker, step)
        if not step.is_finished and (is_lost or seconds > TIMEOUT_SECONDS):
            raise Ended(LOST if is_lost else TIMED_OUT) from None
        return _delay(seconds)
    await _delete(batches, batch_id)
    delay = await _go_on(worker, step)
    if cost and cost >= step.max_dollars and not step.is_finished:
        raise Ended(BUDGET_REACHED)
    return delay


async def _wait(worker: WorkerContext, step: ClaimedStep, batches: DraftBatches) -> float | None:
    """Wait for the batch; of a simulation that has ended, cancel it and wait for what was answered before."""
    seconds = step.batch_seconds or 0.0
    if not step.is_finished:
        if seconds > TIMEOUT_SECONDS:
            raise Ended(TIMED_OUT)
        return _delay(seconds)
    if seconds > ABANDON_SECONDS:
        return await _go_on(worker, step)
    try:
        await batches.client.cancel(step.batch_id or "")
    except ProviderError as error:  # it may have ended in between
        log.warning("simulation.batch_not_cancelled", extra={"code": error.code})
    return _delay(seconds)


def _delay(seconds: float) -> float:
    """A tenth of the time that the batch has taken already."""
    return min(LONGEST_POLL_SECONDS, max(POLL_SECONDS, seconds / 10))


async def _go_on(worker: WorkerContext, step: ClaimedStep) -> float | None:
    async with worker.database.account(step.account_id) as tx:
        await simulations.end_batch(tx, step.id)
    return None if step.is_finished else 0.0


async def _store_answers(
    worker: WorkerContext, request: StepRequest, batches: DraftBatches, batch_id: str
) -> Decimal | None:
    """Store what is not stored yet; return the cost of the simulation. A request without an answer has failed."""
    step = request.step
    async with worker.database.account(step.account_id) as tx:
        requests = await simulations.requests(tx, step.id, limit=BATCH_QUESTIONS)
    waiting = {str(message_id): stored for message_id, stored in requests.items()}
    cost: Decimal | None = None
    async for answer in batches.client.answers(batch_id):
        if (stored := waiting.pop(answer.id, None)) is not None:
            cost = await _store(worker, request, batches, stored, answer) or cost
    for message_id, stored in waiting.items():
        missing = BatchAnswer(id=message_id, completion=None, code="missing")
        cost = await _store(worker, request, batches, stored, missing) or cost
    return cost


async def _store(
    worker: WorkerContext,
    request: StepRequest,
    batches: DraftBatches,
    stored: Mapping[str, Any],
    answer: BatchAnswer,
) -> Decimal | None:
    """Store a draft and the cost of its call together."""
    step, message_id = request.step, UUID(answer.id)
    draft, call = batches.read(stored["draft"], answer, _reservation(stored, step.batch_day))
    if draft is None:
        found = failed(message_id, batches.provider, [call])
    else:
        texts = {"question": stored["question"], "reply": stored["reply"]}
        found = compared(message_id, batches.provider, [call], draft, **texts)
    async with worker.database.account(step.account_id) as tx:
        cost = await simulations.store(tx, step.id, found)
        if cost is not None:
            await model_calls.store(tx, None, [call], fallback=False)
    if cost is not None:
        worker.providers.count(request, call)
    return cost


async def _delete(batches: DraftBatches, batch_id: str) -> None:
    try:
        await batches.client.delete(batch_id)
    except ProviderError as error:  # it expires
        log.warning("simulation.batch_not_deleted", extra={"code": error.code})


async def _reserve(
    worker: WorkerContext, step: ClaimedStep, prepared: Mapping[UUID, Mapping[str, Any]]
) -> tuple[dict[UUID, Mapping[str, Any]], date | None]:
    """Reserve the inputs of as many requests as stay within the budgets even with their longest outputs.

    The first one only has to find a budget that is not used up, as a request of its own.
    """
    limits = ai_budgets.limits(worker.settings, step.daily_tokens, step.daily_dollars)
    left, chosen, day = step.max_dollars - step.cost_usd, dict[UUID, Mapping[str, Any]](), None
    tokens, dollars, most_dollars = 0, Decimal(0), Decimal(0)
    async with worker.database.account(step.account_id) as tx:
        for message_id, stored in prepared.items():
            estimate = _estimate(stored)
            allowed = _less(limits, tokens, dollars)
            if chosen and (allowed is None or most_dollars + estimate.most_dollars > left):
                break
            if allowed is not None and not allowed.is_unlimited:
                reserved = await ai_budgets.reserve(
                    tx, tokens=estimate.tokens, dollars=estimate.dollars, limits=allowed
                )
                if reserved is None:
                    break
                day = reserved.day
            chosen[message_id] = stored
            tokens += estimate.most_tokens - estimate.tokens
            dollars += estimate.most_dollars - estimate.dollars
            most_dollars += estimate.most_dollars
    return chosen, day


def _less(limits: BudgetLimits, tokens: int, dollars: Decimal) -> BudgetLimits | None:
    """The limits less what the outputs may take; None: they may take all."""
    if 0 < limits.tokens <= tokens or 0 < limits.dollars <= dollars:
        return None
    return BudgetLimits(
        tokens=limits.tokens and limits.tokens - tokens, dollars=limits.dollars and limits.dollars - dollars
    )


def _estimate(stored: Mapping[str, Any]) -> Estimate:
    found = stored["estimate"]
    return Estimate(
        tokens=int(found["tokens"]),
        dollars=Decimal(found["dollars"]),
        most_tokens=int(found["most_tokens"]),
        most_dollars=Decimal(found["most_dollars"]),
    )


def _reservation(stored: Mapping[str, Any], day: date | None) -> Reservation | None:
    estimate = _estimate(stored)
    return None if day is None else Reservation(day=day, tokens=estimate.tokens, dollars=estimate.dollars)


async def _record_refusal(worker: WorkerContext, request: StepRequest, batches: DraftBatches) -> None:
    call = batches.call(ai_budgets.EXHAUSTED)
    async with worker.database.account(request.account_id) as tx:
        await model_calls.store(tx, None, [call], fallback=False)
    worker.providers.count(request, call)
