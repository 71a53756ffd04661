"""The readiness of a web process: PostgreSQL, Redis and the event stream answer.

A process that reads some shards of the event stream and not others is ready: while one master of a Redis Cluster fails,
all processes do, and a load balancer that took them all out would stop the accounts of the other masters, too.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable

from hummdesk.bus.presence import Presence
from hummdesk.bus.stream_reader import StreamReader
from hummdesk.core.errors import Unavailable
from hummdesk.core.metrics import READY
from hummdesk.storage.database import Database

CACHED_SECONDS = 1.0
CHECK_SECONDS = 2.0


class Readiness:
    """Checks at most once a second, for any number of callers."""

    def __init__(self, database: Database, presence: Presence, reader: StreamReader) -> None:
        self._database = database
        self._presence = presence
        self._reader = reader
        self._lock = asyncio.Lock()
        self._checked_at = float("-inf")
        self._checks: dict[str, str] = {}

    async def checks(self) -> dict[str, str]:
        """Return `ok` or `down` for each part, and `partly` for a bus that reads some of the shards that it should."""
        async with self._lock:
            if time.monotonic() - self._checked_at > CACHED_SECONDS:
                self._checks = await self._check()
                self._checked_at = time.monotonic()
            return self._checks

    async def _check(self) -> dict[str, str]:
        postgresql, redis = await asyncio.gather(_state(self._database.check), _state(self._presence.check))
        bus = self._reader.state() if redis == "ok" else "down"
        checks = {"postgresql": postgresql, "redis": redis, "bus": bus}
        for part, state in checks.items():
            READY.labels(part).set(state == "ok")
        return checks


async def _state(check: Callable[[], Awaitable[None]]) -> str:
    try:
        async with asyncio.timeout(CHECK_SECONDS):
            await check()
    except (Unavailable, TimeoutError):
        return "down"
    return "ok"
