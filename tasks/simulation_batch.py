"""Questions of a simulation in a batch of an external model: prepared, submitted, and collected when it has ended.

Requests and the id of the batch are in PostgreSQL, so that another process can go on. The simulation is marked before
its batch is submitted. If the id stays unknown, because the provider has not answered or the worker was killed, the
provider may charge the batch: it is not submitted again, and the simulation ends.
"""

import asyncio
import logging
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import asdict
from datetime import date
from decimal import Decimal
from typing import Any
from uuid import UUID

from hummdesk.ai import knowledge_base
from hummdesk.ai.external.batch_client import BatchAnswer, BatchFailed, BatchGone
from hummdesk.ai.external.draft_batches import DraftBatches, Estimate
from hummdesk.ai.protocol import ProviderError, ProviderRefused
from hummdesk.core.broker import lease_seconds
from hummdesk.core.errors import NotFound
from hummdesk.core.models import BudgetLimits, ModelCall, Reservation, TokenUsage
from hummdesk.storage import ai_budgets, model_calls, simulations
from hummdesk.storage.database import Transaction
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
UNKNOWN = "Whether the provider has accepted the batch is unknown, and it may be charged: see the log of the workers"
BATCH_REFUSED = "The provider has refused the batch: see the log of the workers"
NOT_ACCEPTED = frozenset({"rate_limited", "overloaded"})
"""Failures after which a submission can be repeated: any other may have been accepted, or is permanent."""


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


async def submit(worker: WorkerContext, request: StepRequest, batches: DraftBatches) -> float | None:
    """Submit what is prepared, as far as the budgets allow. Return the delay of the next step, None if there is none.

    What was prepared for another model or prompt is prepared again. Raises Ended if the budgets allow nothing or the
    provider refuses, and ProviderError if it has certainly not accepted the batch and may accept it later.
    """
    step = request.step
    profile = await knowledge_base.profile(worker.database, step.account_id)
    async with worker.database.account(step.account_id) as tx:
        found = await simulations.requests(tx, step.id, limit=BATCH_QUESTIONS)
        prepared = {id: stored for id, stored in found.items() if batches.is_current(stored["draft"])}
        if not prepared:
            await simulations.end_batch(tx, step.id)
            return 0.0
    chosen, day = await _reserve(worker, step, prepared)
    if not chosen:
        await _record_refusal(worker, request, batches)
        raise Ended(BUDGET_EXHAUSTED)
    async with worker.database.account(step.account_id) as tx:
        if not await simulations.begin_batch(
            tx, step.id, provider=batches.provider, day=day, message_ids=chosen.keys()
        ):
            await _refund(tx, batches, chosen, day)
            return None
    try:
        async with asyncio.timeout(worker.settings.ai_soft_limit_seconds):
            batch_id = await batches.submit({id: stored["draft"] for id, stored in chosen.items()}, profile)
    except (ProviderError, TimeoutError) as error:
        code = error.code if isinstance(error, ProviderError) else "timeout"
        extra: dict[str, Any] = {"simulation_id": str(step.id), "code": code}
        if code in NOT_ACCEPTED:
            async with worker.database.account(step.account_id) as tx:
                await simulations.withdraw_batch(tx, step.id)
                await _refund(tx, batches, chosen, day)
            raise
        if isinstance(error, ProviderRefused):
            log.warning("simulation.batch_refused", extra=extra)
            await _end_refused(worker, request, batches, day)
            return None
        log.warning("simulation.batch_unknown", extra=extra)
        await end_unanswered(worker, request, batches, code=code, error=UNKNOWN)
        return None
    extra = {"simulation_id": str(step.id), "batch_id": batch_id, "requests": len(chosen)}
    log.info("simulation.batch_submitted", extra=extra)
    async with worker.database.account(step.account_id) as tx:
        is_stored = await simulations.name_batch(tx, step.id, batch_id)
    if is_stored:
        return POLL_SECONDS
    log.warning("simulation.batch_orphaned", extra=extra)
    await _remove(batches, batch_id)
    await _record_orphans(worker, request, batches, chosen.values())
    return None


