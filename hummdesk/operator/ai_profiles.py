"""Show and set what external models receive about an account for their drafts."""

from uuid import UUID

from hummdesk.contract.resources.settings import MAX_POLICIES, MAX_PROFILE
from hummdesk.core.config import Settings
from hummdesk.core.errors import CommandError
from hummdesk.storage import accounts
from hummdesk.storage.database import operator

LONGEST = {"company": MAX_PROFILE, "voice": MAX_PROFILE, "policies": MAX_POLICIES}
"""Characters of each text, as over REST."""


async def profile(settings: Settings, account_id: UUID, **texts: str | None) -> list[str]:
    """Set the texts that are not None, then return a line for each text. Raises CommandError."""
    changes = {name: text.strip() for name, text in texts.items() if text is not None}
    for name, text in changes.items():
        if len(text) > LONGEST[name]:
            raise CommandError(f"--{name} has more than {LONGEST[name]} characters")
    async with operator(settings) as database, database.account(account_id) as tx:
        if changes:
            await accounts.update(tx, None, **{f"ai_{name}": text for name, text in changes.items()})
        found = await accounts.get(tx)
    return [f"{name}: {getattr(found, f'ai_{name}') or '-'}" for name in LONGEST]
