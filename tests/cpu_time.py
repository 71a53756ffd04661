"""CPU time of this process. A collection of garbage may fall into one attempt, so the best of three counts."""

import time
from collections.abc import Awaitable, Callable

ATTEMPTS = 3


def takes_less_cpu_than(seconds: float, action: Callable[[], object]) -> bool:
    """Whether one of the attempts does; the first that does is the last."""
    return any(_cpu_seconds(action) < seconds for _ in range(ATTEMPTS))


async def answers_with_less_cpu_than(seconds: float, ask: Callable[[], Awaitable[object]]) -> bool:
    """As `takes_less_cpu_than`, for a request to a server in this process."""
    for _ in range(ATTEMPTS):
        began = time.process_time()
        await ask()
        if time.process_time() - began < seconds:
            return True
    return False


def _cpu_seconds(action: Callable[[], object]) -> float:
    began = time.process_time()
    action()
    return time.process_time() - began
