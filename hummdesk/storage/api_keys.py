"""API keys of accounts."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Self
from uuid import UUID

from hummdesk.core import api_keys
from hummdesk.core.api_keys import ParsedKey, Scope
from hummdesk.core.clock import wire_time
from hummdesk.core.errors import NotFound
from hummdesk.core.ids import new_id
from hummdesk.core.models import Person
from hummdesk.storage import audit, page_cursor
from hummdesk.storage.changes import first_page
from hummdesk.storage.database import Transaction
from hummdesk.storage.queries import load

queries = load("api_keys")


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiKey:
    id: UUID
    name: str
    scope: Scope
    created_at: datetime
    last_used_at: datetime | None
    """To a minute."""
    revoked_at: datetime | None

    @classmethod
    def from_row(cls, row: dict[str, Any]) -> Self:
        return cls(**{name: row[name] for name in cls.__dataclass_fields__})

    def wire(self) -> dict[str, Any]:
        times = {"createdAt": self.created_at, "lastUsedAt": self.last_used_at, "revokedAt": self.revoked_at}
        return {"id": str(self.id), "name": self.name, "scope": self.scope} | {
            name: wire_time(moment) for name, moment in times.items() if moment is not None
        }


async def create(
    tx: Transaction, actor: Person | None, account_id: UUID, *, name: str, scope: Scope, key_id: UUID | None = None
) -> tuple[ApiKey, str | None]:
    """Add a key and return its text, which cannot be read again; for an active one of this name None in its place."""
    made = api_keys.make(account_id, key_id or new_id())
    row = await queries.create(tx, id=made.id, name=name, scope=scope, secret_hash=made.secret_hash)
    if row is None:
        return ApiKey.from_row(await queries.named(tx, name=name)), None
    await audit.record(tx, actor, "key.created", made.id, {"name": name, "scope": scope})
    return ApiKey.from_row(row), made.text


async def rotate(tx: Transaction, actor: Person | None, account_id: UUID, key_id: UUID) -> tuple[ApiKey, str]:
    """Replace the secret of a key and return its new text. Raises NotFound."""
    made = api_keys.make(account_id, key_id)
    row = await queries.replace_secret(tx, id=key_id, secret_hash=made.secret_hash)
    if row is None:
        raise NotFound
    await audit.record(tx, actor, "key.rotated", key_id)
    return ApiKey.from_row(row), made.text


async def revoke(tx: Transaction, actor: Person | None, key_id: UUID) -> ApiKey:
    """Revoke a key, also again. Raises NotFound."""
    row = await queries.revoke(tx, id=key_id)
    if row is None:
        return await key(tx, key_id)
    await audit.record(tx, actor, "key.revoked", key_id)
    return ApiKey.from_row(row)


async def key(tx: Transaction, key_id: UUID) -> ApiKey:
    """A key of the account. Raises NotFound."""
    row = await queries.key(tx, id=key_id)
    if row is None:
        raise NotFound
    return ApiKey.from_row(row)


async def page(tx: Transaction, *, limit: int, cursor: str | None) -> tuple[list[ApiKey], str | None]:
    """Keys of the account, newest first, also revoked ones, and the cursor of the next page. Raises Invalid."""
    before = page_cursor.NEWEST if cursor is None else page_cursor.decode(cursor)
    rows = queries.keys(tx, before_at=before[0], before_id=before[1], limit=limit + 1)
    return first_page([ApiKey.from_row(row) async for row in rows], limit)


async def verified(tx: Transaction, parsed: ParsedKey) -> tuple[str, Scope] | None:
    """The name and scope of an active key with this secret, or None."""
    row = await queries.secret(tx, id=parsed.id)
    if row is None or not parsed.matches(row["secret_hash"]):
        return None
    return row["name"], row["scope"]


async def used(tx: Transaction, key_id: UUID) -> None:
    await queries.used(tx, id=key_id)
