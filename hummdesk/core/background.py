"""Background tasks: protected from the garbage collector, with their failures logged."""

import asyncio
import logging
from collections.abc import Coroutine
from typing import Any

log = logging.getLogger(__name__)

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


async def _logged(work: Coroutine[Any, Any, None]) -> None:
    try:
        await work
    except Exception:
        log.exception("background.task_failed")
