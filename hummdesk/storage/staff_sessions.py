"""Sessions of staff: the browsers in which users are signed in."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal, Self
from uuid import UUID

from hummdesk.core.account_secrets import AccountSecret
from hummdesk.core.clock import wire_time
from hummdesk.core.ids import new_id
from hummdesk.core.models import Person
from hummdesk.storage import audit, page_cursor
from hummdesk.storage.changes import first_page
from hummdesk.storage.database import Transaction
from hummdesk.storage.queries import load

queries = load("staff_sessions")

SignedInBy = Literal["link", "oidc"]
LONGEST_USER_AGENT = 200
"""Characters that are stored."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StaffSession:
    """A session that has not ended."""

    id: UUID
    user_id: UUID
    signed_in_by: SignedInBy
    user_agent: str
    network: str
    created_at: datetime
    last_used_at: datetime
    expires_at: datetime

    @classmethod
    def from_row(cls, row: dict[str, Any]) -> Self:
        return cls(**row)

    def wire(self) -> dict[str, Any]:
        return {
            "id": str(self.id),
            "userId": str(self.user_id),
            "signedInBy": self.signed_in_by,
            "userAgent": self.user_agent,
            "network": self.network,
            "createdAt": wire_time(self.created_at),
            "lastUsedAt": wire_time(self.last_used_at),
            "expiresAt": wire_time(self.expires_at),
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class SignedIn:
    """What a session's secret proves."""

    session_id: UUID
    user_id: UUID
    expires_at: datetime


async def add(
    tx: Transaction,
    secret: AccountSecret,
    *,
    user_id: UUID,
    signed_in_by: SignedInBy,
    user_agent: str,
    network: str,
    hours: float,
) -> UUID:
    """Add a session of a user of the transaction's account; return its id."""
    session_id = new_id()
    await queries.add(
        tx,
        id=session_id,
        user_id=user_id,
        secret_hash=secret.hash,
        signed_in_by=signed_in_by,
        user_agent=user_agent[:LONGEST_USER_AGENT].replace("\0", ""),
        network=network,
        hours=hours,
    )
    return session_id


async def use(tx: Transaction, secret: AccountSecret, *, idle_hours: float) -> SignedIn | None:
    """Return whom a secret identifies, and count it as a use; None if the session has ended or the user is disabled."""
    row = await queries.use(tx, secret_hash=secret.hash, idle_hours=idle_hours)
    return row and SignedIn(session_id=row["id"], user_id=row["user_id"], expires_at=row["expires_at"])


async def is_active(tx: Transaction, session_id: UUID) -> bool:
    """Whether a session of the account is not revoked."""
    return bool((await queries.is_active(tx, id=session_id))["active"])


async def page(
    tx: Transaction, *, user_id: UUID | None, idle_hours: float, limit: int, cursor: str | None = None
) -> tuple[list[StaffSession], str | None]:
    """A page of the sessions that have not ended, of one user or all, the newest first, and the next one's cursor.

    Raises Invalid for a bad cursor.
    """
    before_id = page_cursor.id_of(cursor)
    rows = queries.page(tx, before_id=before_id, user_id=user_id, idle_hours=idle_hours, limit=limit + 1)
    return first_page([StaffSession.from_row(row) async for row in rows], limit)


async def revoke(tx: Transaction, actor: Person | None, session_id: UUID, *, user_id: UUID | None = None) -> bool:
    """End a session of the account, or of one user of it; False if there is none."""
    row = await queries.revoke(tx, id=session_id, user_id=user_id)
    if row is None:
        return False
    await audit.record(tx, actor, "session.revoked", session_id, {"userId": str(row["user_id"])})
    return True


async def revoke_all(tx: Transaction, user_id: UUID) -> int:
    """End all sessions of a user; return their number."""
    return len([row async for row in queries.revoke_all(tx, user_id=user_id)])


async def end(tx: Transaction, secret: AccountSecret) -> None:
    """End the session of a secret, if it has not ended."""
    await queries.end(tx, secret_hash=secret.hash)
