"""Admission of classifications: those that no worker can take yet wait in PostgreSQL, not in the broker.

Workers yield the processor to messages, so tasks wait on a busy machine. Sending more tasks would not finish them
sooner, and would cost the relay, PostgreSQL and Redis time that messages need. Runs that wait together form few large
tasks, which cost a worker and PostgreSQL a fifth of many small ones.
"""

import asyncio
from collections.abc import Awaitable, Callable

from hummdesk.bus.task_queues import TaskQueues

FIRST_PAUSE_SECONDS = 0.01
LONGEST_PAUSE_SECONDS = 0.05
"""Less than a worker needs for a task: it has work until the next tasks are sent."""
INTERVAL_SECONDS = 0.5
"""How often other kinds of runs are sent meanwhile."""
LONGEST_HOLD_SECONDS = 30.0
"""The deadline of a run begins when it is sent, so that it must not wait without end before."""
MINIMUM_HOLD_SECONDS = 0.2


async def wait(
    queues: TaskQueues, *, waited: float, meanwhile: Callable[[], Awaitable[object]], stopping: asyncio.Event
) -> None:
    """Wait until no classification waits for a worker, one has waited for too long to be sent, or `stopping` is set.

    `waited`: for how many seconds the next run has been due already. Raises Unavailable.
    """
    loop = asyncio.get_running_loop()
    until = loop.time() + max(MINIMUM_HOLD_SECONDS, LONGEST_HOLD_SECONDS - waited)
    pause, due = FIRST_PAUSE_SECONDS, loop.time() + INTERVAL_SECONDS
    while loop.time() < until and not stopping.is_set():
        await asyncio.sleep(pause)  # also because a worker needs the processor now
        if not await queues.length("classification"):
            return
        if loop.time() >= due:
            await meanwhile()
            due = loop.time() + INTERVAL_SECONDS
        pause = min(2 * pause, LONGEST_PAUSE_SECONDS)
