"""The errors of Redis, and their translation."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from redis.exceptions import RedisError

from hummdesk.core.errors import Unavailable

REDIS_ERRORS = (RedisError, RuntimeError, OSError)
"""Raised by a command while Redis is unavailable. RuntimeError is uvloop's, for a connection that was just closed."""


def is_unavailable(error: Exception) -> bool:
    """Whether requests that wait for Redis would fail as well."""
    return isinstance(error, Unavailable)


@asynccontextmanager
async def raising_unavailable() -> AsyncIterator[None]:
    """Raise Unavailable in place of an error of Redis."""
    try:
        yield
    except REDIS_ERRORS as error:
        raise Unavailable from error
