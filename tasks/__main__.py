"""`python -m tasks`: a Celery worker for each queue, so that no queue ever waits for another one's work.

They are forked from one process that has read the models, whose memory they share. It starts those again that end.
"""

import gc
import logging
import os
import signal
import sys
import time
from contextlib import suppress
from types import FrameType

from billiard import pool

from hummdesk.ai import providers
from hummdesk.core import logs
from hummdesk.core.broker import QUEUES, Queue, served
from hummdesk.core.parent_death import die_with
from tasks.app import app, settings

log = logging.getLogger(__name__)

RESTART_SECONDS = 1.0
LAST_WORD_LOOKS = 10
"""How often, every 0.1 s, a process that ends looks whether its worker has read what it said. billiard's 300 hold up a
stop for 30 s when the worker has given up the task: it no longer reads. What the task did is in PostgreSQL."""
STOPPING = (signal.SIGTERM, signal.SIGINT, signal.SIGQUIT)


class Workers:
    def __init__(self) -> None:
        self._queues: dict[int, Queue] = {}
        """By the pid of the Celery worker that serves it."""
        self._stopping = False

    def run(self) -> None:
        """Until SIGTERM, and then until the tasks in hand have ended."""
        for number in STOPPING:
            signal.signal(number, self._stop)
        for queue in served(settings):
            self._start(queue)
        while self._queues:
            pid, status = os.wait()
            queue = self._queues.pop(pid)
            if not self._stopping:
                log.warning("a worker ended", extra={"queue": queue, "code": os.waitstatus_to_exitcode(status)})
                time.sleep(RESTART_SECONDS)
                self._start(queue)

    def _start(self, queue: Queue) -> None:
        parent = os.getpid()
        signal.pthread_sigmask(signal.SIG_BLOCK, STOPPING)  # a stop in between would miss the new one
        try:
            pid = os.fork()
            if pid == 0:
                _serve(queue, parent)
            self._queues[pid] = queue
        finally:
            signal.pthread_sigmask(signal.SIG_UNBLOCK, STOPPING)
        if self._stopping:
            os.kill(pid, signal.SIGTERM)

    def _stop(self, _number: int, _frame: FrameType | None) -> None:
        self._stopping = True
        for pid in self._queues:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGTERM)


def _serve(queue: Queue, parent: int) -> None:
    """In the new process, which does not return from here."""
    code = 1
    try:
        for number in STOPPING:
            signal.signal(number, signal.SIG_DFL)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, STOPPING)
        if bind := die_with(parent, signal.SIGTERM):
            bind()
        processes = 1 if queue == "bulk" else settings.worker_concurrency
        place = (f"--hostname={queue}@%h", f"--queues={QUEUES[queue]}", f"--concurrency={processes}")
        app.worker_main(["worker", "--without-gossip", "--without-mingle", *place])
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else 1
    except Exception:
        log.exception("a worker failed")
    finally:
        sys.stderr.flush()
        os._exit(code)


def main() -> None:
    logs.configure(settings, process="worker")
    pool.GUARANTEE_MESSAGE_CONSUMPTION_RETRY_LIMIT = LAST_WORD_LOOKS
    providers.load(settings)
    gc.freeze()
    Workers().run()


if __name__ == "__main__":
    main()
