"""How long classifications wait for a free worker before they are sent, in virtual time."""

import asyncio
from collections.abc import Iterator
from itertools import chain, repeat
from typing import Any

import pytest

from hummdesk.relay.admission import (
    INTERVAL_SECONDS,
    LONGEST_HOLD_SECONDS,
    LONGEST_PAUSE_SECONDS,
    MINIMUM_HOLD_SECONDS,
    wait,
)
from tests.unit.virtual_time import run


class Queues:
    """Queues whose length is that of `lengths` in turn."""

    def __init__(self, *lengths: int, then: int) -> None:
        self._lengths: Iterator[int] = chain(lengths, repeat(then))

    async def length(self, _queue: str) -> int:
        return next(self._lengths)


def held(queues: Any, *, waited: float = 0.0, stops_after: float = 10 * LONGEST_HOLD_SECONDS) -> tuple[float, int]:
    """Return for how many seconds runs were held back, and how often others were sent meanwhile."""
    sent = 0

    async def send() -> None:
        nonlocal sent
        sent += 1

    async def measure() -> float:
        stopping = asyncio.Event()
        asyncio.get_running_loop().call_later(stops_after, stopping.set)
        await wait(queues, waited=waited, meanwhile=send, stopping=stopping)
        return asyncio.get_running_loop().time()

    return run(measure()), sent


def test_wait_with_free_worker_ends_after_a_pause() -> None:
    assert held(Queues(then=0)) == (0.01, 0)


def test_wait_ends_when_the_workers_have_taken_all_tasks() -> None:
    seconds, _ = held(Queues(2, 2, 1, then=0))
    assert seconds == pytest.approx(0.01 + 0.02 + 0.04 + 0.05)


@pytest.mark.parametrize(
    ("waited", "longest"), [(0.0, LONGEST_HOLD_SECONDS), (25.0, 5.0), (60.0, MINIMUM_HOLD_SECONDS)]
)
def test_wait_for_busy_workers_is_limited_by_the_age_of_the_next_run(waited: float, longest: float) -> None:
    seconds, sent = held(Queues(then=4), waited=waited)
    assert longest <= seconds < longest + 0.1
    assert sent == pytest.approx(longest / INTERVAL_SECONDS, abs=0.1 * longest / INTERVAL_SECONDS + 1)


def test_wait_of_stopping_relay_ends_after_a_pause() -> None:
    seconds, _ = held(Queues(then=4), stops_after=3.0)
    assert 3.0 <= seconds <= 3.0 + LONGEST_PAUSE_SECONDS
