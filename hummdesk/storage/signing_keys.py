"""The keys with which accounts sign tokens. Web processes read those of one account, only the operator changes them."""

from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any, Literal, Self
from uuid import UUID

from hummdesk.core.encryption import Encryption
from hummdesk.storage.database import Transaction
from hummdesk.storage.queries import load

queries = load("signing_keys")

Kind = Literal["secret", "public key", "JWKS"]


@dataclass(frozen=True, slots=True, kw_only=True)
class NewSigningKey:
    """One of `secret` (encrypted), `public_key` (PEM) and `jwks_url` is set."""

    account_id: UUID
    kid: str
    algorithm: str
    secret: bytes | None = None
    public_key: str | None = None
    jwks_url: str | None = None
    issuer: str | None = None
    audience: str | None = None

    @property
    def kind(self) -> Kind:
        if self.secret is not None:
            return "secret"
        return "public key" if self.public_key is not None else "JWKS"


@dataclass(frozen=True, slots=True, kw_only=True)
class SigningKey(NewSigningKey):
    created_at: datetime
    revoked_at: datetime | None

    @classmethod
    def from_row(cls, row: dict[str, Any]) -> Self:
        return cls(**row)


def context_of(account_id: UUID, kid: str) -> str:
    """What an encrypted secret is bound to."""
    return f"signing_keys/{account_id}/{kid}"


async def active(tx: Transaction) -> list[SigningKey]:
    """The keys of the transaction's account that are not revoked, oldest first."""
    return [SigningKey.from_row(row) async for row in queries.active_keys(tx)]


async def keys(tx: Transaction, *, account_id: UUID | None) -> list[SigningKey]:
    """All keys of an account, or of every account, for the operator."""
    return [SigningKey.from_row(row) async for row in queries.keys(tx, account_id=account_id)]


async def add(tx: Transaction, key: NewSigningKey) -> bool:
    """Add a key; return False if the account has one of this kid, also a revoked one."""
    return await queries.add(tx, **asdict(key)) is not None


async def revoke(tx: Transaction, *, account_id: UUID, kid: str) -> bool:
    """Revoke a key; return False for an unknown or revoked one."""
    return await queries.revoke(tx, account_id=account_id, kid=kid) is not None


async def reencrypt(tx: Transaction, encryption: Encryption) -> int:
    """Encrypt each secret with the newest key; return how many had another. Raises Undecryptable."""
    old = [row async for row in queries.secrets(tx) if not encryption.is_current(row["secret"])]
    for row in old:
        context = context_of(row["account_id"], row["kid"])
        secret = encryption.encrypt(encryption.decrypt(row["secret"], context=context), context=context)
        await queries.replace_secret(tx, account_id=row["account_id"], kid=row["kid"], secret=secret)
    return len(old)
