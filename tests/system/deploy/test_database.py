"""The database of the Compose file: created by its script, migrated and used without superuser rights."""

import asyncio
import os
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import psycopg
import pytest

from docs.generate import ROOT
from hummdesk.core.config import Settings
from hummdesk.dev import demo, postgres
from hummdesk.dev.home import make
from hummdesk.storage.migrations import migrate

SCRIPT = (ROOT / "deploy/postgres/10-hummdesk.sql").read_text()
NAME = "desk"
"""Another name than `hummdesk`, which is the superuser of the embedded server."""


@pytest.fixture
async def cluster(home: Path) -> AsyncIterator[postgres.Cluster]:
    """A server without any role of HummDesk."""
    make(home)
    cluster = await postgres.prepare(home)
    process = await postgres.start(cluster, home, durable=False)
    yield cluster
    await process.stop()
    cluster.tidy()


async def test_database_of_a_user_without_superuser_rights_is_enough(
    cluster: postgres.Cluster, settings: Settings
) -> None:
    psql = (cluster.binaries / "psql", "--no-psqlrc", "--set=ON_ERROR_STOP=1", cluster.url("postgres"))
    env = os.environ | {"DB_PASSWORD": 'it\'s a "secret"'}
    process = await asyncio.create_subprocess_exec(*psql, env=env, stdin=asyncio.subprocess.PIPE)
    await process.communicate(SCRIPT.replace("hummdesk", NAME).encode())
    assert process.returncode == 0
    url = cluster.url(NAME).replace("//hummdesk@", f"//{NAME}@")

    assert await migrate(url)
    people = await demo.load(replace(settings, database_url=url), accounts=1)
    assert people["accounts"][0]["customers"]
    async with await psycopg.AsyncConnection.connect(url) as connection:
        cursor = await connection.execute("SELECT rolsuper, rolcreaterole FROM pg_roles WHERE rolname = CURRENT_USER")
        assert await cursor.fetchone() == (False, True)
        await connection.execute("SET ROLE hummdesk_app")
        cursor = await connection.execute("SELECT count(*) FROM conversations")
        assert await cursor.fetchone() == (0,)
