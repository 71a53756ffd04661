"""`python -m tasks`: a Celery worker for each queue, so that no queue waits for the work of another.

The workers are forked from one process that has loaded the models, so that they share its memory. A worker that exits
is started again.
"""

import asyncio
import gc
import logging
import os
import signal
import sys
import tempfile
import time
from contextlib import suppress
from socket import gethostname
from types import FrameType

from hummdesk.ai import providers
from hummdesk.bus.checks import check_at_start
from hummdesk.core import logs, priority, temporary
from hummdesk.core.broker import QUEUES, Queue, active_queues
from hummdesk.core.errors import CommandError
from hummdesk.core.parent_death import die_with
from hummdesk.storage.startup import check_if_reachable
from tasks import stopping
from tasks.app import app, settings

log = logging.getLogger(__name__)

RESTART_SECONDS = 1.0
HEARTBEAT_SECONDS = 10.0
"""Interval of Celery's heartbeats, which only Flower reads: it shows a worker as offline after twice as long.

The default of 2 s takes a quarter of the processor time of an idle worker.
"""
STOP_SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGQUIT)


class Workers:
    """Forks and supervises the Celery workers."""

    def __init__(self) -> None:
        self._queues: dict[int, Queue] = {}
        """By the pid of the Celery worker."""
        self._stopping = False

    def run(self) -> None:
        """Run until SIGTERM, and then until the current tasks have ended."""
        for number in STOP_SIGNALS:
            signal.signal(number, self._stop)
        for queue in active_queues(settings):
            self._start(queue)
        while self._queues:
            pid, status = os.wait()
            queue = self._queues.pop(pid)
            if not self._stopping:
                log.warning("worker.exited", extra={"queue": queue, "code": os.waitstatus_to_exitcode(status)})
                time.sleep(RESTART_SECONDS)
                self._start(queue)

    def _start(self, queue: Queue) -> None:
        parent = os.getpid()
        signal.pthread_sigmask(signal.SIG_BLOCK, STOP_SIGNALS)  # a stop before the pid is known would miss the worker
        try:
            pid = os.fork()
            if pid == 0:
                _serve(queue, parent)
            self._queues[pid] = queue
        finally:
            signal.pthread_sigmask(signal.SIG_UNBLOCK, STOP_SIGNALS)
        if self._stopping:
            os.kill(pid, signal.SIGTERM)

    def _stop(self, _number: int, _frame: FrameType | None) -> None:
        self._stopping = True
        for pid in self._queues:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGTERM)


def _serve(queue: Queue, parent: int) -> None:
    """Run the Celery worker in the forked process; never returns.

    Not by Celery's command line, which would import Flower and a line editor into each process.
    """
    code = 1
    try:
        for number in STOP_SIGNALS:
            signal.signal(number, signal.SIG_DFL)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, STOP_SIGNALS)
        if bind := die_with(parent, signal.SIGTERM):
            bind()
        processes = 1 if queue == "bulk" else settings.worker_concurrency
        worker = app.Worker(
            hostname=f"{queue}@{gethostname()}",
            queues=[QUEUES[queue]],
            concurrency=processes,
            without_gossip=True,
            without_mingle=True,
            heartbeat_interval=HEARTBEAT_SECONDS,
        )
        worker.start()
        code = worker.exitcode or 0
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else 1
    except Exception:
        log.exception("worker.failed", extra={"queue": queue})
    finally:
        sys.stderr.flush()
        os._exit(code)


def main() -> None:
    logs.configure(settings, process="worker")
    stopping.correct()
    try:
        asyncio.run(check_if_reachable(settings, "worker"))
        asyncio.run(check_at_start(settings, "worker"))
        providers.preload(settings)
        app.loader.import_default_modules()
    except CommandError as error:
        sys.exit(str(error))
    gc.freeze()
    priority.lower(settings.worker_nice)  # after the start, which would take seconds on a busy machine
    with temporary.directory("worker") as folder:
        tempfile.tempdir = str(folder)  # Celery's processes leave directories that hold their shared memory
        Workers().run()


if __name__ == "__main__":
    main()
