"""Keeps processes running: starts one that ends again, and stops them all in order."""

import asyncio
import os
import signal
import time
from collections.abc import Callable
from contextlib import suppress

from hummdesk.dev.process import Process, Service

FIRST_DELAY = 0.2
LONGEST_DELAY = 10.0
SETTLED_SECONDS = 10.0
"""Who lived that long has started well: its next end begins the delays anew."""


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

    async def keep(self, process: Process) -> None:
        """From now on this process's service runs until it is stopped."""
        name = process.service.name
        self._running[name] = process
        self._keepers[name] = asyncio.create_task(self._keep(process), name=f"keep {name}")

    async def start(self, service: Service) -> None:
        await self.keep(await Process.start(service))

    async def _keep(self, process: Process) -> None:
        delay = 0.0
        while True:
            started = time.monotonic()
            code = await process.wait()
            self._buried(process.pid)
            settled = time.monotonic() - started > SETTLED_SECONDS
            delay = FIRST_DELAY if settled else min(max(delay * 2, FIRST_DELAY), LONGEST_DELAY)
            self._say(_obituary(process, code, delay))
            await asyncio.sleep(delay)
            process = self._running[process.service.name] = await Process.start(process.service)

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
                with suppress(ProcessLookupError):
                    os.killpg(process.pid, signal.SIGKILL)


def _obituary(process: Process, code: int, delay: float) -> str:
    how = f"was killed by {signal.Signals(-code).name}" if code < 0 else f"ended with code {code}"
    service = process.service
    return f"{service.name} {how} and starts again in {delay:.1f} s: {process.last_words()} (see {service.log})"