async def collect(worker: WorkerContext, request: StepRequest, batches: DraftBatches | None) -> float | None:
    """Store the answers if the batch has ended. Return the delay of the next step, None if there is none.

    Raises Ended if the batch has not ended in time.
    """
    step = request.step
    batch_id, seconds = step.batch_id or "", step.batch_seconds or 0.0
    if not batch_id:
        return await _await_submission(worker, request, batches)
    try:
        if batches is None:
            raise ProviderRefused("the provider is not configured", code="not_configured")
        if not await batches.client.has_ended(batch_id):
            return await _wait(worker, request, batches)
        return await _store_answers(worker, request, batches, batch_id)
    except ProviderError as error:
        extra = {"simulation_id": str(step.id), "batch_id": batch_id, "code": error.code}
        log.warning("simulation.batch_failed", extra=extra)
        is_lost = isinstance(error, BatchGone) or (isinstance(error, ProviderRefused) and seconds > TIMEOUT_SECONDS)
        if isinstance(error, BatchFailed) and batches is not None:
            await _end_refused(worker, request, batches, step.batch_day)
        elif is_lost or seconds > ABANDON_SECONDS:
            await end_unanswered(worker, request, batches, code="missing", error=LOST)
        elif seconds > TIMEOUT_SECONDS and not step.is_finished:
            raise Ended(TIMED_OUT) from None
        else:
            return _delay(seconds)
    return None


async def end_unanswered(
    worker: WorkerContext, request: StepRequest, batches: DraftBatches | None, *, code: str, error: str
) -> None:
    """End a batch whose costs stay unknown, and its simulation: what was reserved for its requests stays used."""
    step, calls = request.step, list[ModelCall]()
    async with worker.database.account(step.account_id) as tx:
        if batches is not None:
            requests = await simulations.requests(tx, step.id, limit=BATCH_QUESTIONS)
            calls = [batches.call(code, stored["draft"]) for stored in requests.values()]
            await model_calls.store(tx, None, calls, fallback=False)
        await simulations.end_batch(tx, step.id)
        await simulations.finish(tx, step.id, error=error)
    for call in calls:
        worker.providers.count(request, call)
    if batches is not None and step.batch_id:
        await _remove(batches, step.batch_id)


async def _await_submission(worker: WorkerContext, request: StepRequest, batches: DraftBatches | None) -> float | None:
    """Wait for the process that submits the batch. After its lease it is dead, and may have submitted the batch."""
    left = lease_seconds(worker.settings) - (request.step.batch_seconds or 0.0)
    if left > 0:
        return left
    log.warning("simulation.batch_unknown", extra={"simulation_id": str(request.step.id), "code": "cancelled"})
    await end_unanswered(worker, request, batches, code="cancelled", error=UNKNOWN)
    return None


async def _end_refused(worker: WorkerContext, request: StepRequest, batches: DraftBatches, day: date | None) -> None:
    """End a batch that the provider has refused, which costs nothing, and its simulation."""
    step = request.step
    async with worker.database.account(step.account_id) as tx:
        requests = await simulations.requests(tx, step.id, limit=BATCH_QUESTIONS)
        await _refund(tx, batches, requests, day)
        await simulations.end_batch(tx, step.id)
        await simulations.finish(tx, step.id, error=BATCH_REFUSED)
    if step.batch_id:
        await _remove(batches, step.batch_id)


async def _refund(
    tx: Transaction, batches: DraftBatches, requests: Mapping[UUID, Mapping[str, Any]], day: date | None
) -> None:
    calls = [
        batches.call("failed", stored["draft"], reservation=_reservation(stored, day)) for stored in requests.values()
    ]
    await ai_budgets.settle(tx, calls)


async def _record_orphans(
    worker: WorkerContext, request: StepRequest, batches: DraftBatches, requests: Iterable[Mapping[str, Any]]
) -> None:
    """Record the requests of a batch whose simulation was deleted meanwhile, unless its account was."""
    calls = [batches.call("cancelled", stored["draft"]) for stored in requests]
    async with worker.database.account(request.account_id) as tx:
        try:
            await ai_budgets.own_budget(tx)
        except NotFound:
            return
        await model_calls.store(tx, None, calls, fallback=False)
    for call in calls:
        worker.providers.count(request, call)


