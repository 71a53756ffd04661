"""Child processes with a name, a log and a pid file, which end with their parent or are found by the next one."""

import asyncio
import os
import signal
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

import psutil

from hummdesk.core.errors import CommandError
from hummdesk.core.parent_death import die_with

LOG_BYTES = 10_000_000
KILL_SECONDS = 5.0
POLL_SECONDS = 0.02


@dataclass(frozen=True, slots=True)
class ServerUser:
    """An unprivileged user that runs PostgreSQL, which refuses to run as root."""

    name: str
    uid: int
    gid: int


@dataclass(frozen=True, kw_only=True)
class Service:
    """How to run one process. The kernel sends it `orphan_signal` when its parent is killed."""

    name: str
    command: tuple[str, ...]
    folder: Path
    """The directory of `logs` and `run`."""
    env: Mapping[str, str] = field(repr=False)
    user: ServerUser | None = None
    stop_signal: signal.Signals = signal.SIGTERM
    orphan_signal: signal.Signals = signal.SIGKILL
    stop_seconds: float = 5.0

    @property
    def log(self) -> Path:
        return self.folder / "logs" / f"{self.name}.log"

    @property
    def pid_file(self) -> Path:
        return self.folder / "run" / f"{self.name}.pid"


class Process:
    """One run of a service."""

    def __init__(self, service: Service, child: asyncio.subprocess.Process, log_start: int) -> None:
        self.service = service
        self.child = child
        self._log_start = log_start

    @property
    def pid(self) -> int:
        return self.child.pid

    @classmethod
    async def start(cls, service: Service) -> "Process":
        """Start it in a session of its own, so that Ctrl-C in a terminal reaches only the parent."""
        with _open_log(service.log) as log:
            log_start = log.tell()
            child = await spawn(service, log)
        service.pid_file.parent.mkdir(mode=0o700, exist_ok=True)
        with suppress(psutil.Error):
            service.pid_file.write_text(f"{child.pid} {psutil.Process(child.pid).create_time()}")
        return cls(service, child, log_start)

    @classmethod
    async def start_ready(cls, service: Service, ready: Callable[[int], Awaitable[bool]], seconds: float) -> "Process":
        """Start it and wait until `ready(pid)` is true. Raises CommandError if it ends before, or takes too long."""
        process = await cls.start(service)
        try:
            async with asyncio.timeout(seconds):
                while not await ready(process.pid):
                    if process.child.returncode is not None:
                        raise CommandError(
                            f"{service.name} does not start: {process.last_log_line()} (see {service.log})"
                        )
                    await asyncio.sleep(POLL_SECONDS)
        except TimeoutError:
            await process.stop()
            raise CommandError(f"{service.name} does not answer after {seconds:.0f} s (see {service.log})") from None
        except BaseException:
            await process.stop()
            raise
        return process

    async def wait(self) -> int:
        """Wait for its end, kill the rest of its session, and return its exit code, negative for a signal."""
        code = await self.child.wait()
        self.kill()
        self.service.pid_file.unlink(missing_ok=True)
        return code

    async def stop(self) -> None:
        """Send the stop signal, wait `stop_seconds`, then kill."""
        with suppress(ProcessLookupError):
            self.child.send_signal(self.service.stop_signal)
        try:
            async with asyncio.timeout(self.service.stop_seconds):
                await self.wait()
        except TimeoutError:
            self.kill()
            await self.wait()

    def last_log_line(self) -> str:
        """Return the last line of its log, or the last one with FATAL in it."""
        lines = self.service.log.read_bytes()[self._log_start :][-8000:].decode(errors="replace").split("\n")
        printed = [line.strip() for line in lines if line.strip()] or ["it logged nothing"]
        fatal = [line for line in printed[-10:] if "FATAL" in line]
        return (fatal or printed)[-1][:300]

    def kill(self) -> None:
        with suppress(ProcessLookupError):
            os.killpg(self.pid, signal.SIGKILL)


async def spawn(service: Service, output: IO[bytes], script: IO[bytes] | None = None) -> asyncio.subprocess.Process:
    user = service.user
    return await asyncio.create_subprocess_exec(
        *service.command,
        stdin=script or asyncio.subprocess.DEVNULL,
        stdout=output,
        stderr=asyncio.subprocess.STDOUT,
        env=dict(service.env),
        cwd="/" if user else None,
        user=user.uid if user else None,
        group=user.gid if user else None,
        extra_groups=[] if user else None,
        start_new_session=True,
        preexec_fn=die_with(os.getpid(), service.orphan_signal),
    )


def _open_log(path: Path) -> IO[bytes]:
    path.parent.mkdir(mode=0o700, exist_ok=True)
    if path.exists() and path.stat().st_size > LOG_BYTES:
        path.replace(path.with_suffix(".log.1"))
    return os.fdopen(os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600), "ab")


def end_orphans(folder: Path) -> None:
    """End the processes of an earlier run that was killed. The caller holds the lock of the home."""
    left = [process for path in (folder / "run").glob("*.pid") if (process := _recorded(path))]
    for process in left:
        with suppress(psutil.Error):
            process.send_signal(signal.SIGINT)  # on SIGTERM PostgreSQL would wait for its clients
    for process in psutil.wait_procs(left, timeout=KILL_SECONDS)[1]:
        with suppress(psutil.Error):
            process.kill()
    psutil.wait_procs(left, timeout=KILL_SECONDS)
    for path in (folder / "run").glob("*.pid"):
        path.unlink(missing_ok=True)


def _recorded(path: Path) -> psutil.Process | None:
    """Return the process of this pid file, unless another process has got its pid."""
    with suppress(psutil.Error, ValueError, OSError):
        pid, created = path.read_text().split()
        process = psutil.Process(int(pid))
        if abs(process.create_time() - float(created)) < 0.05:
            return process
    return None
