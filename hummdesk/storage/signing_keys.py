"""The keys with which accounts sign tokens. Web processes read, add and revoke those of one account."""

from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any, Literal, Self
from uuid import UUID

from hummdesk.core.clock import wire_time
from hummdesk.core.encryption import Encryption
from hummdesk.core.errors import NotFound
from hummdesk.core.models import Person
from hummdesk.storage import audit
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

    def wire(self) -> dict[str, Any]:
        """The key without its secret."""
        shown: dict[str, Any] = {"id": self.kid, "kid": self.kid, "algorithm": self.algorithm, "kind": self.kind}
        optional = {
            "jwksUrl": self.jwks_url,
            "issuer": self.issuer,
            "audience": self.audience,
            "revokedAt": self.revoked_at and wire_time(self.revoked_at),
        }
        shown |= {name: value for name, value in optional.items() if value is not None}
        return shown | {"createdAt": wire_time(self.created_at)}


def context_of(account_id: UUID, kid: str) -> str:
    """What an encrypted secret is bound to."""
    return f"signing_keys/{account_id}/{kid}"


async def active(tx: Transaction) -> list[SigningKey]:
    """The keys of the transaction's account that are not revoked, oldest first."""
    return [SigningKey.from_row(row) async for row in queries.active_keys(tx)]


async def keys(tx: Transaction, *, account_id: UUID | None) -> list[SigningKey]:
    """All keys of an account, or of every account, for the operator."""
    return [SigningKey.from_row(row) async for row in queries.keys(tx, account_id=account_id)]


async def key(tx: Transaction, *, account_id: UUID, kid: str) -> SigningKey:
    """A key of an account, also a revoked one. Raises NotFound."""
    found = next((one for one in await keys(tx, account_id=account_id) if one.kid == kid), None)
    if found is None:
        raise NotFound
    return found


async def add(tx: Transaction, actor: Person | None, key: NewSigningKey) -> bool:
    """Add a key of the transaction's account; return False if it has one of this kid, also a revoked one."""
    if await queries.add(tx, **asdict(key)) is None:
        return False
    await audit.record(tx, actor, "signing_key.created", key.kid, {"algorithm": key.algorithm, "kind": key.kind})
    return True


async def revoke(tx: Transaction, actor: Person | None, *, account_id: UUID, kid: str) -> bool:
    """Revoke a key of the transaction's account; return False for an unknown or revoked one."""
    if await queries.revoke(tx, account_id=account_id, kid=kid) is None:
        return False
    await audit.record(tx, actor, "signing_key.revoked", kid)
    return True


async def reencrypt(tx: Transaction, encryption: Encryption) -> int:
    """Encrypt each secret with the newest key; return how many had another. Raises Undecryptable."""
    old = [row async for row in queries.secrets(tx) if not encryption.is_current(row["secret"])]
    for row in old:
        context = context_of(row["account_id"], row["kid"])
        secret = encryption.encrypt(encryption.decrypt(row["secret"], context=context), context=context)
        await queries.replace_secret(tx, account_id=row["account_id"], kid=row["kid"], secret=secret)
    return len(old)
