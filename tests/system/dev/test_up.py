"""The command `up`: started, killed, stopped and refused."""

import asyncio
import os
import re
import signal
import sys
import tempfile
import urllib.request
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path

import psutil
import psycopg
import pytest

from hummdesk.core.config import Settings
from hummdesk.dev import demo
from hummdesk.dev.home import read_settings
from hummdesk.dev.redis import free_port
from tests.conftest import Servers
from tests.running_time import running_timeout
from tests.system.dev.conversation_flow import handle_a_conversation

REPOSITORY = Path(__file__).parents[3]
START_SECONDS = 120
STOP_SECONDS = 60
pytestmark = pytest.mark.timeout(400)


@dataclass
class Desk:
    process: Process
    home: Path
    printed: str

    @property
    def port(self) -> int:
        return int(read_settings(self.home)["PORT"])

    def descendants(self) -> list[psutil.Process]:
        return psutil.Process(self.process.pid).children(recursive=True)

    def child(self, name: str) -> int:
        return int((self.home / "run" / f"{name}.pid").read_text().split()[0])

    async def end(self, number: signal.Signals) -> str:
        """Send a signal, wait for the end of all processes, and return the rest of the output."""
        processes = self.descendants()
        self.process.send_signal(number)
        async with asyncio.timeout(STOP_SECONDS):
            output = await self.process.stdout.read() if self.process.stdout else b""
            await self.process.wait()
        alive = psutil.wait_procs(processes, timeout=STOP_SECONDS)[1]
        assert not alive
        return output.decode()


async def launch(*arguments: str, env: Mapping[str, str] | None = None) -> Process:
    command = (sys.executable, "-m", "hummdesk", "up", *arguments)
    environ = os.environ | {"LOG_LEVEL": "WARNING", **(env or {})}
    return await asyncio.create_subprocess_exec(*command, cwd=REPOSITORY, env=environ, stdout=PIPE, stderr=PIPE)


@asynccontextmanager
async def running(home: Path, *arguments: str, env: Mapping[str, str] | None = None) -> AsyncIterator[Desk]:
    process = await launch("--home", str(home), *arguments, env=env)
    assert process.stdout is not None
    printed = ""
    try:
        async with running_timeout(START_SECONDS):
            while "Ask the AI" not in printed:
                line = (await process.stdout.readline()).decode()
                assert line, f"it ended: {printed}"
                printed += line
        yield Desk(process, home, printed)
    except TimeoutError as late:
        logs = {log.name: log.read_text()[-2000:] for log in (home / "logs").glob("*.log")}
        raise AssertionError(f"too late; printed {printed!r}, logged {logs}") from late
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


async def refused(*arguments: str, env: Mapping[str, str] | None = None) -> str:
    """Return the one line with which it refuses to start."""
    process = await launch(*arguments, env=env)
    async with asyncio.timeout(START_SECONDS):
        output, errors = await process.communicate()
    assert process.returncode == 2
    assert output == b""
    line = errors.decode()
    assert line.startswith("hummdesk: ")
    assert line.count("\n") == 1
    return line


async def until_ready(port: int) -> str:
    """Return the answer of a web process that is ready."""
    async with asyncio.timeout(START_SECONDS):
        while True:
            with suppress(OSError):
                url = f"http://127.0.0.1:{port}/health/ready"
                with await asyncio.to_thread(urllib.request.urlopen, url, timeout=5) as answer:
                    return str(answer.read().decode())
            await asyncio.sleep(0.05)


@pytest.fixture
def temporary_folder() -> Iterator[Path]:
    """A temporary folder for `up` alone, with a path short enough for unix sockets."""
    with tempfile.TemporaryDirectory(prefix="") as folder:
        path = Path(folder)
        path.chmod(0o711)
        yield path


