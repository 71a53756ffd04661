"""Sanic's manager of several web processes, with corrections."""

import os
import shutil
import signal
import tempfile
import time
from multiprocessing import util

from sanic.worker.constants import ProcessState
from sanic.worker.manager import WorkerManager

from hummdesk.core import temporary

REMOVAL_PRIORITY = -101
"""After the removal of the directory of `multiprocessing`, which fails if that is missing."""


POLL_SECONDS = 0.05


class StoppableWorkerManager(WorkerManager):
    """A manager that also ends when it is stopped before all of its workers have started.

    Sanic 25.12 then waits forever: at full CPU load for the workers that it has stopped itself to report a start, or
    for a worker whose process was being started, and so was not stopped, when the signal arrived.
    """

    def start(self) -> None:
        """Start the processes. Signals are handled once all have started, when each can be stopped."""
        received: list[int] = []
        handlers = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
        for number in handlers:
            signal.signal(number, lambda number, _: received.append(number))
        super().start()  # type: ignore[no-untyped-call]
        for number, handler in handlers.items():
            signal.signal(number, handler)
        for late in received:
            signal.raise_signal(late)

    def join(self) -> None:
        """Wait for the end of the processes. One that has started although it was stopped is stopped again.

        It has missed the signal: while Python starts, it ignores exceptions in some moments.
        """
        stopped: set[int] = set()
        while self._shutting_down and any(process.is_alive() for process in self.processes):
            for process in self.processes:
                state = self.worker_state.get(process.name, {}).get("state")
                if state == ProcessState.ACKED.name and process.is_alive() and process.pid not in stopped:
                    os.kill(process.pid, signal.SIGINT)
                    stopped.add(process.pid)
            time.sleep(POLL_SECONDS)
        super().join()  # type: ignore[no-untyped-call]

    def _all_workers_ack(self) -> bool:
        return self._shutting_down or bool(super()._all_workers_ack())  # type: ignore[no-untyped-call]


def own_multiprocessing_directory() -> None:
    """Put the directory of `multiprocessing` into one that the next process to start removes if this one is killed."""
    folder = temporary.make("processes")
    util.Finalize(None, shutil.rmtree, args=(folder,), kwargs={"ignore_errors": True}, exitpriority=REMOVAL_PRIORITY)
    shared, tempfile.tempdir = tempfile.tempdir, str(folder)
    try:
        util.get_temp_dir()  # it is made once
    finally:
        tempfile.tempdir = shared
