"""Calls of external models and their costs."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Self
from uuid import UUID

from hummdesk.core.ids import new_id
from hummdesk.core.models import ModelCall
from hummdesk.storage import ai_budgets
from hummdesk.storage.database import Transaction
from hummdesk.storage.queries import load

queries = load("model_calls")


@dataclass(frozen=True, slots=True, kw_only=True)
class Costs:
    """Calls and costs of one account and model."""

    account_id: UUID
    name: str
    provider: str
    model: str
    calls: int
    failures: int
    fallbacks: int
    """Calls after which the embedded provider answered."""
    over_budget: int
    """Calls that were not made because the daily budget was used up; the others do not count them."""
    input_tokens: int
    cached_tokens: int
    """Of `input_tokens`, those that the provider has read from its cache."""
    output_tokens: int
    cost_usd: Decimal | None
    unpriced: int
    """Calls with an unknown price, which `cost_usd` does not include."""
    median_milliseconds: int

    @classmethod
    def from_row(cls, row: dict[str, Any]) -> Self:
        return cls(**{name: row[name] for name in cls.__dataclass_fields__})


async def store(tx: Transaction, run_id: UUID | None, calls: Sequence[ModelCall], *, fallback: bool) -> None:
    """Store the model calls of one attempt of a run, or of a simulation, and settle the daily budget.

    `fallback`: the embedded provider answered after the last one.
    """
    records = [_record(call, fallback=fallback and call is calls[-1]) for call in calls]
    await queries.store(tx, run_id=run_id, calls=json.dumps(records))
    await ai_budgets.settle(tx, calls)


async def costs(tx: Transaction, *, days: int) -> list[Costs]:
    """Costs of the last days by account and model, for the operator."""
    return [Costs.from_row(row) async for row in queries.costs(tx, days=days)]


def _record(call: ModelCall, *, fallback: bool) -> dict[str, Any]:
    return {
        "id": str(new_id()),
        "provider": call.provider,
        "model": call.model,
        "prompt": call.prompt,
        "outcome": call.outcome,
        "fallback": fallback,
        "input_tokens": call.usage.input,
        "cache_read_tokens": call.usage.cache_read,
        "cache_write_tokens": call.usage.cache_write,
        "output_tokens": call.usage.output,
        "cost_usd": None if call.cost is None else str(call.cost),
        "milliseconds": round(call.seconds * 1000),
    }
