"""What every AI run has in common: the claim, the tries, the one end. The tasks themselves are nothing but business.

A task of the broker names runs of any accounts. They are claimed together, tried side by side, and stored and told
together as far as they are ready: one that takes long, fails or hangs holds no other back.

A run is claimed in PostgreSQL under a row lock, so that a task that the broker delivers twice does nothing. Tries are
counted there, too, and what is to be tried again goes back there, for the relay to publish when it is due: a countdown
in the broker would be lost with it, and would have to be shorter than its visibility time-out.
"""

import asyncio
import logging
import time
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, ClassVar, TypeVar
from uuid import UUID

from celery.exceptions import Retry
from structlog.contextvars import bound_contextvars

from hummdesk.ai.protocol import ProviderError, ProviderRefused
from hummdesk.core import metrics
from hummdesk.core.broker import TASKS, lease_seconds
from hummdesk.core.errors import HummDeskError, Unavailable
from hummdesk.core.models import Conversation, RunKind, RunOutcome
from hummdesk.publish.run_events import announce, announce_updates
from hummdesk.storage import conversations
from hummdesk.storage import runs as jobs
from hummdesk.storage.runs import AttemptResult, ClaimedRun, RunKey, Settlement
from tasks.app import app
from tasks.backoff import backoff_seconds
from tasks.context import WorkerContext, child
from tasks.provider_queues import pass_on
from tasks.watchdog import Stepwise

log = logging.getLogger(__name__)
T = TypeVar("T")

