"""Cursors of lists that are ordered by a time and an id, newest first."""

from base64 import urlsafe_b64decode, urlsafe_b64encode
from datetime import UTC, datetime, timedelta
from uuid import UUID

from hummdesk.core.errors import Invalid

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
NEWEST = (datetime.max.replace(tzinfo=UTC), UUID(int=2**128 - 1))
"""The position before the first row."""
LONGEST_NUMBER = 18
"""Digits of a number of 64 bits."""


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


def number_of(cursor: str) -> int:
    """Parse the cursor of a list that is ordered by a number. Raises Invalid."""
    if not cursor.isascii() or not cursor.isdigit() or len(cursor) > LONGEST_NUMBER:
        raise Invalid(details={"cursor": ["Not a cursor of this list."]})
    return int(cursor)
