"""Show and set what external models are told about an account when they draft."""

from uuid import UUID

from hummdesk.core.config import Settings
from hummdesk.core.errors import CommandError
from hummdesk.storage import accounts
from hummdesk.storage.database import operator

LONGEST = {"company": 2_000, "voice": 2_000, "policies": 8_000}
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
