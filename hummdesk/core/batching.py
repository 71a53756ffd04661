"""Batches: requests that arrive at the same time are answered in one round trip."""

import asyncio
import sys
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from typing import Final, Generic, TypeVar, final

Request = TypeVar("Request")
Result = TypeVar("Result")
_Pending = tuple[Request, asyncio.Future[Result]]


@final
class Requeue(Exception):
    """In place of a result: put the request first into the next batch."""


REQUEUE: Final = Requeue()


class Batcher(Generic[Request, Result]):
    """Runs one batch at a time; requests that arrive meanwhile form the next batch, in order.

    A request that arrives while no batch runs waits for the rest of the loop's iteration, or for `seconds`. A result is
    never older than its request. A request whose caller was cancelled before its batch began is left out.

    `run` returns for each request its result, an exception to raise, or REQUEUE. What `run` raises is raised to every
    caller of the batch, unless `isolate` is true for it: then the halves of the batch are run one after the other, down
    to the request that causes it. If `fails_waiting` is true for it, it is raised to the requests that wait as well,
    which would otherwise fail one batch after the other.
    """

    def __init__(
        self,
        run: Callable[[list[Request]], Awaitable[Sequence[Result | Exception | Requeue]]],
        *,
        max_items: int,
        max_size: int = sys.maxsize,
        size: Callable[[Request], int] | None = None,
        seconds: float = 0.0,
        isolate: Callable[[Exception], bool] = lambda _: False,
        fails_waiting: Callable[[Exception], bool] = lambda _: False,
    ) -> None:
        """A batch ends at `max_items` requests, or with the request that brings the sum of `size` to `max_size`.

        `seconds`: how long a request that arrives while no batch runs waits for others.
        """
        self._run = run
        self._max_items = max_items
        self._max_size = max_size
        self._size = size
        self._seconds = seconds
        self._isolate = isolate
        self._fails_waiting = fails_waiting
        self._queue: deque[_Pending[Request, Result]] = deque()
        self._task: asyncio.Task[None] | None = None

    async def submit(self, request: Request) -> Result:
        loop = asyncio.get_running_loop()
        future: asyncio.Future[Result] = loop.create_future()
        if self._task is None:
            self._task = loop.create_task(self._run_all())
        elif self._task.get_loop() is not loop:  # that loop was closed, its callers are gone
            self._queue.clear()
            self._task = loop.create_task(self._run_all())
        self._queue.append((request, future))
        return await future

    @property
    def is_idle(self) -> bool:
        return self._task is None

    async def drain(self) -> None:
        """Wait until no request is queued or running."""
        while self._task is not None:
            await asyncio.wait([self._task])

    async def _run_all(self) -> None:
        try:
            if self._seconds:
                await asyncio.sleep(self._seconds)
            while self._queue:
                if batch := self._take():
                    self._queue.extendleft(reversed(await self._process(batch)))
        finally:
            self._task = None
            while self._queue:
                self._queue.popleft()[1].cancel()

    def _take(self) -> list[_Pending[Request, Result]]:
        if self._size is None and len(self._queue) <= self._max_items:
            batch = [pending for pending in self._queue if not pending[1].done()]
            self._queue.clear()
            return batch
        batch, size = [], 0
        while self._queue and len(batch) < self._max_items and size < self._max_size:
            pending = self._queue.popleft()
            if not pending[1].done():
                batch.append(pending)
                if self._size is not None:
                    size += self._size(pending[0])
        return batch

    async def _process(self, batch: list[_Pending[Request, Result]]) -> list[_Pending[Request, Result]]:
        """Run a batch and return what is to be run again."""
        try:
            results = await self._run([request for request, _ in batch])
            if len(results) != len(batch):
                raise ValueError(f"{len(results)} results for {len(batch)} requests")
        except Exception as error:
            if len(batch) > 1 and self._isolate(error):
                half = len(batch) // 2
                return await self._process(batch[:half]) + await self._process(batch[half:])
            failed = [*batch]
            if self._fails_waiting(error):
                failed += self._queue
                self._queue.clear()
            for _, future in failed:
                if not future.done():
                    future.set_exception(error)
            return []
        except BaseException:
            for _, future in batch:
                future.cancel()
            raise
        return _conclude(batch, results)


def _conclude(
    batch: list[_Pending[Request, Result]], results: Sequence[Result | Exception | Requeue]
) -> list[_Pending[Request, Result]]:
    requeued = []
    for pending, result in zip(batch, results, strict=True):
        future = pending[1]
        if future.done():
            continue
        if not isinstance(result, Exception):
            future.set_result(result)
        elif isinstance(result, Requeue):
            requeued.append(pending)
        else:
            future.set_exception(result)
    return requeued
