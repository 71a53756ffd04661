"""The manager of several web processes, without web processes."""

import signal
import subprocess
import sys
from collections.abc import Iterator
from multiprocessing import Pipe
from typing import Any

import pytest

from hummdesk.server.worker_manager import StoppableWorkerManager


class StoppedWhileStarting:
    """A process whose parent is sent a signal after it has begun to run, and before the parent knows its id."""

    def __init__(self, **_: Any) -> None:
        self.process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int | None:
        return self.process.pid if self.process else None

    def start(self) -> None:
        process = subprocess.Popen((sys.executable, "-c", "import signal; signal.pause()"), stderr=subprocess.DEVNULL)
        signal.raise_signal(signal.SIGTERM)
        self.process = process

    def is_alive(self) -> bool:
        return self.process is not None and self.process.poll() is None

    def join(self) -> None:
        assert self.process is not None
        try:
            self.process.wait(timeout=30)
        finally:
            self.process.kill()


class Context:
    Process = StoppedWhileStarting


@pytest.fixture
def signal_handlers() -> Iterator[None]:
    handlers = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    yield
    for number, handler in handlers.items():
        signal.signal(number, handler)


@pytest.mark.usefixtures("signal_handlers")
def test_manager_stopped_while_a_process_starts_stops_that_process() -> None:
    subscriber, publisher = Pipe(duplex=False)
    manager = StoppableWorkerManager(1, print, {}, Context(), (publisher, subscriber), {})  # type: ignore[arg-type]
    with subscriber, publisher:
        manager.run()  # type: ignore[no-untyped-call]
