"""Choose the AI provider of an account, and report the costs of external models."""

from dataclasses import asdict
from decimal import Decimal
from uuid import UUID

import orjson

from hummdesk.core.config import Settings
from hummdesk.core.errors import CommandError
from hummdesk.operator.tables import aligned
from hummdesk.storage import accounts, model_calls
from hummdesk.storage.database import operator
from hummdesk.storage.model_calls import Costs

HEADINGS = (
    "account",
    "model",
    "calls",
    "failed",
    "fallbacks",
    "over budget",
    "input",
    "cached",
    "output",
    "dollars",
    "unpriced",
    "median ms",
)


async def provider(settings: Settings, account_id: UUID | None, name: str | None) -> list[str]:
    """Choose `name` for the account if given, then return a line for it, or for every account. Raises CommandError."""
    chosen = None if name == "default" else name
    if chosen is not None and chosen not in settings.providers:
        raise CommandError(f"{chosen} has no API key: set {chosen.upper()}_API_KEY for the workers first")
    async with operator(settings) as database:
        if name is not None and account_id is not None:
            async with database.account(account_id) as tx:
                await accounts.update(tx, None, ai_provider=chosen)
        async with database.all_accounts() as tx:
            found = [one for one in await accounts.accounts(tx) if account_id in (None, one.account_id)]
    if not found:
        raise CommandError(f"no account has the id {account_id}" if account_id else "there is no account yet")
    return [f"{one.account_id}  {one.ai_provider or f'{settings.ai_provider} (default)'}  {one.name}" for one in found]


async def costs(settings: Settings, *, days: int, as_json: bool) -> list[str]:
    """Return a line for each account and model, below headings unless `as_json`."""
    async with operator(settings) as database, database.all_accounts() as tx:
        found = await model_calls.costs(tx, days=days)
    if as_json:
        return [orjson.dumps(asdict(one), default=_number).decode() for one in found]
    return aligned([HEADINGS, *(_row(one) for one in found)])


def _row(one: Costs) -> tuple[str, ...]:
    tokens = (one.input_tokens, one.cached_tokens, one.output_tokens)
    figures = (one.calls, one.failures, one.fallbacks, one.over_budget, *tokens)
    dollars = "unknown" if one.cost_usd is None else f"{one.cost_usd:.4f}"
    return (one.name, one.model, *map(str, figures), dollars, str(one.unpriced), str(one.median_milliseconds))


def _number(value: object) -> float:
    if isinstance(value, Decimal):
        return float(value)
    raise TypeError
