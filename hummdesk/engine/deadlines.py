"""Timers for thousands of objects that share one delay."""

import asyncio
from collections.abc import Callable, Hashable
from contextvars import Context
from typing import Generic, TypeVar

Key = TypeVar("Key", bound=Hashable)

PRECISION_SECONDS = 0.001
"""Keys whose deadline is closer than this have expired. The timers of uvloop have this resolution, and can be early."""


class Deadlines(Generic[Key]):
    """One timer of the event loop for all keys with the same delay; keys expire in the order of their start."""

    __slots__ = ("_due", "_on_expired", "_seconds", "_timer")

    def __init__(self, seconds: float, on_expired: Callable[[Key], None]) -> None:
        self._seconds = seconds
        self._on_expired = on_expired
        self._due: dict[Key, float] = {}
        self._timer: asyncio.TimerHandle | None = None

    def __len__(self) -> int:
        return len(self._due)

    def start(self, key: Key) -> None:
        """Call `on_expired(key)` once the delay has passed; a start of a key that is waiting restarts its delay."""
        self._due.pop(key, None)
        loop = asyncio.get_running_loop()
        self._due[key] = loop.time() + self._seconds
        if self._timer is None:
            self._schedule(loop, self._seconds)

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
            if due - now > PRECISION_SECONDS:
                self._schedule(loop, due - now)
                break
            expired.append(key)
        for key in expired:
            if self._due.pop(key, None) is not None:  # an earlier callback may have cancelled it
                self._on_expired(key)
