"""The users and contacts of an account."""

from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Any, Self
from uuid import UUID
from weakref import WeakValueDictionary

from hummdesk.core.batching import Batcher
from hummdesk.core.errors import NotFound
from hummdesk.core.models import Person
from hummdesk.storage import page_cursor
from hummdesk.storage.changes import first_page
from hummdesk.storage.database import Database, Transaction
from hummdesk.storage.queries import load, uuid_array

queries = load("people")

MAX_BATCH = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class Colleague:
    """An active admin or agent, with the fields that presence shows."""

    id: UUID
    name: str
    email: str
    last_seen_at: datetime | None
    created_at: datetime
    photo_version: str | None

    @classmethod
    def from_row(cls, row: dict[str, Any]) -> Self:
        return cls(**{name: row[name] for name in cls.__dataclass_fields__})


class People:
    """Looks up persons; concurrent look-ups of one account share a transaction."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._batchers: WeakValueDictionary[UUID, Batcher[UUID, list[Person]]] = WeakValueDictionary()

    async def find(self, account_id: UUID, person_id: UUID, *, customer: bool) -> Person | None:
        """The active contact (`customer`) or user with this id. Raises Unavailable."""
        new: Batcher[UUID, list[Person]] = Batcher(partial(self._find, account_id), max_items=MAX_BATCH)
        found = await self._batchers.setdefault(account_id, new).submit(person_id)
        return next((person for person in found if person.is_staff != customer), None)

    async def _find(self, account_id: UUID, person_ids: list[UUID]) -> list[list[Person]]:
        [rows] = await self._database.read(
            account_id, (queries.find_people.sql, {"person_ids": uuid_array(person_ids)})
        )
        by_id: dict[UUID, list[Person]] = {person_id: [] for person_id in person_ids}
        for person in map(Person.from_row, rows):
            by_id[person.id].append(person)
        return [by_id[person_id] for person_id in person_ids]


async def find_people(tx: Transaction, *, person_ids: list[UUID]) -> list[Person]:
    """The active users and contacts of the account with these ids."""
    return [Person.from_row(row) async for row in queries.find_people(tx, person_ids=person_ids)]


async def find_person(tx: Transaction, *, person_id: UUID, customer: bool) -> Person | None:
    """The active contact (`customer`) or user of the account with this id, or None."""
    found = await find_people(tx, person_ids=[person_id])
    return next((person for person in found if person.is_staff != customer), None)


async def colleagues(tx: Transaction, *, limit: int) -> list[Colleague]:
    """The first active admins and agents of the account, by name."""
    return [Colleague.from_row(row) async for row in queries.colleagues(tx, limit=limit)]


async def not_answering(tx: Transaction, person_ids: list[UUID]) -> list[UUID]:
    """Return those of the ids that are not active admins or agents of the account."""
    return [row["id"] async for row in queries.not_answering(tx, person_ids=person_ids)]


async def colleagues_page(
    tx: Transaction, *, limit: int, cursor: str | None = None
) -> tuple[list[Colleague], str | None]:
    """A page of them, newest first, and the cursor of the next one. Raises Invalid for a bad cursor."""
    rows = queries.colleagues_before(tx, before_id=page_cursor.id_of(cursor), limit=limit + 1)
    return first_page([Colleague.from_row(row) async for row in rows], limit)


async def seen(tx: Transaction, *, user_id: UUID) -> datetime:
    """Set the user's last activity to now, and return it. Raises NotFound."""
    row = await queries.seen(tx, user_id=user_id)
    if row is None:
        raise NotFound
    moment: datetime = row["last_seen_at"]
    return moment