async def _wait(worker: WorkerContext, request: StepRequest, batches: DraftBatches) -> float | None:
    """Wait for the batch; of a simulation that has ended, cancel it and wait for what was answered before."""
    step = request.step
    seconds = step.batch_seconds or 0.0
    if not step.is_finished:
        if seconds > TIMEOUT_SECONDS:
            raise Ended(TIMED_OUT)
        return _delay(seconds)
    if seconds > ABANDON_SECONDS:
        await end_unanswered(worker, request, batches, code="missing", error=TIMED_OUT)
        return None
    try:
        await batches.client.cancel(step.batch_id or "")
    except ProviderError as error:  # it may have ended in between
        log.warning("simulation.batch_not_cancelled", extra={"batch_id": step.batch_id, "code": error.code})
    return _delay(seconds)


def _delay(seconds: float) -> float:
    """A tenth of the time that the batch has taken already."""
    return min(LONGEST_POLL_SECONDS, max(POLL_SECONDS, seconds / 10))


async def _store_answers(
    worker: WorkerContext, request: StepRequest, batches: DraftBatches, batch_id: str
) -> float | None:
    """Store what is not stored yet, end the batch, and return the delay of the next step.

    A request without an answer has failed. Of questions that were erased meanwhile, the costs are stored.
    """
    step = request.step
    async with worker.database.account(step.account_id) as tx:
        requests = await simulations.requests(tx, step.id, limit=BATCH_QUESTIONS)
    waiting, others = {str(message_id): stored for message_id, stored in requests.items()}, dict[UUID, TokenUsage]()
    cost = step.cost_usd
    async for answer in batches.client.answers(batch_id):
        if (stored := waiting.pop(answer.id, None)) is not None:
            cost = await _store(worker, request, batches, stored, answer) or cost
        elif answer.completion is not None:
            with suppress(ValueError):  # an id that is no message's
                others[UUID(answer.id)] = answer.completion.usage
    for message_id, stored in waiting.items():
        missing = BatchAnswer(id=message_id, completion=None, code="missing")
        cost = await _store(worker, request, batches, stored, missing) or cost
    draft = next((stored["draft"] for stored in requests.values()), None)
    async with worker.database.account(step.account_id) as tx:
        remaining = await simulations.remaining(tx, step.id, others)
        calls = [batches.call("ok", draft, usage) for id, usage in others.items() if id not in remaining]
        erased_cost = sum((call.cost or Decimal(0) for call in calls), Decimal(0))
        cost += erased_cost
        await model_calls.store(tx, None, calls, fallback=False)
        await simulations.end_batch(tx, step.id, cost=erased_cost)
        if is_reached := 0 < cost >= step.max_dollars:
            await simulations.finish(tx, step.id, error=BUDGET_REACHED)
    for call in calls:
        worker.providers.count(request, call)
    await _delete(batches, batch_id)
    return None if step.is_finished or is_reached else 0.0


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
    found = failed(message_id, batches.provider, [call])
    if draft is not None:
        try:
            texts = {"question": stored["question"], "reply": stored["reply"]}
            found = compared(message_id, batches.provider, [call], draft, **texts)
        except Exception as error:  # of one comparison: the other answers are stored
            log.exception("simulation.draft_failed", extra={"simulation_id": str(step.id)}, exc_info=error)
    async with worker.database.account(step.account_id) as tx:
        cost = await simulations.store(tx, step.id, found)
        if cost is not None:
            await model_calls.store(tx, None, [call], fallback=False)
    if cost is not None:
        worker.providers.count(request, call)
    return cost


async def _remove(batches: DraftBatches, batch_id: str) -> None:
    """Cancel a batch, and delete what the provider stores of it."""
    try:
        await batches.client.cancel(batch_id)
    except ProviderError as error:  # it has ended
        log.warning("simulation.batch_not_cancelled", extra={"batch_id": batch_id, "code": error.code})
    await _delete(batches, batch_id)


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
