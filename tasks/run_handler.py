"""What every kind of AI run has in common: claim, attempt, retry and exactly one end.

A Celery task names runs of any accounts. They are claimed together, attempted concurrently, and stored and published in
groups as they finish: a slow, failing or hanging run does not delay the others.

A run is claimed in PostgreSQL under a row lock, so a Celery task that is delivered twice does nothing the second time.
PostgreSQL also counts the attempts and holds the runs to be retried until the relay sends them again: a countdown in
the broker would be lost with the broker, and would have to be shorter than its visibility timeout.
"""

import asyncio
import time
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar
from uuid import UUID

from celery.exceptions import Retry
from structlog.contextvars import bound_contextvars

from hummdesk.core.broker import STARTED, TASKS, lease_seconds
from hummdesk.core.models import RunKind, RunOutcome
from hummdesk.publish.events.ai import AIProcessingStarted
from hummdesk.storage import runs
from hummdesk.storage.runs import AttemptResult, ClaimedRun, RunKey
from tasks.app import app
from tasks.context import WorkerContext
from tasks.database_retry import retry_while_unavailable
from tasks.provider_queues import forward
from tasks.settlement import FinishedAttempt, fail, settle
from tasks.watchdog import Watchdog
from tasks.worker_process import worker_process

STEP_SECONDS = 2.0
"""Time of the processor for which a provider may compute without awaiting; the runs beside it wait meanwhile."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RunResult:
    """The result of a run. `payload` is stored, and published to staff if `outcome` is `done`."""

    outcome: RunOutcome
    payload: dict[str, Any]
    priority: str | None = None
    """New priority of the conversation."""


Answer = Callable[[ClaimedRun], Coroutine[Any, Any, RunResult]]


class RunsFailed(Exception):
    """Reports permanently failed runs to the broker and Flower. Staff receive an event for each of them."""


class RunHandler(ABC):
    """One kind of AI run. Subclasses produce its result."""

    kind: ClassVar[RunKind]
    history_limit: ClassVar[int]
    """Number of earlier messages of the conversation that a run needs."""

    @abstractmethod
    async def prepare(self, worker: WorkerContext, claimed: Sequence[ClaimedRun]) -> Answer:
        """Load what the runs need together; the returned function answers one run and holds no transaction."""

    async def process(
        self, worker: WorkerContext, keys: Sequence[RunKey], *, delivery: UUID, redelivered: bool, started: bool
    ) -> None:
        """Attempt each run once, except those that another worker has claimed, that have ended or that are too late.

        `started`: the relay has published `ai_processing_started` of the runs.
        Raises RunsFailed or Retry at the end if some runs failed or will be retried, so that Flower shows it.
        """
        claimed = await self._claim(worker, keys, delivery, redelivered)
        current = [run for run in claimed if not self._is_superseded(run)]
        superseded = [run for run in claimed if self._is_superseded(run)]
        # With every later attempt, too: the process of the one before may have died before it published. Clients
        # receive the event once, and before all others of the run.
        begun = [_started(run) for run in current if not (started and run.attempts == 1)]
        published = asyncio.ensure_future(worker.broadcast.publisher.publish(*begun))
        outcomes = Counter[str]()
        if superseded:
            results = [AttemptResult(run=run, status="done", outcome="superseded") for run in superseded]
            outcomes += await settle(worker, [FinishedAttempt(result, 0.0) for result in results])
        if current:
            outcomes += await self._attempt_all(worker, current)
        await published
        if outcomes["failed"]:
            raise RunsFailed(f"{outcomes['failed']} of {len(keys)}")
        if outcomes["retried"]:
            raise Retry(f"{outcomes['retried']} of {len(keys)}")

    def _is_superseded(self, run: ClaimedRun) -> bool:
        """Whether the result would not be shown: a draft of a reply to an earlier message."""
        return self.kind == "draft" and run.has_newer_message

    async def _claim(
        self, worker: WorkerContext, keys: Sequence[RunKey], delivery: UUID, redelivered: bool
    ) -> list[ClaimedRun]:
        """Claim without waiting for the disk: after a crash of PostgreSQL the result of a lost claim is not stored."""

        async def claim() -> list[ClaimedRun]:
            tx = worker.database.autocommit((account_id for account_id, _ in keys), durable=False)
            if redelivered:
                await runs.release(tx, keys, delivery=delivery)
            lease = lease_seconds(worker.settings)
            return await runs.claim(tx, keys, delivery=delivery, lease_seconds=lease, history_limit=self.history_limit)

        return await retry_while_unavailable(worker.settings, claim)

    async def _attempt_all(self, worker: WorkerContext, claimed: Sequence[ClaimedRun]) -> Counter[str]:
        try:
            answer = await self.prepare(worker, claimed)
        except Exception as error:
            return await settle(worker, [FinishedAttempt(fail(worker, run, error), 0.0) for run in claimed])
        outcomes = Counter[str]()
        pending = {asyncio.create_task(self._attempt(worker, run, answer)) for run in claimed}
        while pending:
            finished, pending = await asyncio.wait(pending, return_when=asyncio.FIRST_COMPLETED)
            outcomes += await settle(worker, [attempt.result() for attempt in finished])
        return outcomes

    async def _attempt(self, worker: WorkerContext, run: ClaimedRun, answer: Answer) -> FinishedAttempt:
        started = time.perf_counter()
        limit = worker.settings.ai_soft_limit_seconds
        with bound_contextvars(account_id=str(run.account_id), run_id=str(run.id)):
            try:
                async with asyncio.timeout(limit):
                    found = await Watchdog(answer(run), seconds=min(limit, STEP_SECONDS))
            except Exception as error:
                result = fail(worker, run, error)
            else:
                result = AttemptResult(
                    run=run,
                    status="done",
                    outcome=found.outcome,
                    payload=found.payload,
                    priority=found.priority,
                )
        return FinishedAttempt(result, time.perf_counter() - started)


def _started(run: ClaimedRun) -> AIProcessingStarted:
    return AIProcessingStarted(
        account_id=run.account_id,
        conversation_id=run.message.conversation_id,
        message_id=run.message.id,
        processing_type=run.kind,
        run_id=run.id,
    )


def register(handler: RunHandler) -> None:
    """Register a handler as the Celery task that the relay sends for its kind of run."""

    @app.task(name=TASKS[handler.kind], bind=True, throws=(RunsFailed,))
    def task(self: Any, keys: list[tuple[str, str]]) -> None:
        run_keys = [(UUID(account_id), UUID(run_id)) for account_id, run_id in keys]
        info = self.request.delivery_info or {}
        redelivered = bool(info.get("redelivered"))
        started = bool((self.request.headers or {}).get(STARTED))

        async def work(worker: WorkerContext) -> None:
            if own := await forward(worker, run_keys, kind=handler.kind, queue=info.get("routing_key", "")):
                delivery = UUID(self.request.id)
                await handler.process(worker, own, delivery=delivery, redelivered=redelivered, started=started)

        worker_process().run(work)
