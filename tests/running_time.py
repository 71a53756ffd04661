"""Times that do not count those in which this process was not run: machines stand still for seconds."""

import asyncio
import threading
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import cache

STEP_SECONDS = 0.02
LONGEST_STEP_SECONDS = 0.05
"""What is counted of a step at most; the rest of it the process was not run, or its event loop was blocked."""


class _Ticker(threading.Thread):
    """Counts the time in which this process is run, from the first use to the end of the process."""

    def __init__(self) -> None:
        super().__init__(name="running time", daemon=True)
        self._step = (0.0, time.monotonic())
        """What was counted before the current step, and its beginning: together, since another thread reads them."""

    def run(self) -> None:
        while True:
            time.sleep(STEP_SECONDS)
            self._step = self._now()

    @property
    def seconds(self) -> float:
        return self._now()[0]

    def _now(self) -> tuple[float, float]:
        counted, began = self._step
        now = time.monotonic()
        return counted + min(now - began, LONGEST_STEP_SECONDS), now


@cache
def _ticker() -> _Ticker:
    made = _Ticker()
    made.start()
    return made


def running_seconds() -> float:
    """As `time.monotonic`, but it stands still while this process is not run."""
    return _ticker().seconds


class RunningClock:
    def __init__(self) -> None:
        self._steps: list[tuple[float, float]] = []
        """System time of the beginning of each step, and what is counted of it."""

    def seconds(self, since: float, until: float) -> float:
        """The seconds between two system times in which this process was run."""
        return sum(counted for began, counted in self._steps if since <= began < until)

    async def run(self) -> None:
        while True:
            began, moment = time.monotonic(), time.time()
            await asyncio.sleep(STEP_SECONDS)
            self._steps.append((moment, min(time.monotonic() - began, LONGEST_STEP_SECONDS)))


@asynccontextmanager
async def running_clock() -> AsyncIterator[RunningClock]:
    clock = RunningClock()
    running = asyncio.create_task(clock.run())
    try:
        yield clock
    finally:
        running.cancel()


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
