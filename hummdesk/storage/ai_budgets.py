"""Daily budgets of accounts for external models. A day is one of UTC."""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Self
from uuid import UUID

from hummdesk.core.config import Settings
from hummdesk.core.errors import NotFound
from hummdesk.core.models import BudgetLimits, ModelCall, Reservation
from hummdesk.storage.database import Transaction
from hummdesk.storage.queries import load

queries = load("ai_budgets")

EXHAUSTED = "budget_exhausted"
"""Outcome of a request that was not sent because the budget is used up."""
UNKNOWN_USAGE = frozenset({"timeout", "cancelled"})
"""Outcomes of requests that the provider may charge: what was reserved for them stays used."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Budget:
    """The budget of an account and today's usage. A limit of None is the default, 0 is unlimited."""

    account_id: UUID
    name: str
    daily_tokens: int | None
    daily_dollars: Decimal | None
    tokens: int
    dollars: Decimal
    refused: int
    """Requests that were not sent."""

    def limits(self, settings: Settings) -> BudgetLimits:
        return limits(settings, self.daily_tokens, self.daily_dollars)

    def is_used_up(self, settings: Settings) -> bool:
        """Whether a limit is reached: nothing is sent to an external model until midnight UTC."""
        most = self.limits(settings)
        return 0 < most.tokens <= self.tokens or 0 < most.dollars <= self.dollars

    @classmethod
    def from_row(cls, row: dict[str, Any]) -> Self:
        return cls(**{name: row[name] for name in cls.__dataclass_fields__})


def limits(settings: Settings, daily_tokens: int | None, daily_dollars: Decimal | None) -> BudgetLimits:
    """The account's own limits, and the default where it has none."""
    dollars = Decimal(str(settings.ai_daily_dollars))
    return BudgetLimits(
        tokens=settings.ai_daily_tokens if daily_tokens is None else daily_tokens,
        dollars=dollars if daily_dollars is None else daily_dollars,
    )


async def reserve(tx: Transaction, *, tokens: int, dollars: Decimal, limits: BudgetLimits) -> Reservation | None:
    """Reserve the estimate of a request; None if a limit is reached. Requests in progress count with their estimate."""
    row = await queries.reserve(
        tx, tokens=tokens, dollars=dollars, most_tokens=limits.tokens, most_dollars=limits.dollars
    )
    return None if row is None else Reservation(day=row["day"], tokens=tokens, dollars=dollars)


async def settle(tx: Transaction, calls: Sequence[ModelCall]) -> None:
    """Replace what was reserved for the calls by what they used."""
    for call in calls:
        reserved = call.reservation
        keeps_reserved = reserved is not None and call.outcome in UNKNOWN_USAGE and not call.usage.total
        if keeps_reserved:
            continue
        await queries.add(
            tx,
            day=reserved and reserved.day,
            tokens=call.usage.total - (reserved.tokens if reserved else 0),
            dollars=(call.cost or Decimal(0)) - (reserved.dollars if reserved else Decimal(0)),
            refused=int(call.outcome == EXHAUSTED),
        )


async def own_budget(tx: Transaction) -> Budget:
    """The budget of the transaction's account. Raises NotFound."""
    row = await queries.own(tx)
    if row is None:
        raise NotFound("No account has this id")
    return Budget.from_row(row)


async def budgets(tx: Transaction) -> list[Budget]:
    """The budgets of all accounts by name, for the operator."""
    return [Budget.from_row(row) async for row in queries.budgets(tx)]
