"""A bound on what a provider does without awaiting: while it does, nobody else on the loop gets on."""

import signal
from collections.abc import Coroutine, Generator, Iterator
from contextlib import contextmanager
from functools import cache
from types import FrameType
from typing import Any, Generic, TypeVar

T = TypeVar("T")


class Stuck(TimeoutError):
    """A step took too long."""


class Stepwise(Generic[T]):
    """Awaits a coroutine, and raises Stuck inside it when one of its steps, from await to await, takes too long.

    For the main thread of a process that uses SIGALRM for nothing else. Python code is interrupted, and calls that
    look at signals; a C function that does not, only the hard limit ends.
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
    _listen()
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)


@cache
def _listen() -> None:
    """Once in a process: to set a handler for each step would cost more than the timer."""
    signal.signal(signal.SIGALRM, _interrupt)


def _interrupt(_number: int, _frame: FrameType | None) -> None:
    raise Stuck
