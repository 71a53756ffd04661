"""The manager of several web processes, without web processes."""

import signal
import subprocess
import sys
from collections.abc import Iterator
from multiprocessing import Pipe
from typing import IO, Any, ClassVar

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


class MissesTheFirstSignal(StoppedWhileStarting):
    """A process that goes on to start after it was stopped, and then reports that it is ready."""

    state: ClassVar[dict[str, Any]] = {}
    source = """import signal
def miss(*_):
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    print(flush=True)
signal.signal(signal.SIGINT, miss)
print(flush=True)
while True: signal.pause()"""

    def start(self) -> None:
        self.process = subprocess.Popen((sys.executable, "-c", self.source), stdout=subprocess.PIPE)
        self._await_line()
        signal.raise_signal(signal.SIGTERM)

    def is_alive(self) -> bool:
        for name, worker in self.state.items():
            if worker.get("state") == "TERMINATED":
                self._await_line()
                self._output.close()
                self.state[name] = worker | {"state": "ACKED"}
        return super().is_alive()

    def _await_line(self) -> None:
        self._output.readline()

    @property
    def _output(self) -> IO[bytes]:
        assert self.process is not None
        assert self.process.stdout is not None
        return self.process.stdout


class Context:
    def __init__(self, process: type[StoppedWhileStarting]) -> None:
        self.Process = process


@pytest.fixture
def signal_handlers() -> Iterator[None]:
    handlers = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    yield
    for number, handler in handlers.items():
        signal.signal(number, handler)


@pytest.mark.usefixtures("signal_handlers")
@pytest.mark.parametrize("process", [StoppedWhileStarting, MissesTheFirstSignal])
def test_manager_stopped_while_a_process_starts_stops_that_process(process: type[StoppedWhileStarting]) -> None:
    subscriber, publisher = Pipe(duplex=False)
    state = MissesTheFirstSignal.state
    state.clear()
    manager = StoppableWorkerManager(1, print, {}, Context(process), (publisher, subscriber), state)  # type: ignore[arg-type]
    with subscriber, publisher:
        manager.run()  # type: ignore[no-untyped-call]
