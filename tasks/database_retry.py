"""Retrying transactions while PostgreSQL is unavailable."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import TypeVar

from hummdesk.core.config import Settings
from hummdesk.core.errors import Unavailable

T = TypeVar("T")

RETRY_SECONDS = 0.25


async def retry_while_unavailable(settings: Settings, operation: Callable[[], Awaitable[T]]) -> T:
    """Retry while it raises Unavailable, as long as the hard limit allows; after that the lease of the runs expires.

    Repeating a transaction whose commit was not acknowledged changes nothing: its runs are no longer `running`.
    """
    until = time.monotonic() + (settings.ai_hard_limit_seconds - settings.ai_soft_limit_seconds) / 2
    while True:
        try:
            return await operation()
        except Unavailable:
            if time.monotonic() > until:
                raise
            await asyncio.sleep(RETRY_SECONDS)
