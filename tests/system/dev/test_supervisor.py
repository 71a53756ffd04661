"""The supervisor restarts processes that end, and leaves none behind."""

import asyncio
import itertools
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from hummdesk.core.errors import CommandError
from hummdesk.dev.process import Process, Service, end_orphans
from hummdesk.dev.supervisor import FIRST_DELAY, Supervisor

TICKING = "import time, pathlib, os; pathlib.Path({0!r}).write_text(str(os.getpid())); time.sleep(60)"
IGNORING_SIGTERM = (
    "import signal, subprocess, sys, time\n"
    "signal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
    "subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(60)'])\n"
    "print('ignoring', flush=True)\n"
    "time.sleep(60)"
)


def script(folder: Path, source: str, name: str = "thing", stop_seconds: float = 5.0) -> Service:
    command = (sys.executable, "-c", source)
    return Service(name=name, command=command, folder=folder, env=dict(os.environ), stop_seconds=stop_seconds)


async def until(true: Callable[[], object], seconds: float = 60) -> None:
    async with asyncio.timeout(seconds):
        while not true():
            await asyncio.sleep(0.01)


def pid_in(path: Path) -> int:
    return int(path.read_text() or 0) if path.exists() else 0


async def test_supervised_process_that_is_killed_is_restarted_and_reported(tmp_path: Path) -> None:
    printed: list[str] = []
    exited: list[int] = []
    supervisor = Supervisor(say=printed.append, on_exit=exited.append)
    pid_file = tmp_path / "pid"
    await supervisor.start(script(tmp_path, TICKING.format(str(pid_file))))
    await until(lambda: pid_in(pid_file))
    first = pid_in(pid_file)
    os.kill(first, signal.SIGKILL)
    await until(lambda: pid_in(pid_file) not in (0, first))
    second = pid_in(pid_file)
    assert printed == [
        f"thing was killed by SIGKILL and is restarted: it logged nothing (see {tmp_path}/logs/thing.log)"
    ]
    await supervisor.stop("thing")
    assert exited == [first, second]
    assert not psutil.pid_exists(second)
    assert not list((tmp_path / "run").iterdir())


async def test_crash_loop_is_slowed_down_and_reported_in_one_line(tmp_path: Path) -> None:
    printed: list[str] = []
    ends: list[float] = []
    supervisor = Supervisor(say=printed.append, on_exit=lambda _: ends.append(time.monotonic()))
    await supervisor.start(script(tmp_path, "raise SystemExit('no such setting')"))
    await until(lambda: len(ends) == 4)
    await supervisor.stop("thing")
    log = tmp_path / "logs" / "thing.log"
    assert printed == [
        f"thing ended with code 1 and is restarted: no such setting (see {log})",
        f"thing ended with code 1 and is restarted every 10 s from now on: no such setting (see {log})",
    ]
    for number, (earlier, later) in enumerate(itertools.pairwise(ends[:4])):
        assert later - earlier > FIRST_DELAY * 2**number


async def test_process_that_ignores_sigterm_is_killed_with_its_children(tmp_path: Path) -> None:
    supervisor = Supervisor(say=lambda _: None)
    process = await Process.start(script(tmp_path, IGNORING_SIGTERM, stop_seconds=0.2))
    supervisor.supervise(process)
    await until(lambda: "ignoring" in process.service.log.read_text())
    children = psutil.Process(process.pid).children()
    assert len(children) == 1
    await supervisor.stop("thing", "unknown")
    _, alive = psutil.wait_procs(children, timeout=30)
    assert not alive


async def test_restart_replaces_the_process_without_a_report(tmp_path: Path) -> None:
    printed: list[str] = []
    supervisor = Supervisor(say=printed.append)
    pid_file = tmp_path / "pid"
    await supervisor.start(script(tmp_path, TICKING.format(str(pid_file))))
    await until(lambda: pid_in(pid_file))
    first = pid_in(pid_file)
    await supervisor.restart("thing", "unknown")
    await until(lambda: pid_in(pid_file) not in (0, first))
    assert not psutil.pid_exists(first)
    assert printed == []
    await supervisor.stop("thing")


