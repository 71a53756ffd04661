"""Ids of new rows."""

from datetime import datetime
from uuid import UUID

from uuid_utils.compat import uuid7


def new_id() -> UUID:
    """A UUID version 7: ids are ordered by time, so that new rows are stored together in an index."""
    return uuid7()


def lowest_id(moment: datetime) -> UUID:
    """The lowest id that `new_id` makes from a moment on (RFC 9562, section 5.7: 48 bits of milliseconds first)."""
    milliseconds = int(moment.timestamp() * 1000)
    return UUID(int=milliseconds << 80 | 7 << 76 | 2 << 62)


SYSTEM_ID = UUID(int=0)
"""Stands in events for an operator, who is no person of the account."""
