"""CPU affinity of servers and load, and the CPU time and memory of processes."""

import asyncio
import ctypes
import os
import time
from collections.abc import Collection, Iterable, Iterator
from contextlib import contextmanager, suppress

import psutil

AVAILABLE = sorted(os.sched_getaffinity(0))
SERVER = frozenset(AVAILABLE[:1])
"""For the measured server alone."""
REST = frozenset(AVAILABLE[1:2] or AVAILABLE)
"""For everything else: receivers, PostgreSQL, Redis. One core, so that results of all machines are comparable."""
BOTH = SERVER | REST

_libc = ctypes.CDLL(None, use_errno=True)


@contextmanager
def pinned(cores: frozenset[int]) -> Iterator[None]:
    """Run this thread, and the processes that it starts meanwhile, on these cores."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, cores)
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


def move(pid: int, cores: frozenset[int]) -> None:
    """Move a process, its threads and its children to these cores."""
    for process in family(pid):
        with suppress(psutil.Error, OSError):
            for thread in process.threads():
                os.sched_setaffinity(thread.id, cores)


def family(pid: int) -> list[psutil.Process]:
    """A process and its descendants."""
    process = psutil.Process(pid)
    return [process, *process.children(recursive=True)]


def cpu_seconds(pid: int) -> dict[int, float]:
    """Return the CPU time of a process and each of its descendants by pid, with a resolution of nanoseconds."""
    return {process.pid: _cpu_seconds(process.pid) for process in family(pid)}


def total_cpu_seconds(pids: Iterable[int]) -> float:
    """Return the CPU time of these processes and their descendants together."""
    return sum(sum(cpu_seconds(pid).values()) for pid in pids)


async def busy_percent(pids: Collection[int], seconds: float) -> float:
    """Return the CPU time of these processes and their descendants in the next seconds, in per cent of a core."""
    before, started = total_cpu_seconds(pids), time.perf_counter()
    await asyncio.sleep(seconds)
    return (total_cpu_seconds(pids) - before) / (time.perf_counter() - started) * 100


def resident_bytes(pid: int) -> int:
    return sum(process.memory_info().rss for process in family(pid))


def _cpu_seconds(pid: int) -> float:
    clock = ctypes.c_int()
    failure = _libc.clock_getcpuclockid(pid, ctypes.byref(clock))
    if failure:
        raise OSError(failure, os.strerror(failure))
    return time.clock_gettime(clock.value)
