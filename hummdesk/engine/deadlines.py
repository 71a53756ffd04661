"""Timers for thousands of objects that share one delay."""

import asyncio
from collections.abc import Callable, Hashable, Iterator
from contextvars import Context
from typing import Generic, TypeVar

Key = TypeVar("Key", bound=Hashable)

RESOLUTION_SECONDS = 0.001
"""Of the clock and the timers of uvloop, which can call a timer early by as much."""


class Deadlines(Generic[Key]):
    """One timer of the event loop for all keys with the same delay; keys expire in the order of their start."""

    __slots__ = ("_due", "_on_expired", "_precision", "_seconds", "_timer", "expiring")

    def __init__(
        self, seconds: float, on_expired: Callable[[Key], None], *, precision: float = RESOLUTION_SECONDS
    ) -> None:
        """`precision`: seconds by which a key may expire early, together with another one."""
        self._seconds = seconds
        self._on_expired = on_expired
        self._precision = precision
        self._due: dict[Key, float] = {}
        self._timer: asyncio.TimerHandle | None = None
        self.expiring = 0.0
        """While `on_expired` is called: the deadline of its key."""

    def __len__(self) -> int:
        return len(self._due)

    def __iter__(self) -> Iterator[Key]:
        """The keys that wait, the first to expire first."""
        return iter(tuple(self._due))

    def start(self, key: Key, *, since: float | None = None) -> None:
        """Call `on_expired(key)` once the delay has passed, counted from now or from a time of the loop's clock.

        A start of a key that is waiting restarts its delay.
        """
        self._due.pop(key, None)
        loop = asyncio.get_running_loop()
        now = loop.time()
        self._due[key] = due = (now if since is None else since) + self._seconds
        if self._timer is None:
            self._schedule(loop, due - now)

    def cancel(self, key: Key) -> None:
        self._due.pop(key, None)

    def clear(self) -> None:
        self._due.clear()
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _schedule(self, loop: asyncio.AbstractEventLoop, seconds: float) -> None:
        # An empty context: a copy of the caller's would keep the current request alive.
        self._timer = loop.call_later(seconds, self._expire, loop, context=Context())

    def _expire(self, loop: asyncio.AbstractEventLoop) -> None:
        now = loop.time()
        expired = []
        self._timer = None
        for key, due in self._due.items():
            if due - now > self._precision:
                self._schedule(loop, due - now)
                break
            expired.append(key)
        for key in expired:
            deadline = self._due.pop(key, None)
            if deadline is not None:  # an earlier callback may have cancelled it
                self.expiring = deadline
                self._on_expired(key)
