"""Cursors of lists that are ordered by a time and an id, newest first."""

from base64 import urlsafe_b64decode, urlsafe_b64encode
from datetime import UTC, datetime, timedelta
from uuid import UUID

from hummdesk.core.errors import Invalid

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
NEWEST = (datetime.max.replace(tzinfo=UTC), UUID(int=2**128 - 1))
"""The position before the first row."""


def encode(moment: datetime, row_id: UUID) -> str:
    microseconds = (moment - EPOCH) // timedelta(microseconds=1)
    return urlsafe_b64encode(microseconds.to_bytes(8) + row_id.bytes).decode()


def decode(cursor: str) -> tuple[datetime, UUID]:
    """Raises Invalid."""
    try:
        packed = urlsafe_b64decode(cursor.encode())
        return EPOCH + timedelta(microseconds=int.from_bytes(packed[:8])), UUID(bytes=packed[8:])
    except (ValueError, OverflowError):
        raise Invalid(details={"cursor": ["Not a cursor of this list."]}) from None


def id_of(cursor: str | None) -> UUID:
    """The id after which a list that is ordered by id alone goes on; without a cursor, one before the first row.

    Raises Invalid.
    """
    return (NEWEST if cursor is None else decode(cursor))[1]
