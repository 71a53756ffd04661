"""What a process checks before it starts: the schema serves its version, and its roles are subject to the policies."""

import logging
from typing import cast

import psycopg
from psycopg.rows import dict_row

from hummdesk.core.config import ProcessKind, Settings
from hummdesk.core.errors import CommandError
from hummdesk.storage import migrations
from hummdesk.storage.database import connection_string
from hummdesk.storage.driver_errors import first_line
from hummdesk.storage.logins import ROLES, url_of
from hummdesk.storage.migrations import Unreachable
from hummdesk.storage.role import TAKE, Role, RoleError, verify_role

log = logging.getLogger(__name__)


async def check(settings: Settings, kind: ProcessKind) -> None:
    """Raise CommandError unless this kind of process can work with the database; Unreachable without one."""
    roles = cast("tuple[Role, ...]", ROLES[kind])
    url = connection_string(url_of(settings, kind), role=roles[0], timeout=settings.db_timeout_seconds)
    try:
        async with await psycopg.AsyncConnection.connect(url, autocommit=True, row_factory=dict_row) as connection:
            await migrations.check_migrated(connection)
            for role in roles:
                await verify_role(connection, role)
            async with connection.transaction():  # outside, a pooler may change the connection to the server
                await connection.execute(TAKE, (roles[0],))
                await migrations.check(connection)
    except RoleError as error:
        raise CommandError(f"PostgreSQL is not used: {error}") from error
    except psycopg.Error as error:
        raise Unreachable(f"PostgreSQL cannot be used: {first_line(error)}; check DATABASE_URL") from error


async def check_if_reachable(settings: Settings, kind: ProcessKind) -> None:
    """As `check`; a process that waits for PostgreSQL starts without one, and each connection verifies its role."""
    try:
        await check(settings, kind)
    except Unreachable as error:
        log.warning("database.unreachable", extra={"error": str(error)})
