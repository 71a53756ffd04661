"""Background tasks: protected from the garbage collector, with their failures logged."""

import asyncio
import logging
import threading
from collections.abc import Callable, Coroutine
from contextlib import suppress
from typing import Any, TypeVar

log = logging.getLogger(__name__)

Result = TypeVar("Result")

CANCEL_SECONDS = 0.5

_running: set[asyncio.Task[None]] = set()


def soon(work: Coroutine[Any, Any, None]) -> None:
    """Run `work` in the background."""
    task = asyncio.ensure_future(_logged(work))
    _running.add(task)
    task.add_done_callback(_running.discard)


async def drain() -> None:
    """Wait until no task runs in the background."""
    while _running:
        await asyncio.wait(_running)


async def end(*tasks: asyncio.Task[None]) -> None:
    """Cancel tasks until they have ended: a library may mistake a cancellation for its own timeout and continue."""
    waiting: set[asyncio.Task[None]] = set(tasks)
    while waiting:
        for task in waiting:
            task.cancel()
        _, waiting = await asyncio.wait(waiting, timeout=CANCEL_SECONDS)


async def in_thread(function: Callable[[], Result]) -> Result:
    """Run a function that may block for long in a thread of its own, which does not delay the exit of the process.

    `asyncio.to_thread` has few threads, which the whole process shares, and which are waited for at its exit.
    """
    loop = asyncio.get_running_loop()
    future: asyncio.Future[Result] = loop.create_future()

    def settle(result: Result | None, error: BaseException | None) -> None:
        if future.done():  # its caller was cancelled
            return
        if error is not None:
            future.set_exception(error)
        else:
            future.set_result(result)  # type: ignore[arg-type]

    def run() -> None:
        result, error = None, None
        try:
            result = function()
        except BaseException as raised:
            error = raised
        with suppress(RuntimeError):  # the loop was closed
            loop.call_soon_threadsafe(settle, result, error)

    threading.Thread(target=run, daemon=True).start()
    return await future


async def _logged(work: Coroutine[Any, Any, None]) -> None:
    try:
        await work
    except Exception:
        log.exception("background.task_failed")
