"""Times of repeated work."""

import time
from collections.abc import Awaitable, Callable, Iterable
from statistics import median, quantiles
from typing import TypeVar

Item = TypeVar("Item")


async def times(work: Callable[[Item], Awaitable[None]], items: Iterable[Item]) -> list[float]:
    """The milliseconds of the work for each item, one after the other."""
    found = []
    for item in items:
        began = time.perf_counter()
        await work(item)
        found.append((time.perf_counter() - began) * 1000)
    return found


def p50(values: list[float]) -> float:
    return median(values)


def p99(values: list[float]) -> float:
    return quantiles(values, n=100, method="inclusive")[98]
