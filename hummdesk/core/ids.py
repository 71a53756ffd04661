"""Ids of what the server makes."""

from datetime import datetime
from uuid import UUID

from uuid_utils.compat import uuid7


def new_id() -> UUID:
    """UUID version 7: made in the order of time, so that new rows lie together in an index."""
    return uuid7()


def least_id(moment: datetime) -> UUID:
    """The least that `new_id` can make at a moment or later (RFC 9562, section 5.7: 48 bits of milliseconds first)."""
    milliseconds = int(moment.timestamp() * 1000)
    return UUID(int=milliseconds << 80 | 7 << 76 | 2 << 62)
