"""One-time links with which users sign in."""

import secrets
from uuid import UUID

from hummdesk.core.account_secrets import SECRET_BYTES, AccountSecret, hash_of
from hummdesk.core.config import Settings
from hummdesk.core.errors import NotFound
from hummdesk.core.models import Person
from hummdesk.storage import audit
from hummdesk.storage.database import Transaction
from hummdesk.storage.queries import load

queries = load("sign_in_links")

LINK_SECONDS = 86_400.0


async def create_link(
    tx: Transaction, user_id: UUID, seconds: float = LINK_SECONDS, *, actor: Person | None = None
) -> str:
    """Add a link of an active user of the transaction's account; return its secret, of which the hash is stored.

    The user's earlier links can no longer be used. Raises NotFound.
    """
    secret = secrets.token_bytes(SECRET_BYTES)
    row = await queries.add(tx, user_id=user_id, secret_hash=hash_of(secret), seconds=seconds)
    if row is None:
        raise NotFound("The account has no active user with this id")
    await audit.record(tx, actor, "sign_in_link.created", user_id)
    return AccountSecret(row["account_id"], secret).text


def url_of(settings: Settings, secret: str) -> str:
    """The secret is in the fragment, which browsers do not send: no log and no referrer contains it."""
    return f"{settings.public_address}/sign-in#{secret}"


async def redeem(tx: Transaction, secret: AccountSecret) -> UUID | None:
    """Use up a link and return its user; None if it is unknown, used, replaced or expired, or the user disabled."""
    row = await queries.redeem(tx, secret_hash=secret.hash)
    user_id: UUID | None = row and row["user_id"]
    return user_id
