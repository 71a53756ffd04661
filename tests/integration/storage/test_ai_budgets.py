"""Daily budgets for external models: reserved before a request, settled after it."""

import asyncio
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest

from hummdesk.core.config import Settings
from hummdesk.core.errors import CommandError, NotFound
from hummdesk.core.models import BudgetLimits, ModelCall, Reservation, TokenUsage
from hummdesk.operator.ai_budgets import budget
from hummdesk.storage import ai_budgets
from hummdesk.storage.ai_budgets import Budget

CALL = ModelCall(
    provider="openai",
    model="m",
    prompt="p@1",
    outcome="ok",
    usage=TokenUsage(input=300, cache_read=50, output=150),
    cost=Decimal("0.02"),
    seconds=0.5,
)
TOKENS = BudgetLimits(tokens=1000, dollars=Decimal(0))


async def reserve(account: Any, limits: BudgetLimits, *, tokens: int = 100, dollars: str = "0") -> Reservation | None:
    async with account.tx() as tx:
        return await ai_budgets.reserve(tx, tokens=tokens, dollars=Decimal(dollars), limits=limits)


async def settle(account: Any, *calls: ModelCall) -> None:
    async with account.tx() as tx:
        await ai_budgets.settle(tx, calls)


async def used(account: Any) -> Budget:
    async with account.tx() as tx:
        return await ai_budgets.own_budget(tx)


async def test_concurrent_requests_are_admitted_until_their_estimates_reach_the_limit(account: Any) -> None:
    admitted = await asyncio.gather(*(reserve(account, TOKENS) for _ in range(50)))
    assert len([one for one in admitted if one is not None]) == TOKENS.tokens // 100


async def test_reserve_beyond_the_dollars_is_refused(account: Any) -> None:
    limits = BudgetLimits(tokens=0, dollars=Decimal("0.05"))
    assert await reserve(account, limits, dollars="0.05") is not None
    assert await reserve(account, limits, dollars="0.05") is None


async def test_settle_replaces_the_estimate_by_the_usage(account: Any) -> None:
    reservation = await reserve(account, TOKENS, tokens=900, dollars="0.5")
    await settle(account, replace(CALL, reservation=reservation))
    assert ((found := await used(account)).tokens, found.dollars, found.refused) == (500, Decimal("0.02"), 0)


async def test_settle_without_a_reservation_adds_the_usage(account: Any) -> None:
    await settle(account, CALL, replace(CALL, cost=None))
    assert ((found := await used(account)).tokens, found.dollars) == (1000, Decimal("0.02"))


@pytest.mark.parametrize(("outcome", "tokens"), [("timeout", 100), ("cancelled", 100), ("server_error", 0)])
async def test_settle_of_a_failed_request_keeps_what_may_be_charged(account: Any, outcome: str, tokens: int) -> None:
    reservation = await reserve(account, TOKENS)
    failed = replace(CALL, outcome=outcome, usage=TokenUsage(), cost=None, reservation=reservation)
    await settle(account, failed)
    assert (await used(account)).tokens == tokens


async def test_settle_counts_refused_requests(account: Any) -> None:
    await settle(account, replace(CALL, outcome=ai_budgets.EXHAUSTED, usage=TokenUsage(), cost=None))
    assert ((found := await used(account)).tokens, found.refused) == (0, 1)


async def test_usage_of_yesterday_does_not_count_today(account: Any) -> None:
    yesterday = (datetime.now(UTC) - timedelta(days=1)).date()
    late = Reservation(day=yesterday, tokens=0, dollars=Decimal(0))
    await settle(account, replace(CALL, reservation=late))
    assert (await used(account)).tokens == 0
    assert await account.execute("SELECT day, tokens FROM ai_usage WHERE account_id = %(account)s") == [
        (yesterday, 500)
    ]


async def test_usage_of_another_account_is_invisible(account: Any, foreign: Any) -> None:
    await settle(foreign, CALL)
    assert (await used(account)).tokens == 0
    async with account.tx() as tx:
        rows = [row async for row in await tx.execute("SELECT account_id FROM ai_usage")]
    assert rows == []


async def test_limits_of_an_account_win_over_the_settings(alone: Any) -> None:
    settings = Settings(database_url=alone.url, ai_daily_tokens=5000, ai_daily_dollars=2.5)
    await settle(alone, CALL)
    lines = await budget(settings, None, tokens=None, dollars=None)
    assert lines[0].split() == ["account", "tokens", "of", "dollars", "of", "refused", "name"]
    assert "500     5000 (default)  0.0200   2.5 (default)" in lines[1]
    lines = await budget(settings, alone.id, tokens="700", dollars="0")
    assert "500     700  0.0200   unlimited" in lines[1]
    assert (await used(alone)).limits(settings) == BudgetLimits(tokens=700, dollars=Decimal(0))
    lines = await budget(settings, alone.id, tokens="default", dollars=None)
    assert "500     5000 (default)" in lines[1]


@pytest.mark.parametrize(
    ("tokens", "dollars"),
    [("-1", None), ("1.5", None), ("many", None), ("NaN", None), (None, "-0.1"), (None, "Infinity"), (None, "$5")],
)
async def test_budget_that_is_no_amount_is_refused(alone: Any, tokens: str | None, dollars: str | None) -> None:
    with pytest.raises(CommandError, match="is not a"):
        await budget(Settings(database_url=alone.url), alone.id, tokens=tokens, dollars=dollars)


async def test_budget_of_an_unknown_account_is_refused(alone: Any) -> None:
    with pytest.raises(NotFound, match="No account has this id"):
        await budget(Settings(database_url=alone.url), UUID(int=7), tokens="1", dollars=None)
