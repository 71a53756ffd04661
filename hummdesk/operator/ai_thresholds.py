"""Show and set the least confidence of drafts that accounts are shown."""

from uuid import UUID

from hummdesk.core.config import Settings
from hummdesk.core.errors import CommandError
from hummdesk.storage import accounts
from hummdesk.storage.database import operator

DEFAULT = "default"


async def threshold(settings: Settings, account_id: UUID | None, confidence: str | None) -> list[str]:
    """Set it for the account if given, then return a line for it, or for every account. Raises CommandError."""
    minimum = None if confidence is None else _share(confidence)
    async with operator(settings) as database:
        if confidence is not None and account_id is not None:
            async with database.account(account_id) as tx:
                await accounts.update(tx, None, ai_min_confidence=minimum)
        async with database.all_accounts() as tx:
            found = [one for one in await accounts.accounts(tx) if account_id in (None, one.account_id)]
    if not found:
        raise CommandError(f"no account has the id {account_id}" if account_id else "there is no account yet")
    return [f"{one.account_id}  {_shown(one.ai_min_confidence)}  {one.name}" for one in found]


def _share(text: str) -> float | None:
    if text == DEFAULT:
        return None
    try:
        share = float(text)
    except ValueError:
        share = -1.0
    if not 0 <= share <= 1:
        raise CommandError(f"{text!r} is not a number from 0 to 1 or `{DEFAULT}`")
    return share


def _shown(minimum: float | None) -> str:
    return "none (default)" if minimum is None else f"{minimum:g}"