DATABASE_RETRY_SECONDS = 0.25
STEP_SECONDS = 2.0
"""That a provider may compute at a stretch; the runs beside it wait as long."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """What a run has found. `payload` is stored, and told to staff if `outcome` is `done`."""

    outcome: RunOutcome
    payload: dict[str, Any]
    priority: str | None = None
    """That its conversation gets."""


Find = Callable[[ClaimedRun], Coroutine[Any, Any, Found]]


@dataclass(frozen=True, slots=True)
class Failure:
    code: str
    message: str
    """Safe to show."""
    permanent: bool = False


FAILURES: tuple[tuple[type[Exception], Failure], ...] = (
    (TimeoutError, Failure("TIMEOUT", "The AI did not answer in time")),
    (ProviderRefused, Failure("REFUSED", "The AI cannot process this message", permanent=True)),
    (ProviderError, Failure("PROVIDER_ERROR", "The AI gave no usable answer")),
    (Unavailable, Failure("UNAVAILABLE", "A part that the AI depends on is down")),
    (HummDeskError, Failure("UNPROCESSABLE", "The message can no longer be processed", permanent=True)),
    (Exception, Failure("INTERNAL_ERROR", "The AI run failed")),
)
"""What a try that raised means; the first type that fits."""


@dataclass(frozen=True, slots=True)
class Try:
    """One that has ended, with what it found or the failure."""

    verdict: AttemptResult
    seconds: float


class RunsFailed(Exception):
    """How the broker and Flower hear of runs that failed for good; staff have been told, each by an event."""


class Run(ABC):
    """One kind of AI run. Subclasses say what it finds."""

    kind: ClassVar[RunKind]
    turns: ClassVar[int]
    """How many earlier messages of the conversation it looks at."""

    @abstractmethod
    async def prepare(self, worker: WorkerContext, going: Sequence[ClaimedRun]) -> Find:
        """Fetch what these need together; what is given asks the provider for one of them, and holds no transaction."""

    async def attempt(
        self, worker: WorkerContext, refs: Sequence[RunKey], *, delivery: UUID, redelivered: bool
    ) -> None:
        """One try of each, but of those that another worker is at, that have ended or whose time is over.

        When all is stored and told, raises RunsFailed or Retry if that is what became of some, for Flower to show.
        """
        claimed = await _patiently(worker, lambda: self._claim(worker, refs, delivery, redelivered))
        going = [job for job in claimed if not self._is_idle(job)]
        idle = [AttemptResult(run=job, status="done", outcome="superseded") for job in claimed if self._is_idle(job)]
        # With each try: one that was killed in between may have told nobody. It is heard once, and before what follows.
        telling = asyncio.gather(
            *(worker.broadcast.ai_processing_started(**_about(job), kind=self.kind, run_id=job.id) for job in going)
        )
        outcomes = Counter[str]()
        if idle:
            outcomes += await self._settle(worker, [Try(verdict, 0.0) for verdict in idle])
        if going:
            outcomes += await self._try_all(worker, going)
        await telling
        if outcomes["failed"]:
            raise RunsFailed(f"{outcomes['failed']} of {len(refs)}")
        if outcomes["retried"]:
            raise Retry(f"{outcomes['retried']} of {len(refs)}")

    def _is_idle(self, job: ClaimedRun) -> bool:
        """Whether nobody would look at what it finds."""
        return self.kind == "draft" and job.has_newer_message

    async def _claim(
        self, worker: WorkerContext, refs: Sequence[RunKey], delivery: UUID, redelivered: bool
    ) -> list[ClaimedRun]:
        """A claim that PostgreSQL has forgotten did not happen: what comes of it is not stored."""
        async with worker.database.accounts((account_id for account_id, _ in refs), lasting=False) as tx:
            if redelivered:
                await jobs.release(tx, refs, delivery=delivery)
            lease = lease_seconds(worker.settings)
            return await jobs.claim(tx, refs, delivery=delivery, lease_seconds=lease, history_limit=self.turns)

    async def _try_all(self, worker: WorkerContext, going: Sequence[ClaimedRun]) -> Counter[str]:
        try:
            find = await self.prepare(worker, going)
        except Exception as fault:
            return await self._settle(worker, [Try(self._failed(worker, job, fault), 0.0) for job in going])
        outcomes = Counter[str]()
        trying = {asyncio.create_task(self._try(worker, job, find)) for job in going}
        while trying:
            ready, trying = await asyncio.wait(trying, return_when=asyncio.FIRST_COMPLETED)
            outcomes += await self._settle(worker, [task.result() for task in ready])
        return outcomes

    async def _try(self, worker: WorkerContext, job: ClaimedRun, find: Find) -> Try:
        began = time.perf_counter()
        limit = worker.settings.ai_soft_limit_seconds
        with bound_contextvars(account_id=str(job.account_id), run_id=str(job.id)):
            try:
                async with asyncio.timeout(limit):
                    found = await Stepwise(find(job), seconds=min(limit, STEP_SECONDS))
            except Exception as fault:
                verdict = self._failed(worker, job, fault)
            else:
                verdict = AttemptResult(
                    run=job,
                    status="done",
                    outcome=found.outcome,
                    payload=found.payload,
                    priority=found.priority,
                )
        return Try(verdict, time.perf_counter() - began)

    def _failed(self, worker: WorkerContext, job: ClaimedRun, fault: Exception) -> AttemptResult:
        failure = next(failure for kind, failure in FAILURES if isinstance(fault, kind))
        metrics.ERRORS.labels(where="ai", code=failure.code).inc()
        code = fault.code if isinstance(fault, ProviderError) else failure.code
        log.warning("AI run failed", extra={"kind": self.kind, "attempt": job.attempts, "code": code}, exc_info=fault)
        if failure.permanent or job.attempts >= worker.settings.ai_max_attempts:
            return AttemptResult(run=job, status="failed", error=failure.message)
        delay = backoff_seconds(worker.settings, job.attempts, fault)
        return AttemptResult(run=job, status="pending", error=failure.message, delay_seconds=delay)

    async def _settle(self, worker: WorkerContext, tries: Sequence[Try]) -> Counter[str]:
        """Store together, or if that fails because of one of them, each for itself; tell; how many came to what."""
        try:
            settled = await _patiently(worker, lambda: self._store(worker, tries))
        except Unavailable:
            raise
        except Exception as fault:
            if len(tries) > 1:
                return sum([await self._settle(worker, [one]) for one in tries], Counter[str]())
            unstorable = self._failed(worker, tries[0].verdict.run, fault)
            tries = [Try(unstorable, tries[0].seconds)]
            settled = await _patiently(worker, lambda: self._store(worker, tries))
        await self._tell(worker, tries, settled)
        return self._count(worker, tries, settled)

    async def _store(self, worker: WorkerContext, tries: Sequence[Try]) -> Settlement:
        verdicts = [one.verdict for one in tries]
        async with worker.database.accounts(verdict.run.account_id for verdict in verdicts) as tx:
            return await jobs.settle(tx, verdicts, quiet_seconds=worker.settings.ai_quiet_seconds)

    def _count(self, worker: WorkerContext, tries: Sequence[Try], settled: Settlement) -> Counter[str]:
        outcomes: dict[UUID, str] = {ended.id: ended.outcome or "failed" for ended in settled.ended}
        outcomes |= dict.fromkeys(settled.retried, "retried")
        for one in tries:
            job = one.verdict.run
            outcome = outcomes.get(job.id, "overtaken")
            provider = (one.verdict.payload or {}).get("provider") or worker.adviser.chosen(job)
            seconds = metrics.AI_SECONDS.labels(type=self.kind, provider=provider, outcome=outcome)
            seconds.observe(one.seconds)
            log.debug("AI run ended", extra={"kind": self.kind, "outcome": outcome, "run_id": str(job.id)})
        return Counter(outcomes.get(one.verdict.run.id, "overtaken") for one in tries)

    async def _tell(self, worker: WorkerContext, tries: Sequence[Try], settled: Settlement) -> None:
        """Tell, then note that it is told: what happens to this process in between, the relay tells it again."""
        changed: dict[UUID, list[UUID]] = {}
        for account_id, conversation_id in settled.reprioritized:
            changed.setdefault(account_id, []).append(conversation_id)
        for account_id, ids in changed.items():
            await announce_updates(
                worker.broadcast, partial(_patiently, worker, partial(_views, worker, account_id, ids))
            )
        if settled.ended:
            payloads = {one.verdict.run.id: one.verdict.payload for one in tries}
            await announce(worker.broadcast, [(ended, payloads.get(ended.id)) for ended in settled.ended])
            await _patiently(worker, lambda: _note(worker, [ended.key for ended in settled.ended]))


def register(run: Run) -> None:
    """Make a Celery task of it, under the name by which the relay calls it."""

    @app.task(name=TASKS[run.kind], bind=True, throws=(RunsFailed,))
    def task(self: Any, runs: list[tuple[str, str]]) -> None:
        refs = [(UUID(account_id), UUID(run_id)) for account_id, run_id in runs]
        delivery = self.request.delivery_info or {}
        again = bool(delivery.get("redelivered"))

        async def work(worker: WorkerContext) -> None:
            queue = delivery.get("routing_key", "")
            if ours := await _patiently(worker, lambda: pass_on(worker, refs, kind=run.kind, here=queue)):
                await run.attempt(worker, ours, delivery=UUID(self.request.id), redelivered=again)

        child().run(work)


async def _patiently(worker: WorkerContext, write: Callable[[], Awaitable[T]]) -> T:
    """Wait for PostgreSQL as long as the hard limit allows; then the lease runs out, and the relay sees to it.

    Repeating a transaction that had been committed unnoticed does nothing: its runs are no longer running.
    """
    until = time.monotonic() + (worker.settings.ai_hard_limit_seconds - worker.settings.ai_soft_limit_seconds) / 2
    while True:
        try:
            return await write()
        except Unavailable:
            if time.monotonic() > until:
                raise
            await asyncio.sleep(DATABASE_RETRY_SECONDS)


async def _views(worker: WorkerContext, account_id: UUID, ids: list[UUID]) -> list[Conversation]:
    async with worker.database.account(account_id) as tx:
        return await conversations.all_as_staff(tx, ids=ids)


async def _note(worker: WorkerContext, refs: Sequence[RunKey]) -> int:
    async with worker.database.accounts((account_id for account_id, _ in refs), lasting=False) as tx:
        return await jobs.mark_published(tx, refs)


def _about(job: ClaimedRun) -> dict[str, UUID]:
    message = job.message
    return {"account_id": job.account_id, "conversation_id": message.conversation_id, "message_id": message.id}
