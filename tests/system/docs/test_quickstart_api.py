"""docs/quickstart-api.md, run as a reader runs it: its commands in one shell, with its files, and what they print."""

import asyncio
import os
import re
import secrets
import signal
import sys
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from psycopg import sql

from docs.generate import ROOT
from hummdesk.core.config import Settings
from hummdesk.dev.redis import free_port
from tests.conftest import Servers
from tests.running_time import running_timeout
from tests.system.js.script_runner import install_packages
from tests.system.tasks.conftest import private_redis

PAGE = ROOT / "docs/quickstart-api.md"
STEP = re.compile(r"<!-- run -->\n\n```sh\n(.*?)```\n(?:\n```text\n(.*?)```)?", re.DOTALL)
FILE = re.compile(r"<!-- file (\S+) -->\n\n```\w+\n(.*?)```", re.DOTALL)
END = "-- end of step --"
PORT = "5000"
LIMIT_SECONDS = 110
"""The page takes less than two minutes, on a machine that does other work, too."""


@dataclass(frozen=True)
class Desk:
    database_url: str
    redis_url: str


@pytest.fixture
async def desk(servers: Servers, settings: Settings) -> AsyncIterator[Desk]:
    """An empty database, and an empty database of Redis."""
    name = f"walk_{secrets.token_hex(4)}"
    await servers.execute(sql.SQL("CREATE DATABASE {} TEMPLATE template0").format(sql.Identifier(name)))
    yield Desk(servers.cluster.url(name), await private_redis(settings))
    await servers.drop(name)


def environment(desk: Desk) -> dict[str, str]:
    programs = (Path(sys.executable).parent, Path(install_packages().program).parent)
    return {
        "PATH": os.pathsep.join([*map(str, programs), os.environ["PATH"]]),
        "PYTHONPATH": str(ROOT),
        "DATABASE_URL": desk.database_url,
        "REDIS_URL": desk.redis_url,
    }


async def run_shell(script: str, folder: Path, env: dict[str, str]) -> tuple[int, str, str]:
    """Run a script in a process group of its own, which is killed with it. Return its status and its output."""
    shell = await asyncio.create_subprocess_exec(
        *("bash", "-eu", "-o", "pipefail", "-c", script),
        cwd=folder,
        env=env,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        start_new_session=True,
    )
    try:
        async with running_timeout(LIMIT_SECONDS):
            output, errors = await shell.communicate()
    finally:
        try:
            os.killpg(shell.pid, signal.SIGKILL)
        except ProcessLookupError:
            await shell.wait()
    assert shell.returncode is not None
    return shell.returncode, output.decode(), errors.decode()


def pattern(expected: str) -> str:
    """A pattern for what the page shows, where `…` stands for anything within a line."""
    return ".*".join(map(re.escape, expected.split("…")))


@pytest.mark.timeout(3 * LIMIT_SECONDS)
async def test_commands_of_the_page_print_what_it_shows(desk: Desk, tmp_path: Path) -> None:
    page = PAGE.read_text().replace(PORT, str(free_port(0)))
    steps = STEP.findall(page)
    assert len(steps) == page.count("<!-- run -->")
    for name, content in FILE.findall(page):
        (tmp_path / name).write_text(content)
    (tmp_path / "node_modules/@hummdesk").mkdir(parents=True)
    (tmp_path / "node_modules/@hummdesk/client").symlink_to(ROOT / "web/client")
    started = time.monotonic()
    script = "".join(f"{commands}echo '{END}'\n" for commands, _ in steps)
    status, output, errors = await run_shell(script, tmp_path, environment(desk))
    log = tmp_path / "web.log"
    assert status == 0, f"{output}\n{errors}\n{log.read_text() if log.exists() else ''}"
    printed_by_step = output.split(f"{END}\n")[:-1]
    for (commands, expected), printed in zip(steps, printed_by_step, strict=True):
        assert not expected or re.fullmatch(pattern(expected), printed), f"{commands}\n{printed}"
    print(f"from an empty database to an answered customer in {time.monotonic() - started:.1f} s")
