"""Sanic's manager of several web processes, with corrections."""

import asyncio
import os
import shutil
import signal as signals
import tempfile
import time
from contextlib import suppress
from multiprocessing import util
from types import FrameType
from typing import Any

from sanic import Sanic
from sanic.exceptions import ServerKilled
from sanic.worker.manager import MonitorCycle, WorkerManager

from hummdesk.core import temporary

REMOVAL_PRIORITY = -101
"""After the removal of the directory of `multiprocessing`, which fails if that is missing."""

POLL_SECONDS = 0.05
STOPPING = "stopping"
"""The field of the manager's shared state that says to starting workers that it was stopped."""


class StoppableWorkerManager(WorkerManager):
    """A manager that ends when it is stopped at any time, also before all of its workers have started.

    Sanic 25.12 stops the workers in the signal handler. It then misses a process that is being started, and a request
    to the shared state that was interrupted gets the answer of another one.
    """

    THRESHOLD = 1200
    """Tenths of a second in which all workers have to start; Sanic's 30 s are too few beside other work."""

    _has_signal = False

    def shutdown_signal(self, signal: int, frame: FrameType | None) -> None:
        """Note the first signal; the second one kills the processes."""
        if self._has_signal:
            with suppress(ServerKilled):
                self.kill()
        self._has_signal = True

    def kill(self) -> None:
        """Kill the processes, and no others: Sanic kills their group, to which a script that runs them belongs."""
        for process in self.processes:
            with suppress(ProcessLookupError):
                os.kill(process.pid, signals.SIGKILL)
        raise ServerKilled

    def shutdown(self) -> None:
        """Stop the processes; those that miss the signal while they start find out by the shared state."""
        with suppress(OSError, EOFError):  # the process of the shared state was stopped as well
            self.worker_state[self.MAIN_NAME] |= {STOPPING: True}
        super().shutdown()  # type: ignore[no-untyped-call]

    def join(self) -> None:
        """Wait for the end of the processes that were stopped."""
        while self._shutting_down and any(process.is_alive() for process in self.processes):
            time.sleep(POLL_SECONDS)
        super().join()  # type: ignore[no-untyped-call]

    def _all_workers_ack(self) -> bool:
        return self._has_signal or bool(super()._all_workers_ack())  # type: ignore[no-untyped-call]

    def _poll_monitor(self) -> MonitorCycle | None:
        if self._has_signal:
            self.shutdown()
            return MonitorCycle.BREAK
        return super()._poll_monitor()


async def end_if_stopped(app: Sanic[Any, Any], _: Any = None) -> None:
    """Listener: end a worker whose manager was stopped before the worker handled signals.

    It may have missed the signal: while Python starts, it ignores exceptions in some moments, and Sanic ignores SIGINT
    for a moment before it sets its handler.
    """
    multiplexer = getattr(app, "multiplexer", None)  # only under a manager
    if multiplexer is not None and multiplexer.workers[WorkerManager.MAIN_NAME].get(STOPPING):
        app.add_task(_end_when_serving(app), name="end_when_serving")


async def _end_when_serving(app: Sanic[Any, Any]) -> None:
    """Stop a worker, once Sanic can be stopped. A signal that arrives before cancels this task."""
    while True:
        await asyncio.sleep(POLL_SECONDS)
        if app.multiplexer.state.get("serving"):
            app.stop(terminate=False)
            return


def own_multiprocessing_directory() -> None:
    """Put the directory of `multiprocessing` into one that the next process to start removes if this one is killed."""
    folder = temporary.make("processes")
    util.Finalize(None, shutil.rmtree, args=(folder,), kwargs={"ignore_errors": True}, exitpriority=REMOVAL_PRIORITY)
    shared, tempfile.tempdir = tempfile.tempdir, str(folder)
    try:
        util.get_temp_dir()  # it is made once
    finally:
        tempfile.tempdir = shared