async def test_wait_raises_the_error_of_a_service_that_cannot_be_restarted(tmp_path: Path) -> None:
    supervisor = Supervisor(say=lambda _: None)
    program = tmp_path / "program"
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    await supervisor.start(Service(name="thing", command=(str(program),), folder=tmp_path, env={}))
    program.unlink()
    async with asyncio.timeout(60):
        with pytest.raises(FileNotFoundError):
            await supervisor.wait()
    await supervisor.stop("thing")


async def test_kill_ends_a_stop_that_waits(tmp_path: Path) -> None:
    supervisor = Supervisor(say=lambda _: None)
    process = await Process.start(script(tmp_path, IGNORING_SIGTERM, stop_seconds=120))
    supervisor.supervise(process)
    await until(lambda: "ignoring" in process.service.log.read_text())
    stopping = asyncio.create_task(supervisor.stop("thing"))
    await asyncio.sleep(0)
    supervisor.kill()
    async with asyncio.timeout(30):
        await stopping


async def test_process_that_is_never_ready_is_refused_and_stopped(tmp_path: Path) -> None:
    async def never(_: int) -> bool:
        return False

    for source, seconds, why in (
        ("import time; time.sleep(60)", 1, r"thing does not answer after 1 s \(see .*thing\.log\)"),
        ("print('bye')", 60, r"thing does not start: bye \(see .*thing\.log\)"),
    ):
        with pytest.raises(CommandError, match=why):
            await Process.start_ready(script(tmp_path, source), never, seconds)
        assert not list((tmp_path / "run").iterdir())
    starting = asyncio.create_task(
        Process.start_ready(script(tmp_path, "import time; time.sleep(60)"), never, seconds=60)
    )
    await until(lambda: (tmp_path / "run" / "thing.pid").exists())
    starting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await starting
    assert not list((tmp_path / "run").iterdir())


PARENT = """
import asyncio, sys
from pathlib import Path
from hummdesk.dev.process import Process, Service
async def main():
    service = Service(name="child", command=(sys.executable, "-c", "import time; time.sleep(60)"),
                      folder=Path(sys.argv[1]), env={})
    print((await Process.start(service)).pid, flush=True)
    await asyncio.sleep(60)
asyncio.run(main())
"""


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux signals a child when its parent dies")
async def test_child_of_a_killed_parent_dies(tmp_path: Path) -> None:
    parent = await asyncio.create_subprocess_exec(
        sys.executable, "-c", PARENT, str(tmp_path), stdout=asyncio.subprocess.PIPE
    )
    assert parent.stdout is not None
    child = int(await parent.stdout.readline())
    parent.kill()
    await parent.wait()
    await until(lambda: not psutil.pid_exists(child))


async def test_end_orphans_ends_recorded_processes_and_no_others(tmp_path: Path) -> None:
    orphan = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
    other = await Process.start(script(tmp_path, "import time; time.sleep(60)", name="other"))
    reused = other.service.pid_file
    reused.write_text(f"{other.pid} {time.time() - 1000}")
    (tmp_path / "run" / "orphan.pid").write_text(f"{orphan.pid} {psutil.Process(orphan.pid).create_time()}")
    (tmp_path / "run" / "broken.pid").write_text("not a pid")
    end_orphans(tmp_path)
    assert not psutil.pid_exists(orphan.pid)
    assert other.child.returncode is None
    assert not list((tmp_path / "run").iterdir())
    await other.stop()
    orphan.wait()


async def test_large_log_is_rotated_at_the_next_start(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("hummdesk.dev.process.LOG_BYTES", 10)
    for word in ("first words", "second words"):
        await (await Process.start(script(tmp_path, f"print({word!r})"))).wait()
    assert (tmp_path / "logs" / "thing.log.1").read_text() == "first words\n"
    assert (tmp_path / "logs" / "thing.log").read_text() == "second words\n"
    assert (tmp_path / "logs" / "thing.log").stat().st_mode & 0o777 == 0o600
