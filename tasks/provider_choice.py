"""Calling the provider that an account has chosen, with the embedded provider as the fallback.

Retries belong to the run (`tasks/run_handler.py`): an error is raised from here as long as another attempt can succeed
before the deadline. After that the embedded provider answers, and the result says so.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from functools import partial
from typing import Any, Generic, TypeVar

from hummdesk.ai import providers
from hummdesk.ai.external.draft_batches import DraftBatches
from hummdesk.ai.external.model import ExternalModel
from hummdesk.ai.protocol import Provider, ProviderError, ProviderRefused
from hummdesk.core import metrics
from hummdesk.core.config import Settings
from hummdesk.core.errors import Unavailable
from hummdesk.core.models import ModelCall, Reservation
from hummdesk.storage import ai_budgets, model_calls
from hummdesk.storage.database import Database
from tasks.provider_policy import Request, provider_name, request_seconds, should_retry

log = logging.getLogger(__name__)
T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class ProviderAnswer(Generic[T]):
    value: T
    provider: str
    """Name of the provider that answered."""
    fallback: str | None = None
    """Error code of the chosen provider, if the embedded provider answered instead."""
    calls: tuple[ModelCall, ...] = ()
    """The calls of external models."""

    @property
    def source(self) -> dict[str, str]:
        """The fields `provider` and `fallback` of a run's result."""
        return {"provider": self.provider} | ({} if self.fallback is None else {"fallback": self.fallback})

    @property
    def cost(self) -> dict[str, dict[str, float]]:
        """The field `cost` of a run's result: of the calls of this attempt. Empty if there was none."""
        used = [call for call in self.calls if call.usage.total]
        if not used:
            return {}
        found: dict[str, float] = {"tokens": sum(call.usage.total for call in used)}
        known = [call.cost for call in used if call.cost is not None]
        return {"cost": found | {"dollars": float(sum(known))} if len(known) == len(used) else found}


class ProviderSelector:
    def __init__(self, settings: Settings, database: Database) -> None:
        self._settings = settings
        self._database = database
        self._embedded = providers.local_provider("embedded")
        self._external: dict[str, ExternalModel] = {}
        self._labels = metrics.AccountLabels(settings.metrics_accounts)

    def name_for(self, run: Request) -> str:
        return provider_name(run, self._settings)

    async def ask(
        self, run: Request, request: Callable[[Provider], Awaitable[T]], *, has_fallback: bool = True
    ) -> ProviderAnswer[T]:
        """Send `request` to the provider of the run's account. Raises errors for which the run is to be retried.

        Without `has_fallback` the embedded provider does not answer in its place, and all errors are raised.
        """
        name = self.name_for(run)
        if name == "embedded":
            return await self._ask_embedded(request)
        calls: list[ModelCall] = []
        fallback = None
        try:
            value = await request(await self._provider(name, run, calls.append))
            return ProviderAnswer(value=value, provider=name, calls=tuple(calls))
        except Exception as error:
            if not has_fallback or should_retry(run, error, self._settings):
                raise
            fallback = error.code if isinstance(error, ProviderError) else "failed"
            log.warning("ai_provider.fallback", extra={"provider": name, "code": fallback})
        finally:
            await self._record(run, calls, fallback=fallback is not None)
        return replace(await self._ask_embedded(request, fallback), calls=tuple(calls))

    async def draft_batches(self, run: Request, *, is_in_progress: bool) -> DraftBatches | None:
        """The batch interface for drafts of the run's provider; None if it has none. Raises ProviderError.

        `is_in_progress`: it has accepted a batch already, and is not asked.
        """
        name = self.name_for(run)
        if name not in self._settings.providers[1:]:
            return None
        model = await self._model(name)
        return model.draft_batches if is_in_progress or await model.has_batches() else None

    async def close(self) -> None:
        for external in self._external.values():
            await external.close()

    async def _ask_embedded(
        self, request: Callable[[Provider], Awaitable[T]], fallback: str | None = None
    ) -> ProviderAnswer[T]:
        value = await request(self._embedded)
        return ProviderAnswer(value=value, provider=self._embedded.name, fallback=fallback)

    async def _provider(self, name: str, run: Request, record: Callable[[ModelCall], None]) -> Provider:
        if name not in self._settings.providers:
            raise ProviderRefused(f"no API key is set for the provider {name}", code="not_configured")
        seconds = request_seconds(run, self._settings)
        model = await self._model(name)
        return model.provider(record=record, reserve=partial(self._reserve, run), timeout_seconds=seconds)

    async def _model(self, name: str) -> ExternalModel:
        if name not in self._external:
            # In a thread: importing a client takes longer than the watchdog allows.
            self._external[name] = await asyncio.to_thread(ExternalModel, name, self._settings)
        return self._external[name]

    async def _reserve(self, run: Request, tokens: int, dollars: Decimal) -> Reservation | None:
        """Reserve what a request may cost of the account's daily budget. Raises ProviderRefused if it is used up."""
        limits = ai_budgets.limits(self._settings, run.daily_tokens, run.daily_dollars)
        if limits.is_unlimited:
            return None
        async with self._database.account(run.account_id) as tx:
            reservation = await ai_budgets.reserve(tx, tokens=tokens, dollars=dollars, limits=limits)
        if reservation is None:
            raise ProviderRefused("the daily budget of the account is used up", code=ai_budgets.EXHAUSTED)
        return reservation

    async def _record(self, run: Request, calls: Sequence[ModelCall], *, fallback: bool) -> None:
        """Record the costs in the metrics and in the database, or in the log if PostgreSQL is unavailable."""
        if not calls:
            return
        for call in calls:
            self.count(run, call)
        try:
            async with self._database.account(run.account_id) as tx:
                await model_calls.store(tx, run.run_id, calls, fallback=fallback)
        except Unavailable:
            costs: list[dict[str, Any]] = [{"model": call.model, "cost": str(call.cost)} for call in calls]
            log.error("model_calls.not_stored", extra={"calls": costs})

    def count(self, run: Request, call: ModelCall) -> None:
        """Count a call in the metrics."""
        account = self._labels.of(run.account_id)
        metrics.AI_CALLS.labels(account=account, model=call.model, outcome=call.outcome).inc()
        if call.outcome == ai_budgets.EXHAUSTED:
            return
        if call.seconds:  # which a call of a batch has not
            metrics.AI_CALL_SECONDS.labels(model=call.model, outcome=call.outcome).observe(call.seconds)
        for kind in ("input", "cache_read", "cache_write", "output"):
            metrics.AI_TOKENS.labels(account=account, model=call.model, kind=kind).inc(getattr(call.usage, kind))
        if call.cost is not None:
            metrics.AI_COST.labels(account=account, model=call.model).inc(float(call.cost))
