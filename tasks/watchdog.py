"""A time limit for code that computes without awaiting, which blocks every other coroutine of the event loop."""

import signal
import time
from collections.abc import Coroutine, Generator, Iterator
from contextlib import contextmanager
from functools import cache
from types import FrameType
from typing import Any, Generic, TypeVar

T = TypeVar("T")

BLOCKED = 5.0
"""How many times as long a step may take if it does not compute: the process may wait for a processor."""
CHECKS = 4
"""In the time that a step may compute, after it has taken that time."""


class StepTimeout(TimeoutError):
    """A coroutine has computed for too long without awaiting."""


class Watchdog(Generic[T]):
    """Await a coroutine, and raise StepTimeout inside it when it runs for too long from one await to the next.

    `seconds` are those of the processor: a step takes longer on a busy machine. One that only blocks is interrupted
    after BLOCKED times as long. Only for the main thread of a process that does not use SIGALRM otherwise. Interrupts
    Python code and system calls; a C function that does not check for signals ends only with the hard limit.
    """

    def __init__(self, work: Coroutine[Any, Any, T], *, seconds: float) -> None:
        self._work = work
        self._seconds = seconds

    def __await__(self) -> Generator[Any, Any, T]:
        inner = self._work.__await__()
        step, argument = inner.send, None
        while True:
            with _interrupted_after(self._seconds):
                try:
                    awaited = step(argument)
                except StopIteration as end:
                    value: T = end.value
                    return value
            try:
                step, argument = inner.send, (yield awaited)
            except BaseException as error:
                step, argument = inner.throw, error


@contextmanager
def _interrupted_after(seconds: float) -> Iterator[None]:
    _install_handler()
    _limit.processor = time.thread_time() + seconds
    _limit.clock = time.monotonic() + BLOCKED * seconds
    signal.setitimer(signal.ITIMER_REAL, seconds, seconds / CHECKS)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)


class _Limit:
    """When the current step is interrupted, by the time of the thread's processor and by the clock."""

    processor = 0.0
    clock = 0.0


_limit = _Limit()


@cache
def _install_handler() -> None:
    """Once per process: installing a handler for each step would cost more than the timer."""
    signal.signal(signal.SIGALRM, _interrupt)


def _interrupt(_number: int, _frame: FrameType | None) -> None:
    if time.thread_time() >= _limit.processor or time.monotonic() >= _limit.clock:
        signal.setitimer(signal.ITIMER_REAL, 0)
        raise StepTimeout
