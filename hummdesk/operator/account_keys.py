"""Add, list and revoke the keys with which accounts sign tokens."""

from uuid import UUID

import orjson

from hummdesk.core import tokens
from hummdesk.core.config import Settings
from hummdesk.core.errors import CommandError
from hummdesk.operator.tables import aligned
from hummdesk.storage import accounts, signing_keys
from hummdesk.storage.database import operator
from hummdesk.storage.signing_keys import NewSigningKey, SigningKey

HEADINGS = ("account", "kid", "algorithm", "kind", "created", "revoked")


async def add(settings: Settings, key: NewSigningKey) -> None:
    """Raises CommandError for an unknown account, and for a kid that the account has."""
    if not 0 < len(key.kid) <= tokens.LONGEST_KID or not key.kid.isprintable():
        raise CommandError(f"--kid must have 1 to {tokens.LONGEST_KID} printable characters")
    async with operator(settings) as database, database.account(key.account_id) as tx:
        if key.account_id not in {one.account_id for one in await accounts.accounts(tx)}:
            raise CommandError(f"no account has the id {key.account_id}")
        if not await signing_keys.add(tx, None, key):
            raise CommandError(f"the account has or had a key {key.kid!r}: choose another --kid")


async def listed(settings: Settings, account_id: UUID | None, *, as_json: bool) -> list[str]:
    """Return a line for each key, below headings unless `as_json`."""
    async with operator(settings) as database, database.all_accounts() as tx:
        found = await signing_keys.keys(tx, account_id=account_id)
    if as_json:
        return [orjson.dumps(_shown(one)).decode() for one in found]
    return aligned([HEADINGS, *(_row(one) for one in found)])


async def revoke(settings: Settings, account_id: UUID, kid: str) -> None:
    """Raises CommandError for a key that the account does not have, or that was revoked before."""
    async with operator(settings) as database, database.account(account_id) as tx:
        if not await signing_keys.revoke(tx, None, account_id=account_id, kid=kid):
            raise CommandError(f"the account has no key {kid!r} that is not revoked: `signing-key list` shows its keys")


def _shown(key: SigningKey) -> dict[str, object]:
    shown = {
        "account": key.account_id,
        "kid": key.kid,
        "algorithm": key.algorithm,
        "kind": key.kind,
        "jwks": key.jwks_url,
        "issuer": key.issuer,
        "audience": key.audience,
        "created": key.created_at,
        "revoked": key.revoked_at,
    }
    return {name: value for name, value in shown.items() if value is not None}


def _row(key: SigningKey) -> tuple[str, ...]:
    revoked = "" if key.revoked_at is None else f"{key.revoked_at:%Y-%m-%d %H:%M}"
    return (str(key.account_id), key.kid, key.algorithm, key.kind, f"{key.created_at:%Y-%m-%d %H:%M}", revoked)
