"""The supervisor of `up`: it restarts processes that end, and stops all of them in order."""

import asyncio
import signal
import time
from collections.abc import Callable

from hummdesk.dev.process import Process, Service

FIRST_DELAY = 0.2
LONGEST_DELAY = 10.0
STABLE_SECONDS = 10.0
"""A process that ran this long started well: the delays of its restarts begin again at the first."""
CRASH_LOOP = 3
"""After this many quick ends in a row a process is reported once more, and then no longer."""


class Supervisor:
    def __init__(self, *, say: Callable[[str], None], on_exit: Callable[[int], None] = lambda _: None) -> None:
        """`say` prints a line on the terminal; `on_exit` is called with the pid of each process that ended."""
        self._say = say
        self._on_exit = on_exit
        self._running: dict[str, Process] = {}
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._failed = asyncio.Event()
        self._failure: BaseException | None = None

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(self._tasks)

    def supervise(self, process: Process) -> None:
        """Restart the service of this process whenever it ends, until it is stopped."""
        name = process.service.name
        self._running[name] = process
        self._tasks[name] = task = asyncio.create_task(self._supervise(process), name=f"supervise {name}")
        task.add_done_callback(self._note_failure)

    async def start(self, service: Service) -> None:
        self.supervise(await Process.start(service))

    async def _supervise(self, process: Process) -> None:
        quick_ends = 0
        while True:
            started = time.monotonic()
            code = await process.wait()
            self._on_exit(process.pid)
            quick_ends = 1 if time.monotonic() - started > STABLE_SECONDS else quick_ends + 1
            delay = min(FIRST_DELAY * 2 ** (quick_ends - 1), LONGEST_DELAY)
            if quick_ends in (1, CRASH_LOOP):
                self._say(_exit_report(process, code, quick_ends))
            await asyncio.sleep(delay)
            process = self._running[process.service.name] = await Process.start(process.service)

    async def wait(self) -> None:
        """Never return; raise the error of a process that cannot be restarted."""
        await self._failed.wait()
        if self._failure is not None:
            raise self._failure

    def _note_failure(self, task: asyncio.Task[None]) -> None:
        if not task.cancelled() and (failure := task.exception()) is not None:
            self._failure = failure
            self._failed.set()

    async def restart(self, *names: str) -> None:
        """Stop these services side by side, and start them again."""
        services = [self._running[name].service for name in names if name in self._tasks]
        await self.stop(*names)
        for service in services:
            await self.start(service)

    async def stop(self, *names: str) -> None:
        """Stop these services side by side; names that are not running are ignored."""
        stopping = [name for name in names if name in self._tasks]
        for name in stopping:
            task = self._tasks.pop(name)
            task.cancel()
            await asyncio.wait([task])
        await asyncio.gather(*(self._end(self._running.pop(name)) for name in stopping))

    async def _end(self, process: Process) -> None:
        await process.stop()
        self._on_exit(process.pid)

    def kill(self) -> None:
        """Kill all processes but the servers that hold data; a `stop` that waits for them goes on."""
        for process in self._running.values():
            if process.service.orphan_signal == signal.SIGKILL:
                process.kill()


def _exit_report(process: Process, code: int, quick_ends: int) -> str:
    how = f"was killed by {signal.Signals(-code).name}" if code < 0 else f"ended with code {code}"
    service = process.service
    then = "is restarted" if quick_ends < CRASH_LOOP else f"is restarted every {LONGEST_DELAY:.0f} s from now on"
    return f"{service.name} {how} and {then}: {process.last_log_line()} (see {service.log})"
