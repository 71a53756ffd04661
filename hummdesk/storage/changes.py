"""Changes of records that people edit: which fields differ, conflicts with other records, and pages of them."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import fields
from datetime import datetime
from typing import TYPE_CHECKING, Protocol, TypeVar
from uuid import UUID

from psycopg import errors as postgres

from hummdesk.core.errors import Conflict
from hummdesk.storage import page_cursor

if TYPE_CHECKING:
    from _typeshed import DataclassInstance


class Listed(Protocol):
    """A record of a list that is ordered by id: ids are made in the order of time."""

    @property
    def id(self) -> UUID: ...

    @property
    def created_at(self) -> datetime: ...


Record = TypeVar("Record", bound=Listed)


def changed_fields(old: "DataclassInstance", new: "DataclassInstance") -> list[str]:
    """The names of the fields that differ between two records of a class."""
    return [one.name for one in fields(old) if getattr(old, one.name) != getattr(new, one.name)]


@contextmanager
def unique(message: str) -> Iterator[None]:
    """Report a value that another record of the account has as Conflict. The transaction has then failed."""
    try:
        yield
    except postgres.UniqueViolation as error:
        raise Conflict(message) from error


def first_page(found: Sequence[Record], limit: int) -> tuple[list[Record], str | None]:
    """The first `limit` of the records, and the cursor of the next page if there are more."""
    page = list(found[:limit])
    return page, page_cursor.encode(page[-1].created_at, page[-1].id) if len(found) > limit else None
