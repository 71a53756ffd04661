"""Fault row 35: a rolling upgrade and a return to the earlier version, under load; no message is refused."""

import asyncio
import shutil
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import psycopg
import pytest

from docs.generate import ROOT
from hummdesk.core.config import Settings
from hummdesk.storage.migration_files import Migration
from tests.system.chaos.deployment import WEB, Deployment, deploy
from tests.system.chaos.load import Load, load
from tests.system.chaos.report import row

LAST = Migration.released()[-1].name[:4]
NEWER = {
    "9001_columns": f"""-- compatible from: {LAST}
-- may be pending
ALTER TABLE messages ADD COLUMN next_version text;
ALTER TABLE conversations ADD COLUMN next_version text NOT NULL DEFAULT '';
CREATE TABLE next_version (account_id uuid);
""",
    "9002_index": f"""-- compatible from: {LAST}
-- may be pending
-- no transaction
CREATE INDEX CONCURRENTLY IF NOT EXISTS messages_next_version ON messages (account_id, next_version);
""",
}
"""Migrations of a version that works with and without them, and whose schema serves this version."""
INCOMPATIBLE = {"9003_rename": "ALTER TABLE conversations RENAME COLUMN next_version TO renamed;\n"}

SLOWEST_SECONDS = Settings.db_timeout_seconds
"""By default, messages that wait longer behind the lock of a migration would be refused."""

pytestmark = [pytest.mark.systems, pytest.mark.timeout(180)]


@pytest.fixture
async def deployment() -> AsyncIterator[Deployment]:
    """One for each test: the second one leaves a schema that serves no process of this version."""
    async with deploy(starts=(WEB,), db_timeout_seconds=15.0) as made:
        yield made


def version(folder: Path, migrations: dict[str, str]) -> Path:
    """Copy the packages of this version, and add migrations; return the directory for PYTHONPATH."""
    pages = ROOT / "hummdesk" / "web"
    for package in ("hummdesk", "sql", "tasks"):
        shutil.copytree(
            ROOT / package, folder / package, ignore=lambda path, _: ["web"] if path == str(pages.parent) else []
        )
    (folder / "hummdesk" / "web").symlink_to(pages)
    for name, text in migrations.items():
        (folder / "sql" / "migrations" / f"{name}.sql").write_text(text)
    return folder


async def start(deployment: Deployment, name: str, source: Path | None = None) -> asyncio.subprocess.Process:
    """Start a command of a version."""
    return await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "hummdesk", name),
        env=deployment.environment(source),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )


async def result(process: asyncio.subprocess.Process) -> tuple[int | None, str]:
    """The exit code and the output of a command; its error if it was refused."""
    output, errors = await process.communicate()
    return process.returncode, (errors if process.returncode else output).decode().strip()


async def command(deployment: Deployment, name: str, source: Path | None = None) -> tuple[int | None, str]:
    return await result(await start(deployment, name, source))


async def until_retried(process: asyncio.subprocess.Process, times: int) -> None:
    assert process.stderr is not None
    async with asyncio.timeout(60):
        while times:
            times -= b"migration.retried" in await process.stderr.readline()


async def replace(deployment: Deployment, number: int, source: Path | None, traffic: Load) -> None:
    """Stop a web process and start it in another version; wait until messages were sent since."""
    await deployment.stop(f"web-{number}")
    await deployment.start_web(number, source=source)
    await until_sent(traffic, 30)


async def until_sent(traffic: Load, more: int) -> None:
    goal = len(traffic.acknowledged) + more
    async with asyncio.timeout(60):
        while len(traffic.acknowledged) < goal:
            await asyncio.sleep(0.01)


@asynccontextmanager
async def dump(deployment: Deployment) -> AsyncIterator[psycopg.AsyncConnection]:
    """A transaction that holds the locks of a dump."""
    async with await psycopg.AsyncConnection.connect(deployment.settings.postgres) as connection:
        await connection.execute("LOCK TABLE messages, conversations IN ACCESS SHARE MODE")
        yield connection


async def test_rolling_upgrade_and_return_refuse_no_message(deployment: Deployment, tmp_path: Path) -> None:
    newer = version(tmp_path, NEWER)
    with row("35", "migration, one version newer, older and mixed") as found:
        async with load(deployment, pause=0.02) as traffic:
            async with traffic.sending():
                await until_sent(traffic, 30)
                await replace(deployment, 0, newer, traffic)  # a newer process on the older schema

                async with dump(deployment) as transaction:
                    migrating = await start(deployment, "migrate", newer)
                    await until_retried(migrating, 2)
                    await transaction.rollback()
                    assert await result(migrating) == (0, "applied 9001_columns\napplied 9002_index")
                await until_sent(traffic, 30)

                await replace(deployment, 1, newer, traffic)
                await replace(deployment, 0, None, traffic)  # an older process on the newer schema
                assert await command(deployment, "migrate") == (0, "nothing to do")
                await replace(deployment, 1, None, traffic)
            refusals = [code for client in traffic.clients for code in client.refusals]
            found.measure("refused requests", len(refusals))
            slowest = max(one.seconds for one in traffic.acknowledged.values())
            found.measure("slowest send", slowest, at_most=SLOWEST_SECONDS, unit=" s")
            await traffic.compare(found)
        print(found)


async def test_process_that_the_schema_does_not_serve_is_refused(deployment: Deployment, tmp_path: Path) -> None:
    newer = version(tmp_path, NEWER | INCOMPATIBLE)
    code, output = await command(deployment, "serve", newer)
    assert (code, "1 migrations are pending: run `python -m hummdesk migrate` first" in output) == (2, True)
    code, output = await command(deployment, "migrate", newer)
    assert code == 2
    assert "Migration 9003_rename does not serve processes that are connected" in output
    await deployment.stop("web-0", "web-1")
    assert (await command(deployment, "migrate", newer))[0] == 0
    for name in ("serve", "relay", "migrate"):
        code, output = await command(deployment, name)
        assert code == 2, output
        assert "Migration 9003_rename comes from another version of HummDesk" in output
        assert f"this one ends with {LAST}: start a newer one" in output
