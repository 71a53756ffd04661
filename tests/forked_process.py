"""Processes of HummDesk, forked from one that has imported everything. They start in a tenth of the CPU time.

For tests of what a running process does. Those of its start, and of its command line, start it as users do.
"""

import asyncio
import multiprocessing
import os
import runpy
import signal
import sys
from collections.abc import Mapping
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from pathlib import Path

from hummdesk.core.parent_death import die_with

_context = multiprocessing.get_context("forkserver")
_context.set_forkserver_preload(["tests.preloaded"])


class ForkedProcess:
    """A running process, with the interface of `asyncio.subprocess.Process`."""

    def __init__(self, process: BaseProcess) -> None:
        self._process = process
        self._ended = asyncio.Event()
        self._loop = asyncio.get_running_loop()
        self._loop.add_reader(process.sentinel, self._end)
        assert process.pid is not None
        self.pid = process.pid
        self.returncode: int | None = None

    async def wait(self) -> int:
        await self._ended.wait()
        assert self.returncode is not None
        return self.returncode

    def send_signal(self, number: int) -> None:
        if self.returncode is None:
            os.kill(self.pid, number)

    def terminate(self) -> None:
        self.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)

    def _end(self) -> None:
        self._loop.remove_reader(self._process.sentinel)
        self._process.join()
        self.returncode = self._process.exitcode
        self._ended.set()


async def fork(
    *arguments: str,
    env: Mapping[str, str],
    log: Path | None = None,
    orphan_signal: signal.Signals = signal.SIGKILL,
) -> ForkedProcess:
    """Run `python -m` with these arguments in a session of its own; `log`: the file for its output."""
    began, begins = _context.Pipe(duplex=False)
    process = _context.Process(target=_run, args=(arguments, dict(env), log, orphan_signal, begins), daemon=True)
    process.start()
    begins.close()
    with began:
        began.recv()
    return ForkedProcess(process)


def _run(
    arguments: tuple[str, ...],
    env: dict[str, str],
    log: Path | None,
    orphan_signal: signal.Signals,
    begins: Connection,
) -> None:
    """Become a process that `python -m` has started."""
    os.setsid()
    if bind := die_with(os.getppid(), orphan_signal):
        bind()
    if log is not None:
        with log.open("ab") as output:
            os.dup2(output.fileno(), 1)
            os.dup2(output.fileno(), 2)
    os.environ.clear()
    os.environ.update(env)
    with begins:
        begins.send(None)
    sys.argv = list(arguments)
    runpy.run_module(arguments[0], run_name="__main__", alter_sys=True)
