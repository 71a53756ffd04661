"""Redis clients and the translation of their errors."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import hiredis
from redis.asyncio import Redis
from redis.asyncio.connection import Connection
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError

from hummdesk.core.errors import Unavailable

COMMAND_SECONDS = 5.0
REDIS_ERRORS = (RedisError, RuntimeError)
"""Raised by a command while Redis is unavailable. RuntimeError is uvloop's, for a connection that was just closed."""


class PackingConnection(Connection):
    """Packs commands in C: redis-py, whose asyncio client does so in Python, takes a fifth of a command's CPU time."""

    def pack_command(self, *args: bytes | bytearray | memoryview | str | int | float) -> list[bytes]:
        name, *arguments = args
        words = name.split() if isinstance(name, str) else [name]  # SCRIPT LOAD
        return [hiredis.pack_command((*words, *arguments))]


def connect(url: str, *, timeout: float = COMMAND_SECONDS) -> Redis:
    """Return a client whose commands fail within `timeout` seconds."""
    return Redis.from_url(
        url,
        socket_timeout=timeout,
        socket_connect_timeout=COMMAND_SECONDS,
        health_check_interval=15,
        protocol=2,
        connection_class=PackingConnection,  # `from_url` replaces it for rediss:// and unix://
        retry=Retry(NoBackoff(), 1),
    )


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
