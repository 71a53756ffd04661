"""Latency and memory of the embedded provider in a worker."""

import asyncio
import os
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from hummdesk.ai.protocol import Context, IncomingMessage
from hummdesk.ai.providers import local_provider

MEMORY = """
import os, psutil, sys
sys.modules["rich"] = None  # structlog uses it where it is installed, which in production it is not
from hummdesk.ai.providers import local_provider
import tasks.app, tasks.classify, tasks.draft
import asyncio, gc
from hummdesk.ai.protocol import Context, IncomingMessage
embedded = local_provider("embedded"); gc.freeze()
print(psutil.Process().memory_info().rss / 1e6, flush=True)
if os.fork() == 0:
    for line in sys.stdin:
        asyncio.run(embedded.classify(IncomingMessage(content=line), Context()))
    print(psutil.Process().memory_full_info().uss / 1e6, flush=True)
    os._exit(0)
os.wait()
"""
SETTINGS = {"JWT_SECRET": "x" * 32, "DATABASE_URL": "postgresql://x@localhost/x", "REDIS_URL": "redis://localhost"}


@dataclass(frozen=True, slots=True)
class Latency:
    """95th percentiles in milliseconds."""

    elapsed: float
    processor: float
    """Independent of other load on the machine."""


def classification_latency(texts: Sequence[str]) -> Latency:
    embedded = local_provider("embedded")
    elapsed, processor = [], []
    with asyncio.Runner() as runner:  # like a worker, which has one event loop for all runs
        for text in texts:
            started, worked = time.perf_counter(), time.process_time()
            runner.run(embedded.classify(IncomingMessage(content=text), Context()))
            elapsed.append(time.perf_counter() - started)
            processor.append(time.process_time() - worked)
    return Latency(1000 * float(np.quantile(elapsed, 0.95)), 1000 * float(np.quantile(processor, 0.95)))


@dataclass(frozen=True, slots=True)
class Memory:
    """Megabytes: resident in the parent, and unshared in a forked child."""

    parent: float
    child: float


def worker_memory(texts: Sequence[str]) -> Memory:
    """Measure a worker's parent process and a child that has classified the texts."""
    measured = subprocess.run(
        [sys.executable, "-c", MEMORY],
        input="\n".join(texts),
        env=os.environ | SETTINGS,
        capture_output=True,
        text=True,
        check=True,
    )
    parent, child = map(float, measured.stdout.split())
    return Memory(parent, child)
