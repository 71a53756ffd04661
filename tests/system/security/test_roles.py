"""Fault row 34: the roles of PostgreSQL cannot fail open, behind any pooler and with any login."""

import asyncio
import os
import sys
from collections.abc import AsyncIterator
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg import sql

from hummdesk.core.config import PROCESS_KINDS, Settings
from hummdesk.core.errors import HummDeskError
from hummdesk.storage.database import Database
from hummdesk.storage.logins import name_of, url_of
from tests.conftest import Servers, make_reachable_directory
from tests.integration.storage.conftest import Account, opened
from tests.integration.storage.desk import WITHOUT_PASSWORDS, desk, url_with
from tests.system.security.pooler import PGBOUNCER, discarding, pgbouncer


@pytest.fixture(scope="module")
async def shop(servers: Servers, template: str, settings: Settings) -> AsyncIterator[Settings]:
    async with desk(servers, settings) as made:
        yield made


@pytest.fixture(scope="module")
async def accounts(servers: Servers, shop: Settings) -> AsyncIterator[list[Account]]:
    """Two accounts with a message each."""
    database = Database(url_of(shop, "web"), role="hummdesk_app", size=2, timeout=30)
    await database.open()
    superuser = servers.cluster.url(str(psycopg.conninfo.conninfo_to_dict(shop.postgres)["dbname"]))
    made = [await Account(superuser, database).make() for _ in range(2)]
    for account in made:
        await account.send(account.customer)
    yield made
    await database.close()


async def served_and_foreign(url: str, accounts: list[Account], transactions: int) -> tuple[int, int]:
    """The number of transactions that read their own account's messages, and of those that read another's."""
    served = foreign = 0
    database = Database(url, role="hummdesk_app", size=4, timeout=10)
    await database.open()

    async def read(account: Account) -> None:
        nonlocal served, foreign
        with suppress(HummDeskError, psycopg.Error):
            async with database.account(account.id) as tx:
                found = {row["account_id"] async for row in await tx.execute("SELECT account_id FROM messages")}
            served += account.id in found
            foreign += bool(found - {account.id})

    for number in range(0, transactions, 4):
        await asyncio.gather(*(read(accounts[(number + one) % 2]) for one in range(4)))
    await database.close()
    return served, foreign


async def test_pooler_that_discards_start_up_parameters_leaves_the_policies_on(
    shop: Settings, accounts: list[Account]
) -> None:
    """With the single login of version 0.1.0: the owner of the database."""
    async with discarding(shop.postgres) as url:
        options = psycopg.conninfo.make_conninfo(url, options="-c work_mem=8MB")
        async with await psycopg.AsyncConnection.connect(options) as connection:
            cursor = await connection.execute("SHOW work_mem")
            assert await cursor.fetchone() == ("4MB",), "the pooler discards options"
        assert await served_and_foreign(url, accounts, 60) == (60, 0)
        async with opened(url, accounts[0].app) as harness:
            assert (await harness.send(accounts[0], "agent", "Hello")).created


@pytest.mark.systems
@pytest.mark.engine("PgBouncer", kind="in all modes")
@pytest.mark.skipif(PGBOUNCER is None, reason="pgbouncer is not installed")
@pytest.mark.parametrize(
    ("mode", "transactions", "size"), [("session", 60, 8), ("transaction", 60, 2), ("statement", 4, 2)]
)
@pytest.mark.parametrize("login", ["owner", "web"])
async def test_pgbouncer_that_discards_start_up_parameters_leaves_the_policies_on(
    servers: Servers, shop: Settings, accounts: list[Account], mode: str, transactions: int, size: int, login: str
) -> None:
    """In the mode `session` each connection of a client occupies one to the server."""
    url = shop.postgres if login == "owner" else url_of(shop, "web")
    async with pgbouncer(servers.cluster, make_reachable_directory(), url, mode=mode, size=size) as pooled:
        served, foreign = await served_and_foreign(pooled, accounts, transactions)
        print(f"{mode}, {login}: {served} of {transactions} transactions served")
        assert foreign == 0
        if mode != "statement":
            assert served == transactions
            async with opened(pooled, accounts[0].app) as harness:
                assert (await harness.send(accounts[0], "agent", "Hello")).created


COMMANDS = {"web": ("hummdesk", "serve"), "relay": ("hummdesk", "relay"), "worker": ("tasks",)}


@pytest.mark.parametrize("kind", COMMANDS)
async def test_process_whose_role_bypasses_policies_does_not_start(servers: Servers, shop: Settings, kind: str) -> None:
    role = {"web": "hummdesk_writer", "relay": "hummdesk_relay", "worker": "hummdesk_worker"}[kind]
    change = sql.SQL("ALTER ROLE {} {}").format
    await servers.execute(change(sql.Identifier(role), sql.SQL("BYPASSRLS")))
    try:
        code, output = await started(COMMANDS[kind], shop)
    finally:
        await servers.execute(change(sql.Identifier(role), sql.SQL("NOBYPASSRLS")))
    assert code == (1 if kind == "worker" else 2)
    assert f"role {role} bypasses row-level security" in output


async def test_process_with_the_login_of_another_kind_does_not_start(shop: Settings) -> None:
    other: dict[str, Any] = {"database_url": url_with(shop.postgres, user=name_of(shop.postgres, "web"))}
    for command, role in ((COMMANDS["relay"], "relay"), (("hummdesk", "token", "--email", "a@b.c"), "operator")):
        code, output = await started(command, shop, **WITHOUT_PASSWORDS, **other)
        assert code == 2
        assert f"hummdesk: PostgreSQL is not used: login {name_of(shop.postgres, 'web')!r} cannot take role" in output
        assert f"role hummdesk_{role} (permission denied" in output
        assert "Traceback" not in output


async def test_migrate_creates_the_logins_and_prints_their_names(shop: Settings) -> None:
    code, output = await started(("hummdesk", "migrate"), shop)
    names = [f"login {name_of(shop.postgres, kind)}" for kind in PROCESS_KINDS]
    assert (code, output.splitlines()) == (0, ["nothing to do", *names])


async def started(command: tuple[str, ...], settings: Settings, **changes: Any) -> tuple[int | None, str]:
    """The exit code and the output of a process that does not start."""
    values = {name.upper(): str(value) for name, value in (asdict(settings) | changes).items()}
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", *command),
        env={**os.environ, **values},
        cwd=Path(__file__).parents[3],
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    try:
        async with asyncio.timeout(60):
            output, _ = await process.communicate()
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    return process.returncode, output.decode()
