"""Periodic work: the one runner for everything that a process does at intervals."""

import asyncio
import random
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager, suppress
from time import monotonic

from hummdesk.core.background import end

FIRST_BACKOFF_SECONDS = 0.25
SHORTEST_WAIT_SECONDS = 0.001
PHASE_SECONDS = 60 * random.random()
"""When the intervals of aligned runners begin, so that not all processes run their steps at the same time."""
AT_ONCE_SECONDS = 0.0
"""What a step returns that has more to do."""

Step = Callable[[], Awaitable[float | None]]
"""Does the work once. Returns the seconds until it is due again, or None for the whole interval."""


class TimeShare:
    """Limits work whose duration grows with a table to a part of the time."""

    def __init__(self, part: float) -> None:
        self._part = part
        self._due_at = float("-inf")

    def is_due(self) -> bool:
        return monotonic() >= self._due_at

    @contextmanager
    def measured(self) -> Iterator[None]:
        """Do the work in the block; it is due again after the time of which its duration is the part.

        Failed work counts as well, such as a query up to its timeout.
        """
        began = monotonic()
        try:
            yield
        finally:
            self._due_at = began + (monotonic() - began) / self._part


class Periodic:
    """Runs a step at once, then every `interval` seconds, and sooner when `wake` is set or the step asks for it.

    A failed step is reported and retried with exponential backoff and jitter; no failure ends the runner. `wake` does
    not shorten a backoff.
    """

    def __init__(
        self,
        step: Step,
        *,
        interval: float,
        on_failure: Callable[[Exception], object],
        wake: asyncio.Event | None = None,
        pending: asyncio.Event | None = None,
        longest_backoff: float | None = None,
        is_aligned: bool = False,
    ) -> None:
        """`longest_backoff` in seconds; the interval by default.

        `pending`: while it is not set, no work is pending, and the runner does not wake up. The step runs when the
        interval ends in which it was set, and clears it.

        `is_aligned`: the intervals of all aligned runners of the process end at the same times, so that their steps can
        share round trips, and an idle process wakes up less often.
        """
        self._step = step
        self._interval = interval
        self._on_failure = on_failure
        self._wake = wake or asyncio.Event()
        self._pending = pending
        self._longest_backoff = interval if longest_backoff is None else longest_backoff
        self._is_aligned = is_aligned
        self._stopping = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        self._task = asyncio.create_task(self._run())

    async def stop(self, *, grace_seconds: float = 0.0) -> None:
        """Let a running step finish for up to `grace_seconds`, then cancel it."""
        if self._task is None:
            return
        self._stopping.set()
        self._wake.set()
        if self._pending is not None:
            self._pending.set()
        if grace_seconds:
            await asyncio.wait([self._task], timeout=grace_seconds)
        await end(self._task)

    async def _run(self) -> None:
        backoff = FIRST_BACKOFF_SECONDS
        while not self._stopping.is_set():
            self._wake.clear()
            if self._pending is not None:
                self._pending.clear()
            try:
                due = await self._step()
            except Exception as error:
                self._on_failure(error)
                await _wait(self._stopping, min(backoff, self._longest_backoff) * random.uniform(0.5, 1))
                backoff *= 2
            else:
                backoff = FIRST_BACKOFF_SECONDS
                if self._pending is not None and due is None:
                    await self._pending.wait()
                await self._sleep(self._until(due))

    async def _sleep(self, seconds: float) -> None:
        """Wait until `wake` is set, by others or by a timer: a timeout would cost twice as much."""
        timer = asyncio.get_running_loop().call_later(seconds, self._wake.set)
        try:
            await self._wake.wait()
        finally:
            timer.cancel()

    def _until(self, due: float | None) -> float:
        interval = self._interval
        if self._is_aligned:
            interval -= (asyncio.get_running_loop().time() - PHASE_SECONDS) % interval
        return interval if due is None else min(interval, max(due, SHORTEST_WAIT_SECONDS))


async def _wait(event: asyncio.Event, seconds: float) -> None:
    with suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await event.wait()