@pytest.mark.systems
async def test_new_home_serves_conversations_and_survives_kills_and_restarts(
    home: Path,
    fresh_database_url: str,
    servers: Servers,
    settings: Settings,
    tmp_path: Path,
    temporary_folder: Path,
) -> None:
    """Killed, it leaves directories in the temporary folder, which the next one removes; stopped, it leaves nothing."""
    temporary = {"TMPDIR": str(temporary_folder)}
    async with running(home, "--port", "0", "--workers", "2", env=temporary | {"LOG_LEVEL": "INFO"}) as desk:
        first = read_settings(home)
        assert re.search(rf"ready after [\d.]+ s: http://127.0.0.1:{desk.port}\n", desk.printed)
        assert (home / "hummdesk.env").stat().st_mode & 0o077 == 0
        assert '"status":"ok"' in await until_ready(desk.port)
        assert "from now on" not in desk.printed

        secrets = await handle_a_conversation(home, f"http://127.0.0.1:{desk.port}")

        assert "another `up` runs on" in await refused("--home", str(home))
        assert "is in use: choose another with --port" in await refused(
            "--home", str(tmp_path / "other"), "--port", str(desk.port)
        )

        with psycopg.connect(first["DATABASE_URL"]) as connection:
            connection.execute("CREATE TABLE note AS SELECT 'kept' AS text")
        killed = desk.child("web-1")
        os.kill(killed, signal.SIGKILL)
        async with asyncio.timeout(START_SECONDS):
            while not (home / "run" / "web-1.pid").exists() or desk.child("web-1") == killed:
                await asyncio.sleep(0.05)
        assert not list((home / "metrics").glob(f"gauge_live*_{killed}.db"))

        output = await desk.end(signal.SIGKILL)
        assert "web-1 was killed by SIGKILL and is restarted" in output
    logs = "".join(path.read_text() for path in (home / "logs").glob("*.log"))
    assert logs
    assert not [secret for secret in secrets if secret in logs]
    assert list(temporary_folder.iterdir())

    # The same data after a restart, beside another home with external servers, to which the demo data is not new.
    await demo.load(replace(settings, database_url=fresh_database_url))
    named = {"DATABASE_URL": fresh_database_url, "REDIS_URL": servers.redis_url, "JWT_SECRET": "s" * 40}
    async with (
        running(home, "--port", "0", env=temporary) as desk,
        running(tmp_path / "b", "--port", "0", env=named | temporary) as beside,
    ):
        again = read_settings(home)
        kept = ("DATABASE_URL", "REDIS_URL", "JWT_SECRET", "ENCRYPTION_KEYS")
        assert [again[name] for name in kept] == [first[name] for name in kept]
        with psycopg.connect(again["DATABASE_URL"]) as connection:
            assert connection.execute("SELECT text FROM note").fetchone() == ("kept",)
        assert desk.port != beside.port
        assert read_settings(beside.home).items() >= named.items()
        assert sorted(path.name for path in (beside.home / "run").iterdir()) == ["relay.pid", "web.pid", "worker.pid"]
        assert {path.name for path in beside.home.iterdir()} == {"files", "hummdesk.env", "logs", "metrics", "run"}

        await asyncio.gather(desk.end(signal.SIGTERM), beside.end(signal.SIGINT))
        assert (desk.process.returncode, beside.process.returncode) == (0, 0)
        assert not list((home / "run").iterdir())
        assert not list(home.glob("postgres/.s.PGSQL*"))
    assert not list(temporary_folder.iterdir())


async def test_up_replaces_a_killed_process_and_ends_all(
    home: Path, fresh_database_url: str, servers: Servers, temporary_folder: Path
) -> None:
    """The short form of the test above: with the servers of the tests, and without a second start."""
    redis_url = f"{servers.redis_url.removesuffix('/0')}/4"
    named = {"DATABASE_URL": fresh_database_url, "REDIS_URL": redis_url, "JWT_SECRET": "s" * 40}
    async with running(home, "--port", "0", env=named | {"TMPDIR": str(temporary_folder)}) as desk:
        assert '"status":"ok"' in await until_ready(desk.port)
        killed = desk.child("web")
        os.kill(killed, signal.SIGKILL)
        async with asyncio.timeout(START_SECONDS):
            while not (home / "run" / "web.pid").exists() or desk.child("web") == killed:
                await asyncio.sleep(0.05)
        assert '"status":"ok"' in await until_ready(desk.port)
        output = await desk.end(signal.SIGTERM)
        assert "web was killed by SIGKILL and is restarted" in output
        assert desk.process.returncode == 0
        assert not list((home / "run").iterdir())
    assert not list(temporary_folder.iterdir())


