"""P15: the time of a web process until it is ready, and the CPU time of its imports."""

import asyncio
import os
import resource
import subprocess
import sys
import time

from bench.contenders import compiling, hummdesk
from bench.study import OURS, Bench, Round

IMPORTS = """
from hummdesk.core import garbage, unused_packages
with garbage.uncollected(), unused_packages.skipped():
    from hummdesk.server import app
"""
"""What `serve` imports, as it does."""


async def startup(bench: Bench) -> Round:
    cpu = await asyncio.to_thread(lambda: _cpu_seconds_of(IMPORTS) - _cpu_seconds_of("pass"))
    await bench.testbed.reset()
    started = time.perf_counter()
    async with hummdesk(bench.testbed):
        seconds = time.perf_counter() - started
    return {"P15": {OURS: seconds}, "P15b": {OURS: cpu}}


def _cpu_seconds_of(program: str) -> float:
    """The least of three runs: the first one may compile the modules."""
    return min(_run(program) for _ in range(3))


def _run(program: str) -> float:
    before = _children_seconds()
    subprocess.run([sys.executable, "-c", program], check=True, env=compiling(os.environ))
    return _children_seconds() - before


def _children_seconds() -> float:
    """The CPU time of the children that have ended; no other one ends meanwhile."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime
