"""The manager of several web processes, without web processes."""

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import Coroutine, Iterator
from dataclasses import dataclass, field
from multiprocessing import Pipe
from types import SimpleNamespace
from typing import Any, ClassVar

import pytest
from sanic.exceptions import ServerKilled

from hummdesk.server.worker_manager import StoppableWorkerManager, end_if_stopped


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


class Started(StoppedWhileStarting):
    def start(self) -> None:
        command = (sys.executable, "-c", "import signal; signal.pause()")
        self.process = subprocess.Popen(command, stderr=subprocess.DEVNULL)


class Recorded(Started):
    made: ClassVar[list["Recorded"]] = []

    def start(self) -> None:
        super().start()
        self.made.append(self)


class SharedState(dict[str, Any]):
    """The state that the processes share: a request while another one waits would get the answer of that one."""

    is_waiting = False

    def values(self) -> Any:
        """Answer the manager that asks whether all workers are ready, and send it a signal before."""
        assert not self.is_waiting
        self.is_waiting = True
        signal.raise_signal(signal.SIGTERM)
        self.is_waiting = False
        return super().values()

    def __getitem__(self, name: str) -> Any:
        assert not self.is_waiting
        return super().__getitem__(name)


class Context:
    def __init__(self, process: type[StoppedWhileStarting]) -> None:
        self.Process = process


@pytest.fixture
def signal_handlers() -> Iterator[None]:
    handlers = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    yield
    for number, handler in handlers.items():
        signal.signal(number, handler)


def run(process: type[StoppedWhileStarting], state: dict[str, Any]) -> None:
    subscriber, publisher = Pipe(duplex=False)
    manager = StoppableWorkerManager(1, print, {}, Context(process), (publisher, subscriber), state)  # type: ignore[arg-type]
    with subscriber, publisher:
        manager.run()  # type: ignore[no-untyped-call]


@pytest.mark.usefixtures("signal_handlers")
def test_manager_stopped_while_a_process_starts_stops_that_process() -> None:
    run(StoppedWhileStarting, {})


@pytest.mark.usefixtures("signal_handlers")
def test_manager_stopped_while_it_requests_the_shared_state_sends_no_other_request_meanwhile() -> None:
    state = SharedState()
    run(Started, state)
    assert state[StoppableWorkerManager.MAIN_NAME]["stopping"]


@pytest.mark.usefixtures("signal_handlers")
def test_manager_whose_workers_do_not_start_in_time_kills_them_and_no_process_beside_them(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(StoppableWorkerManager, "THRESHOLD", 0)
    monkeypatch.setattr(os, "killpg", lambda *_: pytest.fail("this process is in their group"))
    with pytest.raises(ServerKilled):
        run(Recorded, {})
    [killed] = Recorded.made
    killed.join()
    assert killed.process is not None
    assert killed.process.returncode == -signal.SIGKILL


@dataclass
class App:
    """A worker under a manager, as Sanic has it."""

    main: dict[str, Any]
    state: dict[str, Any] = field(default_factory=dict)
    tasks: list[asyncio.Task[None]] = field(default_factory=list)
    is_stopped: bool = False

    @property
    def multiplexer(self) -> Any:
        return SimpleNamespace(workers={StoppableWorkerManager.MAIN_NAME: self.main}, state=self.state)

    def add_task(self, task: Coroutine[Any, Any, None], *, name: str) -> None:
        self.tasks.append(asyncio.create_task(task, name=name))

    def stop(self, *, terminate: bool) -> None:
        assert not terminate
        assert self.state["serving"], "Sanic can be stopped"
        self.is_stopped = True


async def test_worker_that_has_missed_the_signal_ends_once_it_serves() -> None:
    worker = App({"stopping": True})
    await end_if_stopped(worker)  # type: ignore[arg-type]
    await asyncio.sleep(0)
    assert not worker.is_stopped
    worker.state["serving"] = True
    await asyncio.gather(*worker.tasks)
    assert worker.is_stopped


async def test_worker_of_a_manager_that_goes_on_is_not_ended() -> None:
    worker = App({})
    await end_if_stopped(worker)  # type: ignore[arg-type]
    assert worker.tasks == []
