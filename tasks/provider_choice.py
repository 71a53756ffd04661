"""Who answers a run: the provider of its account, or the embedded one where that cannot.

Tries belong to the run (tasks/run.py): what may be tried again is raised from here, as long as another try can come in
time. What cannot be made good is answered by the embedded provider, and marked.
"""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from hummdesk.ai import providers
from hummdesk.ai.protocol import Provider, ProviderError, ProviderRefused
from hummdesk.core import metrics
from hummdesk.core.config import Settings
from hummdesk.core.errors import Unavailable
from hummdesk.core.models import ModelCall
from hummdesk.storage import model_calls
from hummdesk.storage.database import Database
from hummdesk.storage.runs import ClaimedRun
from tasks.backoff import longest_backoff_seconds

log = logging.getLogger(__name__)
T = TypeVar("T")

RESERVE_SECONDS = 2.0
"""Kept of a run's time for the embedded provider, and to store and tell what it finds."""

SHORTEST_SECONDS = 1.0
"""With less than this a model outside need not be asked."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Advice(Generic[T]):
    value: T
    provider: str
    """Who has given it."""
    fallback: str | None = None
    """Why not the one that the account has chosen: the code of its failure."""

    @property
    def marks(self) -> dict[str, str]:
        """As a run's result has them."""
        return {"provider": self.provider} | ({} if self.fallback is None else {"fallback": self.fallback})


class Adviser:
    def __init__(self, settings: Settings, database: Database) -> None:
        self._settings = settings
        self._database = database
        self._embedded = providers.provider("embedded")
        self._outside: dict[str, providers.Outside] = {}
        self._labels = metrics.AccountLabels(settings.metrics_accounts)

    async def ask(self, job: ClaimedRun, ask: Callable[[Provider], Awaitable[T]]) -> Advice[T]:
        """Have `ask` ask whoever is to answer. Raises what makes another try of the run worth while."""
        chosen = self.chosen(job)
        if chosen == "embedded":
            return Advice(value=await ask(self._embedded), provider=self._embedded.name)
        noted: list[ModelCall] = []
        fallback = None
        try:
            return Advice(value=await ask(await self._provider(chosen, job, noted.append)), provider=chosen)
        except Exception as failure:
            if self._may_try_again(job, failure):
                raise
            fallback = failure.code if isinstance(failure, ProviderError) else "failed"
            log.warning("the embedded provider answers instead", extra={"provider": chosen, "code": fallback})
        finally:
            await self._note(job, noted, fallback=fallback is not None)
        return Advice(value=await ask(self._embedded), provider=self._embedded.name, fallback=fallback)

    def chosen(self, job: ClaimedRun) -> str:
        return job.provider or self._settings.ai_provider

    async def close(self) -> None:
        for outside in self._outside.values():
            await outside.close()

    async def _provider(self, name: str, job: ClaimedRun, note: Callable[[ModelCall], None]) -> Provider:
        seconds = min(self._seconds_left(job), 0.9 * self._settings.ai_soft_limit_seconds)
        if name not in self._settings.providers:
            raise ProviderRefused("the provider has no key here", code="not_configured")
        if seconds < min(SHORTEST_SECONDS, 0.9 * self._settings.ai_soft_limit_seconds):
            raise ProviderRefused("no time left to ask", code="no_time")
        if name not in self._outside:
            # In a thread: importing a client takes longer than a step of a run may.
            self._outside[name] = await asyncio.to_thread(providers.Outside, name, self._settings)
        return self._outside[name].provider(note=note, seconds=seconds)

    def _may_try_again(self, job: ClaimedRun, failure: Exception) -> bool:
        if isinstance(failure, ProviderRefused) or job.attempts >= self._settings.ai_max_attempts:
            return False
        pause = longest_backoff_seconds(self._settings, job.attempts, failure)
        return self._seconds_left(job) - pause >= SHORTEST_SECONDS

    def _seconds_left(self, job: ClaimedRun) -> float:
        return job.deadline - time.monotonic() - RESERVE_SECONDS

    async def _note(self, job: ClaimedRun, noted: list[ModelCall], *, fallback: bool) -> None:
        """What was spent stays known: in the metrics, in the books, or at least in the log."""
        if not noted:
            return
        for call in noted:
            self._count(job, call)
        try:
            async with self._database.account(job.account_id) as tx:
                await model_calls.store(tx, job.id, noted, fallback=fallback)
        except Unavailable:
            spent: list[dict[str, Any]] = [{"model": call.model, "cost": str(call.cost)} for call in noted]
            log.error("calls could not be noted", extra={"calls": spent})

    def _count(self, job: ClaimedRun, call: ModelCall) -> None:
        account = self._labels.of(job.account_id)
        metrics.AI_CALLS.labels(account=account, model=call.model, outcome=call.outcome).inc()
        metrics.AI_CALL_SECONDS.labels(model=call.model, outcome=call.outcome).observe(call.seconds)
        for kind in ("input", "cache_read", "cache_write", "output"):
            metrics.AI_TOKENS.labels(account=account, model=call.model, kind=kind).inc(getattr(call.usage, kind))
        if call.cost is not None:
            metrics.AI_COST.labels(account=account, model=call.model).inc(float(call.cost))
