"""Storing the results of attempts, and publishing the events that follow from them."""

import logging
from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import partial
from uuid import UUID

from hummdesk.ai.protocol import ProviderError
from hummdesk.core import metrics
from hummdesk.core.errors import Unavailable
from hummdesk.core.models import Conversation
from hummdesk.publish.events.ai import events_of
from hummdesk.publish.outbox import publish_updates
from hummdesk.storage import conversations, runs
from hummdesk.storage.runs import AttemptResult, ClaimedRun, RunKey, Settlement
from tasks.context import WorkerContext
from tasks.database_retry import retry_while_unavailable
from tasks.failures import failed_attempt, failure_of

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class FinishedAttempt:
    result: AttemptResult
    seconds: float


def fail(worker: WorkerContext, run: ClaimedRun, error: Exception) -> AttemptResult:
    """Log and count a failed attempt, and decide whether the run is retried."""
    failure = failure_of(error)
    metrics.ERRORS.labels(where="ai", code=failure.code).inc()
    code = error.code if isinstance(error, ProviderError) else failure.code
    fields = {"kind": run.kind, "attempt": run.attempts, "code": code}
    log.warning("ai_run.attempt_failed", extra=fields, exc_info=error)
    return failed_attempt(run, error, worker.settings)


async def settle(worker: WorkerContext, attempts: Sequence[FinishedAttempt]) -> Counter[str]:
    """Store the results together, publish what follows, and return the number of attempts by outcome.

    If one result makes the transaction fail, each is stored in a transaction of its own, and the attempt whose result
    cannot be stored counts as failed. Raises Unavailable.
    """
    try:
        settlement = await _store(worker, attempts)
    except Unavailable:
        raise
    except Exception as error:
        if len(attempts) > 1:
            return sum([await settle(worker, [attempt]) for attempt in attempts], Counter[str]())
        attempts = [replace(attempts[0], result=fail(worker, attempts[0].result.run, error))]
        settlement = await _store(worker, attempts)
    await _delete_texts(worker, settlement)
    await _publish(worker, attempts, settlement)
    return _count(worker, attempts, settlement)


async def _store(worker: WorkerContext, attempts: Sequence[FinishedAttempt]) -> Settlement:
    results = [attempt.result for attempt in attempts]

    async def store() -> Settlement:
        tx = worker.database.autocommit(result.run.account_id for result in results)
        return await runs.settle(tx, results, quiet_seconds=worker.settings.ai_quiet_seconds)

    return await retry_while_unavailable(worker.settings, store)


async def _delete_texts(worker: WorkerContext, settlement: Settlement) -> None:
    """Delete the texts of agents, which an attempt after this one would need no more; otherwise they expire.

    Not before: the next attempt of a run whose worker is killed before its result is stored needs them.
    """
    with suppress(Unavailable):
        for run in settlement.ended:
            if run.kind == "assist":
                await worker.assists.delete(run.account_id, run.id)


async def _publish(worker: WorkerContext, attempts: Sequence[FinishedAttempt], settlement: Settlement) -> None:
    """Publish, then record that it is published: if this process dies in between, the relay publishes again."""
    publisher = worker.broadcast.publisher
    reprioritized: dict[UUID, list[UUID]] = {}
    for account_id, conversation_id in settlement.reprioritized:
        reprioritized.setdefault(account_id, []).append(conversation_id)
    for account_id, ids in reprioritized.items():
        await publish_updates(publisher, partial(_conversations, worker, account_id, ids))
    if settlement.ended:
        payloads = {attempt.result.run.id: attempt.result.payload for attempt in attempts}
        await publisher.publish(*(event for run in settlement.ended for event in events_of(run, payloads.get(run.id))))
        await _mark_published(worker, [run.key for run in settlement.ended])


async def _conversations(worker: WorkerContext, account_id: UUID, ids: list[UUID]) -> list[Conversation]:
    async def read() -> list[Conversation]:
        return await conversations.all_as_staff(worker.database.reader(account_id), ids=ids)

    return await retry_while_unavailable(worker.settings, read)


async def _mark_published(worker: WorkerContext, keys: Sequence[RunKey]) -> None:
    async def mark() -> int:
        tx = worker.database.autocommit((account_id for account_id, _ in keys), durable=False)
        return await runs.mark_published(tx, keys)

    await retry_while_unavailable(worker.settings, mark)


def _count(worker: WorkerContext, attempts: Sequence[FinishedAttempt], settlement: Settlement) -> Counter[str]:
    """Record the metrics of the attempts. A run that another process has ended counts as `overtaken`."""
    outcomes: dict[UUID, str] = {run.id: run.outcome or "failed" for run in settlement.ended}
    outcomes |= dict.fromkeys(settlement.retried, "retried")
    counted = Counter[str]()
    for attempt in attempts:
        run = attempt.result.run
        outcome = outcomes.get(run.id, "overtaken")
        provider = (attempt.result.payload or {}).get("provider") or worker.providers.name_for(run)
        metrics.AI_SECONDS.labels(type=run.kind, provider=provider, outcome=outcome).observe(attempt.seconds)
        log.debug("ai_run.attempt_ended", extra={"kind": run.kind, "outcome": outcome, "run_id": str(run.id)})
        counted[outcome] += 1
    return counted
