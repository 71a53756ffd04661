"""Show and set the daily budgets of accounts for external models."""

from decimal import Decimal, InvalidOperation
from uuid import UUID

from hummdesk.core.config import Settings
from hummdesk.core.errors import CommandError
from hummdesk.operator.tables import aligned
from hummdesk.storage import accounts, ai_budgets
from hummdesk.storage.ai_budgets import Budget
from hummdesk.storage.database import operator

HEADINGS = ("account", "tokens", "of", "dollars", "of", "refused", "name")
DEFAULT = "default"


async def budget(settings: Settings, account_id: UUID | None, *, tokens: str | None, dollars: str | None) -> list[str]:
    """Set what is given for the account, then return a line for it, or for every account. Raises CommandError."""
    most_tokens, most_dollars = _amount("--tokens", tokens, whole=True), _amount("--dollars", dollars, whole=False)
    changes: dict[str, object] = {}
    if tokens is not None:
        changes["ai_daily_tokens"] = None if most_tokens is None else int(most_tokens)
    if dollars is not None:
        changes["ai_daily_dollars"] = most_dollars
    async with operator(settings) as database:
        if account_id is not None and changes:
            async with database.account(account_id) as tx:
                await accounts.update(tx, None, **changes)
        async with database.all_accounts() as tx:
            found = [one for one in await ai_budgets.budgets(tx) if account_id in (None, one.account_id)]
    if not found:
        raise CommandError(f"no account has the id {account_id}" if account_id else "there is no account yet")
    return aligned([HEADINGS, *(_row(one, settings) for one in found)])


def _amount(option: str, text: str | None, *, whole: bool) -> Decimal | None:
    if text is None or text == DEFAULT:
        return None
    try:
        amount = Decimal(text)
    except InvalidOperation:
        amount = Decimal(-1)
    if not amount.is_finite() or amount < 0 or (whole and amount != amount.to_integral_value()):
        kind = "a whole number" if whole else "a number"
        raise CommandError(f"{option}: {text!r} is not {kind} of at least 0 or `{DEFAULT}`")
    return amount


def _row(one: Budget, settings: Settings) -> tuple[str, ...]:
    limits = one.limits(settings)
    tokens = f"{limits.tokens or 'unlimited'}" + (" (default)" if one.daily_tokens is None else "")
    dollars = f"{limits.dollars or 'unlimited'}" + (" (default)" if one.daily_dollars is None else "")
    return (str(one.account_id), str(one.tokens), tokens, f"{one.dollars:.4f}", dollars, str(one.refused), one.name)
