"""What was asked of models outside, and what that cost."""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Self
from uuid import UUID

from hummdesk.core.ids import new_id
from hummdesk.core.models import ModelCall
from hummdesk.storage.database import Transaction
from hummdesk.storage.queries import load

queries = load("model_calls")


@dataclass(frozen=True, slots=True, kw_only=True)
class Costs:
    """Of one account and model."""

    account_id: UUID
    name: str
    provider: str
    model: str
    calls: int
    failures: int
    fallbacks: int
    """Calls after which the embedded provider answered."""
    input_tokens: int
    output_tokens: int
    cost_usd: Decimal | None
    unpriced: int
    """Calls whose cost is not known, and not in the sum."""
    median_milliseconds: int

    @classmethod
    def from_row(cls, row: dict[str, Any]) -> Self:
        return cls(**{name: row[name] for name in cls.__dataclass_fields__})


async def store(tx: Transaction, run_id: UUID, calls: Sequence[ModelCall], *, fallback: bool) -> None:
    """Note the requests of one try; `fallback`: after the last one the embedded provider answered."""
    await queries.store(
        tx,
        run_id=run_id,
        ids=[new_id() for _ in calls],
        providers=[call.provider for call in calls],
        models=[call.model for call in calls],
        prompts=[call.prompt for call in calls],
        outcomes=[call.outcome for call in calls],
        fallbacks=[fallback and call is calls[-1] for call in calls],
        input_tokens=[call.usage.input for call in calls],
        cache_read_tokens=[call.usage.cache_read for call in calls],
        cache_write_tokens=[call.usage.cache_write for call in calls],
        output_tokens=[call.usage.output for call in calls],
        costs=[call.cost for call in calls],
        milliseconds=[round(call.seconds * 1000) for call in calls],
    )


async def costs(tx: Transaction, *, days: int) -> list[Costs]:
    """Operator: by account and model."""
    return [Costs.from_row(row) async for row in queries.costs(tx, days=days)]
