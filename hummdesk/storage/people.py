"""Who may talk: users of an account and its contacts."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Self
from uuid import UUID

from hummdesk.errors import NotFound
from hummdesk.models import Person
from hummdesk.storage.database import Transaction
from hummdesk.storage.queries import load

queries = load("people")


@dataclass(frozen=True, slots=True, kw_only=True)
class Colleague:
    """An active admin or agent, as presence shows them."""

    id: UUID
    name: str
    email: str
    last_seen_at: datetime | None

    @classmethod
    def from_row(cls, row: dict[str, Any]) -> Self:
        return cls(id=row["id"], name=row["name"], email=row["email"], last_seen_at=row["last_seen_at"])


async def find_person(tx: Transaction, *, person_id: UUID, customer: bool) -> Person | None:
    """The active contact (`customer`) or else the active user with this id, None if there is none in the account."""
    find = queries.find_contact if customer else queries.find_user
    row = await find(tx, person_id=person_id)
    return row and Person.from_row(row)


async def colleagues(tx: Transaction) -> list[Colleague]:
    """Active admins and agents of the account, by name."""
    return [Colleague.from_row(row) async for row in queries.colleagues(tx)]


async def seen(tx: Transaction, *, user_id: UUID) -> datetime:
    """Note that the user is here now. Raises NotFound."""
    row = await queries.seen(tx, user_id=user_id)
    if row is None:
        raise NotFound
    moment: datetime = row["last_seen_at"]
    return moment
