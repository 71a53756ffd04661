"""Keeps processes running: starts one that ends again, and stops them all in order."""

import asyncio
import signal
import time
from collections.abc import Callable
from contextlib import suppress

from hummdesk.dev.process import Process, Service

FIRST_DELAY = 0.2
LONGEST_DELAY = 10.0
SETTLED_SECONDS = 10.0
"""Who lived that long has started well: its next end begins the delays anew."""
CRASH_LOOP = 3
"""Quick ends in a row after which a process is told of once more, and then no longer."""


class Supervisor:
    def __init__(self, *, say: Callable[[str], None], buried: Callable[[int], None] = lambda _: None) -> None:
        """`say` tells the person at the terminal; `buried` is called with the pid of each process that ended."""
        self._say = say
        self._buried = buried
        self._running: dict[str, Process] = {}
        self._keepers: dict[str, asyncio.Task[None]] = {}

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(self._keepers)

    def keep(self, process: Process) -> None:
        """From now on this process's service runs until it is stopped."""
        name = process.service.name
        self._running[name] = process
        self._keepers[name] = asyncio.create_task(self._keep(process), name=f"keep {name}")

    async def start(self, service: Service) -> None:
        self.keep(await Process.start(service))

    async def _keep(self, process: Process) -> None:
        quick_ends = 0
        while True:
            started = time.monotonic()
            code = await process.wait()
            self._buried(process.pid)
            quick_ends = 1 if time.monotonic() - started > SETTLED_SECONDS else quick_ends + 1
            delay = min(FIRST_DELAY * 2 ** (quick_ends - 1), LONGEST_DELAY)
            if quick_ends in (1, CRASH_LOOP):
                self._say(_obituary(process, code, quick_ends))
            await asyncio.sleep(delay)
            process = self._running[process.service.name] = await Process.start(process.service)

    async def forever(self) -> None:
        """Returns never; raises what keeps a process from being started again."""
        await asyncio.gather(*self._keepers.values())

    async def stop(self, *names: str) -> None:
        """Stop these side by side; those that are not running are stopped already."""
        stopping = [name for name in names if name in self._keepers]
        for name in stopping:
            keeper = self._keepers.pop(name)
            keeper.cancel()
            with suppress(asyncio.CancelledError):
                await keeper
        await asyncio.gather(*(self._end(self._running.pop(name)) for name in stopping))

    async def _end(self, process: Process) -> None:
        await process.stop()
        self._buried(process.pid)

    def hurry(self) -> None:
        """Kill what does not hold data; whoever waits in `stop` gets on."""
        for process in self._running.values():
            if process.service.orphan_signal == signal.SIGKILL:
                process.kill()


def _obituary(process: Process, code: int, quick_ends: int) -> str:
    how = f"was killed by {signal.Signals(-code).name}" if code < 0 else f"ended with code {code}"
    service = process.service
    then = "starts again" if quick_ends < CRASH_LOOP else f"is tried every {LONGEST_DELAY:.0f} s, it does not stay up"
    return f"{service.name} {how} and {then}: {process.last_words()} (see {service.log})"
