"""Fakes for the engine's sans-I/O parts: a clock, a transport and a session."""

import asyncio
import heapq
import itertools
from collections.abc import Callable
from contextvars import Context
from typing import Any

import pytest


class FakeTimer:
    def __init__(self) -> None:
        self.is_cancelled = False

    def cancel(self) -> None:
        self.is_cancelled = True


class FakeClock:
    """The timers of an event loop, advanced by hand."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.early = 0.0
        """How many seconds before its time a timer is called."""

        self._order = itertools.count()
        self._timers: list[tuple[float, int, FakeTimer, Callable[[], object]]] = []

    def time(self) -> float:
        return self.now

    def call_later(
        self, seconds: float, callback: Callable[..., object], *arguments: Any, context: Context
    ) -> FakeTimer:
        timer = FakeTimer()
        due = self.now + max(seconds - self.early, 0)
        entry = (due, next(self._order), timer, lambda: context.run(callback, *arguments))
        heapq.heappush(self._timers, entry)
        return timer

    def advance(self, seconds: float) -> None:
        until = self.now + seconds
        while self._timers and self._timers[0][0] <= until:
            self.now, _, timer, call = heapq.heappop(self._timers)
            if not timer.is_cancelled:
                call()
        self.now = until

    @property
    def pending_timers(self) -> int:
        return sum(not timer.is_cancelled for _, _, timer, _ in self._timers)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> FakeClock:
    """Takes the place of the running loop's timers."""
    clock = FakeClock()
    monkeypatch.setattr(asyncio, "get_running_loop", lambda: clock)
    return clock


class FakeTransport(asyncio.Transport):
    """Records what is written. `buffered` is the size that its write buffer reports."""

    def __init__(self) -> None:
        super().__init__()
        self.written = b""
        self.buffered = 0
        self.calls: list[str] = []

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        return "encrypted" if name == "sslcontext" else default  # so that no direct socket is opened

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        self.calls.append(f"limits {high}")

    def get_write_buffer_size(self) -> int:
        return self.buffered

    def write(self, data: bytes | bytearray | memoryview) -> None:
        self.written += data

    def can_write_eof(self) -> bool:
        return True

    def write_eof(self) -> None:
        self.calls.append("write_eof")

    def is_closing(self) -> bool:
        return "close" in self.calls or "abort" in self.calls

    def close(self) -> None:
        self.calls.append("close")

    def abort(self) -> None:
        self.calls.append("abort")

    def pause_reading(self) -> None:
        self.calls.append("pause_reading")

    def resume_reading(self) -> None:
        self.calls.append("resume_reading")

    def take_written(self) -> bytes:
        written, self.written = self.written, b""
        return written
