"""Corrections of Celery and billiard that let a worker stop without waiting for fixed times.

A stop of `python -m tasks` without tasks took 2.5 s: the processes of a Celery worker slept for a second before they
ended, and the worker waited for up to half a second more for a thread that slept.
"""

import os
import signal
import time
from types import SimpleNamespace
from typing import Any

from billiard import common, pool
from celery.concurrency import prefork

CONSUMPTION_CHECKS = 10
"""How often, every 0.1 s, an exiting process checks whether its worker has read its last result. With billiard's 300, a
stop would take 30 s if the worker has given up the task and no longer reads. Results are in PostgreSQL."""
TIMER_SECONDS = 0.02
"""Between two rounds of the timers of a worker that is stopping, 0.5 in Celery."""


def correct() -> None:
    pool.GUARANTEE_MESSAGE_CONSUMPTION_RETRY_LIMIT = CONSUMPTION_CHECKS
    pool.Worker._do_exit = _do_exit  # type: ignore[attr-defined]
    prefork.time = SimpleNamespace(sleep=lambda _: time.sleep(TIMER_SECONDS))  # type: ignore[attr-defined]


def _do_exit(worker: Any, pid: int, code: int | None, error: BaseException | None = None) -> None:
    """Report the end of the process and exit at once: the worker can read the report from the pipe after that."""
    code = code if code is not None else pool.EX_FAILURE if error else pool.EX_OK
    if worker.on_exit is not None:
        worker.on_exit(pid, code)
    signal.pthread_sigmask(signal.SIG_BLOCK, {common.TERM_SIGNAL})  # a signal now would leave the pipe locked
    try:
        worker.outq.put((pool.DEATH, (pid, code)))
    finally:
        os._exit(code)
