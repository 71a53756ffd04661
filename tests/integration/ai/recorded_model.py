"""An external model on a fake API, with a record of its calls."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import date
from decimal import Decimal
from typing import Any
from uuid import UUID

from hummdesk.ai.external.model import ExternalModel
from hummdesk.ai.external.provider import ExternalProvider
from hummdesk.ai.protocol import Context, IncomingMessage, ProviderRefused, Team
from hummdesk.core.config import Settings
from hummdesk.core.models import ModelCall, Reservation
from tests.integration.ai.fake_api import FakeApi

MESSAGE = IncomingMessage(content="I was charged twice for my order!", customer_name="Hugo Marchetti")
BILLING = Team(id=UUID(int=1), name="Billing", agent_ids=(UUID(int=11), UUID(int=12)))
CONTEXT = Context(teams=(BILLING,), online=frozenset({UUID(int=12)}))


class RecordedModel:
    def __init__(self, model: ExternalModel) -> None:
        self._model = model
        self.calls: list[ModelCall] = []
        self.reserved: list[tuple[int, Decimal]] = []
        self.is_over_budget = False

    @property
    def provider(self) -> ExternalProvider:
        return self._model.provider(record=self.calls.append, reserve=self._reserve)

    async def _reserve(self, tokens: int, dollars: Decimal) -> Reservation | None:
        if self.is_over_budget:
            raise ProviderRefused("the budget is used up", code="budget_exhausted")
        self.reserved.append((tokens, dollars))
        return Reservation(day=date(2026, 1, 1), tokens=tokens, dollars=dollars)

    @property
    def outcomes(self) -> list[str]:
        return [call.outcome for call in self.calls]


@asynccontextmanager
async def recorded_model(api: FakeApi, **changes: Any) -> AsyncIterator[RecordedModel]:
    model = ExternalModel(api.protocol, Settings(**(api.settings() | changes)))
    try:
        yield RecordedModel(model)
    finally:
        await model.close()
