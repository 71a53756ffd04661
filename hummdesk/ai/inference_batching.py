"""Texts of several callers, read together: one pass of the model over many costs half of a pass for each."""

import asyncio
from asyncio import Future
from collections.abc import Callable, Sequence
from typing import Generic, TypeVar

T = TypeVar("T")

MOST = 32
"""Texts in one pass. What runs on the loop waits for it: about 1 ms for each short one, 15 ms for each long one."""


class InferenceBatcher(Generic[T]):
    """Collects the texts that arrive in one tick of the event loop, and waits no longer than that."""

    def __init__(self, read: Callable[[Sequence[str]], Sequence[T]]) -> None:
        """`read` gives something for each text."""
        self._read = read
        self._waiting: dict[Future[T], str] = {}

    async def read(self, text: str) -> T:
        """As if this text alone were read. Raises what the pass raised, as it does for all of them."""
        loop = asyncio.get_running_loop()
        if not self._is_open(loop):
            self._waiting = {}
            loop.call_soon(self._pass, self._waiting)
        future: Future[T] = loop.create_future()
        self._waiting[future] = text
        return await future

    def _is_open(self, loop: asyncio.AbstractEventLoop) -> bool:
        """A loop that was closed in between has left texts that nobody will read."""
        return 0 < len(self._waiting) < MOST and next(iter(self._waiting)).get_loop() is loop

    def _pass(self, waiting: dict[Future[T], str]) -> None:
        if waiting is self._waiting:
            self._waiting = {}
        wanted = {future: text for future, text in waiting.items() if not future.done()}
        if not wanted:
            return
        try:
            found = self._read(list(wanted.values()))
        except Exception as fault:
            for future in wanted:
                future.set_exception(fault)
        else:
            for future, one in zip(wanted, found, strict=True):
                future.set_result(one)
