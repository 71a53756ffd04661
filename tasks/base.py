"""What every AI run has in common: the claim, the tries, the one end. The tasks themselves are nothing but business.

A run is claimed in PostgreSQL under a row lock, so that a message that the broker delivers twice does nothing. Tries
are counted there, too, and what is to be tried again goes back there, for the relay to publish when it is due: a
countdown in the broker would be lost with it, and would have to be shorter than its visibility time-out.
"""

import asyncio
import logging
import random
import time
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, ClassVar, TypeVar
from uuid import UUID

from structlog.contextvars import bound_contextvars

from hummdesk import metrics
from hummdesk.ai.protocol import ProviderError, ProviderRefused
from hummdesk.announcement import announce
from hummdesk.broker import TASKS, lease_seconds
from hummdesk.config import Settings
from hummdesk.errors import HummDeskError, Unavailable
from hummdesk.models import Conversation
from hummdesk.storage import jobs
from hummdesk.storage.database import Transaction
from hummdesk.storage.jobs import Ended, Job, Kind, Outcome
from tasks.app import app
from tasks.child import Desk, child

log = logging.getLogger(__name__)
T = TypeVar("T")

DATABASE_RETRY_SECONDS = 0.25


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """What a run has found. `payload` is stored, and told to staff if `outcome` is `done`."""

    outcome: Outcome
    payload: dict[str, Any]


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


class Run(ABC):
    """One kind of AI run. Subclasses say what it finds, and what follows from that."""

    kind: ClassVar[Kind]

    @abstractmethod
    async def find(self, desk: Desk, job: Job) -> Found:
        """Ask the provider. Holds no transaction meanwhile; cancelled at the soft limit."""

    async def keep(self, tx: Transaction, job: Job, found: Found) -> Conversation | None:
        """Change what follows from it, in the transaction that ends the run; the conversation, if that has changed."""
        return None

    async def attempt(self, desk: Desk, account_id: UUID, run_id: UUID) -> None:
        """One try of a run, unless another worker is at it, it has ended or its time is over."""
        job = await _patiently(desk, lambda: self._claim(desk, account_id, run_id))
        if job is None:
            return
        # With each try: one that was killed in between may have told nobody. It is heard once.
        await desk.broadcast.ai_processing_started(**_about(job), kind=self.kind, run_id=job.id)
        began = time.perf_counter()
        try:
            async with asyncio.timeout(desk.settings.ai_soft_limit_seconds):
                found = await self.find(desk, job)
        except Exception as fault:
            outcome = await self._failed(desk, job, fault)
        else:
            outcome = await self._succeeded(desk, job, found)
        seconds = metrics.AI_SECONDS.labels(type=self.kind, provider=desk.provider.name, outcome=outcome)
        seconds.observe(time.perf_counter() - began)

    async def _claim(self, desk: Desk, account_id: UUID, run_id: UUID) -> Job | None:
        async with desk.database.account(account_id) as tx:
            return await jobs.claim(tx, run_id, lease_seconds=lease_seconds(desk.settings))

    async def _succeeded(self, desk: Desk, job: Job, found: Found) -> str:
        async def write() -> tuple[bool, Conversation | None]:
            async with desk.database.account(job.account_id) as tx:
                if not await jobs.finish(tx, job.id, outcome=found.outcome):
                    return False, None
                await jobs.store_result(tx, job.id, kind=self.kind, payload=found.payload)
                return True, await self.keep(tx, job, found)

        ours, changed = await _patiently(desk, write)
        if not ours:
            return "overtaken"
        if changed is not None:
            await desk.broadcast.conversation_updated(changed)
        await self._announce(desk, _ended(job, outcome=found.outcome), found.payload)
        log.info("AI run ended", extra={"kind": self.kind, "outcome": found.outcome})
        return found.outcome

    async def _failed(self, desk: Desk, job: Job, fault: Exception) -> str:
        failure = next(failure for kind, failure in FAILURES if isinstance(fault, kind))
        metrics.ERRORS.labels(where="ai", code=failure.code).inc()
        log.warning("AI run failed", extra={"kind": self.kind, "attempt": job.attempts}, exc_info=fault)
        final = failure.permanent or job.attempts >= desk.settings.ai_max_attempts

        async def write() -> bool:
            async with desk.database.account(job.account_id) as tx:
                if final:
                    return await jobs.fail(tx, job.id, error=failure.message)
                delay = backoff_seconds(desk.settings, job.attempts)
                return await jobs.retry_later(tx, job.id, delay_seconds=delay, error=failure.message)

        if not await _patiently(desk, write):
            return "overtaken"
        if final:
            await self._announce(desk, _ended(job, last_error=failure.message), None)
        return "failed" if final else "retried"

    async def _announce(self, desk: Desk, ended: Ended, result: dict[str, Any] | None) -> None:
        """Tell, then note that it is told: what happens to this process in between, the relay tells it again."""
        await announce(desk.broadcast, ended, result)

        async def write() -> bool:
            async with desk.database.account(ended.account_id) as tx:
                return await jobs.announced(tx, ended.id)

        await _patiently(desk, write)


def register(run: Run) -> None:
    """Make a Celery task of it, under the name by which the relay calls it."""

    @app.task(name=TASKS[run.kind])
    def task(account_id: str, run_id: str) -> None:
        with bound_contextvars(account_id=account_id, run_id=run_id):
            child().run(lambda desk: run.attempt(desk, UUID(account_id), UUID(run_id)))


def backoff_seconds(settings: Settings, attempts: int) -> float:
    """Doubles with each try up to the cap; from half of that to all of it, so that many do not come back at once."""
    longest = min(settings.ai_retry_cap_seconds, settings.ai_retry_base_seconds * 2.0 ** (attempts - 1))
    return longest * random.uniform(0.5, 1)


async def _patiently(desk: Desk, write: Callable[[], Awaitable[T]]) -> T:
    """Wait for PostgreSQL as long as the hard limit allows; then the lease runs out, and the relay sees to it.

    Repeating a transaction that had been committed unnoticed does nothing: its run is no longer running.
    """
    until = time.monotonic() + (desk.settings.ai_hard_limit_seconds - desk.settings.ai_soft_limit_seconds) / 2
    while True:
        try:
            return await write()
        except Unavailable:
            if time.monotonic() > until:
                raise
            await asyncio.sleep(DATABASE_RETRY_SECONDS)


def _about(job: Job) -> dict[str, UUID]:
    message = job.message
    return {"account_id": job.account_id, "conversation_id": message.conversation_id, "message_id": message.id}


def _ended(job: Job, *, outcome: Outcome | None = None, last_error: str | None = None) -> Ended:
    return Ended(
        **_about(job),
        id=job.id,
        kind=job.kind,
        outcome=outcome,
        last_error=last_error,
        started_at=job.started_at,
        finished_at=datetime.now(UTC),
    )