@pytest.mark.parametrize(
    ("command", "workers"),
    [pytest.param("serve --workers 2", 2, marks=pytest.mark.systems), ("serve", 1), ("relay", 0)],
)
async def test_process_leaves_nothing_in_the_temporary_folder(
    command: str, workers: int, settings: Settings, temporary_folder: Path, tmp_path: Path
) -> None:
    """Stopped, it removes its directories; those of a killed one are removed by the next."""
    log = tmp_path / "log"
    port = free_port(0)
    env = serving(settings, temporary_folder)
    env["PORT" if workers else "METRICS_PORT"] = str(port)
    arguments = (sys.executable, "-m", "hummdesk", *command.split())
    for number in (signal.SIGKILL, signal.SIGTERM):
        with log.open("wb") as output:
            process = await asyncio.create_subprocess_exec(
                *arguments, env=env, cwd=temporary_folder.parent, stdout=output, stderr=output
            )
        await until_metrics(port)
        async with asyncio.timeout(START_SECONDS):  # a worker that is stopped before it is ready delays the end
            while log.read_bytes().count(b"Worker ready") < workers:
                await asyncio.sleep(0.02)
        while len(list(temporary_folder.glob(f"hummdesk-*-{port}/*"))) < workers:  # each has a socket there
            await asyncio.sleep(0.02)
        children = psutil.Process(process.pid).children(recursive=True)
        process.send_signal(number)
        async with asyncio.timeout(STOP_SECONDS):
            await process.wait()
        for child in children:
            with suppress(psutil.NoSuchProcess):
                child.kill()
        psutil.wait_procs(children, timeout=STOP_SECONDS)
        left = list(temporary_folder.iterdir())
        assert bool(left) is (number == signal.SIGKILL), left


async def test_serve_stopped_while_its_workers_start_ends(settings: Settings, temporary_folder: Path) -> None:
    command = (sys.executable, "-m", "hummdesk", "serve", "--workers", "2", "--port", str(free_port(0)))
    env = serving(settings, temporary_folder)
    process = await asyncio.create_subprocess_exec(*command, env=env, cwd=temporary_folder.parent)
    async with asyncio.timeout(START_SECONDS):
        while len(psutil.Process(process.pid).children()) < 3:  # beside the workers, a process for their shared state
            await asyncio.sleep(0.01)
    process.send_signal(signal.SIGTERM)
    try:
        async with asyncio.timeout(STOP_SECONDS):
            await process.wait()
    finally:
        with suppress(ProcessLookupError):
            process.kill()
    assert not list(temporary_folder.iterdir())


def serving(settings: Settings, temporary_folder: Path) -> dict[str, str]:
    """Return the environment of a process on the servers of the tests, with a temporary folder of its own."""
    return {name: value for name, value in os.environ.items() if name != "PROMETHEUS_MULTIPROC_DIR"} | {
        "HUMMDESK_ENV": "development",  # metrics without a token
        "DATABASE_URL": settings.postgres,
        "REDIS_URL": settings.redis,
        "JWT_SECRET": settings.jwt_secret,
        "PYTHONPATH": str(REPOSITORY),
        "TMPDIR": str(temporary_folder),
    }


async def until_metrics(port: int) -> None:
    async with asyncio.timeout(START_SECONDS):
        while True:
            with suppress(OSError):
                (await asyncio.to_thread(urllib.request.urlopen, f"http://127.0.0.1:{port}/metrics", timeout=5)).close()
                return
            await asyncio.sleep(0.05)


async def test_up_that_cannot_start_is_refused_in_one_line(
    servers: Servers, settings: Settings, tmp_path: Path
) -> None:
    name = await servers.clone("template0")
    url = servers.cluster.url(name)
    with psycopg.connect(url) as connection:
        connection.execute("CREATE TABLE orders ()")
    home = ("--home", str(tmp_path / "home"), "--port", "0")
    assert "tables of something else" in await refused(
        *home, env={"DATABASE_URL": url, "REDIS_URL": settings.redis_url}
    )
    await servers.drop(name)
    nowhere = {"DATABASE_URL": "postgresql://a:secret@127.0.0.1:1/x", "REDIS_URL": settings.redis_url}
    line = await refused(*home, env=nowhere)
    assert "PostgreSQL" in line
    assert "secret" not in line
    assert "cannot be written" in await refused("--home", "/proc/hummdesk", "--port", "0")


async def test_up_stopped_while_starting_leaves_no_process(home: Path) -> None:
    process = await launch("--home", str(home), "--port", "0")
    async with asyncio.timeout(START_SECONDS):
        while not (home / "run" / "postgres.pid").exists():
            await asyncio.sleep(0.01)
        processes = psutil.Process(process.pid).children(recursive=True)
        process.send_signal(signal.SIGTERM)
        output, errors = await process.communicate()
    assert (process.returncode, output, errors) == (0, b"Stopping ...\n", b"")
    assert not psutil.wait_procs(processes, timeout=STOP_SECONDS)[1]
