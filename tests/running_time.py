"""Time limits that do not count the time in which this process was not run: machines stand still for seconds."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

STEP_SECONDS = 0.02
LONGEST_STEP_SECONDS = 0.05
"""What is counted of a step at most; the rest of it the process was not run, or its event loop was blocked."""


@asynccontextmanager
async def running_timeout(seconds: float) -> AsyncIterator[None]:
    """As `asyncio.timeout`; not for tests of a blocked event loop."""
    async with asyncio.timeout(None) as limit:
        counting = asyncio.create_task(_count(limit, seconds))
        try:
            yield
        finally:
            counting.cancel()


async def _count(limit: asyncio.Timeout, seconds: float) -> None:
    while seconds > 0:
        began = time.monotonic()
        await asyncio.sleep(STEP_SECONDS)
        seconds -= min(time.monotonic() - began, LONGEST_STEP_SECONDS)
    limit.reschedule(asyncio.get_running_loop().time())
