"""Timers for thousands of sessions that all wait equally long."""

import asyncio
from collections.abc import Callable, Hashable
from contextvars import Context
from typing import Generic, TypeVar

Key = TypeVar("Key", bound=Hashable)

PRECISION_SECONDS = 0.02
"""Deadlines that are closer together than this are met together."""


class Deadlines(Generic[Key]):
    """One timer of the event loop for everything that expires after the same delay: what started first is due first."""

    __slots__ = ("_due", "_expired", "_seconds", "_timer")

    def __init__(self, seconds: float, expired: Callable[[Key], None]) -> None:
        self._seconds = seconds
        self._expired = expired
        self._due: dict[Key, float] = {}
        self._timer: asyncio.TimerHandle | None = None

    def __len__(self) -> int:
        return len(self._due)

    def start(self, key: Key) -> None:
        """Call `expired(key)` after the delay from now, unless it is cancelled or started again before."""
        self._due.pop(key, None)
        loop = asyncio.get_running_loop()
        self._due[key] = loop.time() + self._seconds
        if self._timer is None:
            self._wait(loop, self._seconds)

    def cancel(self, key: Key) -> None:
        self._due.pop(key, None)

    def clear(self) -> None:
        self._due.clear()
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _wait(self, loop: asyncio.AbstractEventLoop, seconds: float) -> None:
        # A context of its own: the caller's would keep the request alive that started this.
        self._timer = loop.call_later(max(seconds, PRECISION_SECONDS), self._look, loop, context=Context())

    def _look(self, loop: asyncio.AbstractEventLoop) -> None:
        now = loop.time()
        due = []
        self._timer = None
        for key, moment in self._due.items():
            if moment > now:
                self._wait(loop, moment - now)
                break
            due.append(key)
        for key in due:
            if self._due.pop(key, None) is not None:
                self._expired(key)
