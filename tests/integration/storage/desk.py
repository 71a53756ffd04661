"""A database as a deployment has it: its owner is not a superuser, and each kind of process has a login."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any
from urllib.parse import quote

import psycopg
from psycopg import sql

from hummdesk.core.config import PROCESS_KINDS, Settings
from hummdesk.storage import logins
from hummdesk.storage.logins import name_of
from hummdesk.storage.migrations import migrate
from tests.conftest import Servers

PASSWORDS: dict[str, Any] = {f"db_{kind}_password": f"the {kind}'s" for kind in PROCESS_KINDS}
WITHOUT_PASSWORDS: dict[str, Any] = dict.fromkeys(PASSWORDS, "")
ROLES = "app", "worker", "writer", "relay", "operator", "search", "backup", "eraser", "feed", "author"


def owner_of(url: str) -> str:
    """The URL of a database's owner, as `owned` names it."""
    database = psycopg.conninfo.conninfo_to_dict(url)["dbname"]
    return url_with(url, user=f"{database}_owner")


def url_with(url: str, *, user: str) -> str:
    """The URL of a setting with another user."""
    given = psycopg.conninfo.conninfo_to_dict(url)
    return f"postgresql://{user}@/{given['dbname']}?host={quote(str(given['host']), safe='')}"


@asynccontextmanager
async def owned(servers: Servers) -> AsyncIterator[str]:
    """The URL of the superuser of an empty database whose owner may create roles."""
    name = await servers.clone("template0")
    url = servers.cluster.url(name)
    owner, database = sql.Identifier(f"{name}_owner"), sql.Identifier(name)
    async with await psycopg.AsyncConnection.connect(url, autocommit=True) as superuser:
        await superuser.execute(sql.SQL("CREATE ROLE {} LOGIN CREATEROLE").format(owner))
        await superuser.execute(sql.SQL("ALTER DATABASE {} OWNER TO {}").format(database, owner))
        await superuser.execute("CREATE EXTENSION vector")
        for role in ROLES:  # another database of the server has created them
            grant = sql.SQL("GRANT {} TO {} WITH ADMIN TRUE, INHERIT FALSE, SET FALSE")
            await superuser.execute(grant.format(sql.Identifier(f"hummdesk_{role}"), owner))
    yield url
    await servers.drop(name)
    for login in [name_of(url, kind) for kind in PROCESS_KINDS] + [f"{name}_owner"]:
        await servers.execute(sql.SQL("DROP ROLE IF EXISTS {}").format(sql.Identifier(login)))


@asynccontextmanager
async def desk(servers: Servers, settings: Settings) -> AsyncIterator[Settings]:
    """Settings with the owner's URL and the passwords of the logins of a migrated database."""
    async with owned(servers) as url:
        made = replace(settings, database_url=owner_of(url), **PASSWORDS)
        await migrate(made.postgres)
        await logins.provision(made)
        yield made
