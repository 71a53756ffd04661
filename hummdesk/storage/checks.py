"""Checks of a deployment's PostgreSQL, for an operator: what is wrong, and what to change."""

import asyncio
import struct
from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime
from typing import Any, cast

import psycopg
from psycopg.rows import dict_row

from hummdesk.core.certificates import certificate_findings, certificate_of, end_of
from hummdesk.core.config import ProcessKind, Settings
from hummdesk.core.findings import Finding, clock_findings
from hummdesk.storage import migrations
from hummdesk.storage.database import connection_string
from hummdesk.storage.driver_errors import first_line
from hummdesk.storage.logins import ROLES, listen_url_of, url_of
from hummdesk.storage.migration_files import MigrationError
from hummdesk.storage.migrations import MINIMUM_SERVER
from hummdesk.storage.role import Role, RoleError, verify_role
from hummdesk.storage.round_trip import keeps_names

Connection = psycopg.AsyncConnection[dict[str, Any]]

CHECKED: tuple[ProcessKind, ...] = ("web", "relay", "worker", "operator")


CERTIFICATE_SECONDS = 5.0
TLS_REQUEST = struct.pack("!II", 8, 80877103)
"""SSLRequest of the protocol of PostgreSQL."""

EXTENSIONS = """
    SELECT wanted.name, available.installed_version AS installed, available.default_version AS newest
    FROM unnest(ARRAY['vector', 'btree_gin', 'pg_trgm']) AS wanted (name)
    LEFT JOIN pg_available_extensions AS available ON available.name = wanted.name
"""
UNPROTECTED = """
    SELECT relname AS name
    FROM pg_class
    WHERE relnamespace = 'public'::regnamespace
      AND relkind IN ('r', 'p')
      AND EXISTS (SELECT FROM pg_attribute WHERE attrelid = pg_class.oid AND attname = 'account_id')
      AND NOT (
          relrowsecurity
          AND relforcerowsecurity
          AND EXISTS (SELECT FROM pg_policy WHERE polrelid = pg_class.oid)
      )
    ORDER BY relname
"""
"""Tables of accounts whose rows no policy protects."""


async def database_findings(settings: Settings) -> list[Finding]:
    """Check PostgreSQL with the login of each kind of process that has one here; nothing found: an empty list."""
    found: list[Finding] = []
    try:
        for url, kinds in _by_url(settings).items():
            found += await _of_login(settings, url, kinds)
        return list(dict.fromkeys(found)) + await _listening(settings)
    except psycopg.Error as error:  # of an address that libpq cannot read
        return [Finding("DATABASE_URL", f"is not an address: {first_line(error)}", "correct it", is_fatal=True)]


def _by_url(settings: Settings) -> dict[str, list[ProcessKind]]:
    """The kinds of process by the URL with which they connect."""
    found: dict[str, list[ProcessKind]] = {}
    for kind in CHECKED:
        found.setdefault(url_of(settings, kind), []).append(kind)
    return found


async def _of_login(settings: Settings, url: str, kinds: Sequence[ProcessKind]) -> list[Finding]:
    roles = [cast(Role, role) for kind in kinds for role in ROLES[kind]]
    conninfo = connection_string(url, role=roles[0], timeout=settings.db_timeout_seconds)
    try:
        async with await psycopg.AsyncConnection.connect(conninfo, autocommit=True, row_factory=dict_row) as connection:
            connection.prepare_threshold = None
            checks: list[Callable[[Connection], Awaitable[list[Finding]]]] = [
                _version,
                _standby,
                _clock,
                _certificate,
                _pooler,
                _extensions,
                _policies,
            ]
            found = [finding for check in checks for finding in await check(connection)]
            return found + await _roles(connection, roles) + await _schema(connection)
    except psycopg.Error as error:
        if _is_elsewhere(settings, kinds, error):
            return []
        return [
            Finding(
                subject=f"PostgreSQL for {', '.join(kinds)}",
                problem=f"cannot be used: {first_line(error)}",
                remedy="start it, or correct DATABASE_URL and the password of the login",
                is_error=True,
            )
        ]


def _is_elsewhere(settings: Settings, kinds: Sequence[ProcessKind], error: psycopg.Error) -> bool:
    """Whether the password of these kinds of process is only where they run, and another kind has its own here."""
    has_others = any(settings.login_password(kind) for kind in CHECKED if kind not in kinds)
    return has_others and error.pgconn is not None and error.pgconn.needs_password


async def _version(connection: Connection) -> list[Finding]:
    version = connection.info.server_version // 10000
    if version >= MINIMUM_SERVER:
        return []
    return [
        Finding(
            subject="PostgreSQL's version",
            problem=f"{version} is older than {MINIMUM_SERVER}",
            remedy=f"upgrade PostgreSQL to {MINIMUM_SERVER} or later",
            is_fatal=True,
        )
    ]


async def _standby(connection: Connection) -> list[Finding]:
    row = await _row(connection, "SELECT pg_is_in_recovery() AS is_standby")
    if not row["is_standby"]:
        return []
    return [
        Finding(
            subject=f"PostgreSQL at {connection.info.host}",
            problem="is a standby, which accepts no changes",
            remedy="name the primary in DATABASE_URL, or all servers separated by commas",
            is_fatal=True,
        )
    ]


async def _clock(connection: Connection) -> list[Finding]:
    asked_at = datetime.now(UTC)
    row = await _row(connection, "SELECT clock_timestamp() AS at")
    return clock_findings("PostgreSQL", row["at"], asked_at=asked_at)


async def _certificate(connection: Connection) -> list[Finding]:
    """Check for how long the certificate is valid, which libpq does not say: ask for it over another connection."""
    if not connection.pgconn.ssl_in_use:
        return []
    info = connection.info
    try:
        found = await asyncio.to_thread(
            certificate_of, info.hostaddr or info.host, info.port, timeout=CERTIFICATE_SECONDS, request=TLS_REQUEST
        )
    except OSError:
        return []  # a server that expects TLS at once
    return certificate_findings(f"PostgreSQL at {info.host}", end_of(found)) if found else []


async def _extensions(connection: Connection) -> list[Finding]:
    found = []
    for row in await (await connection.execute(EXTENSIONS)).fetchall():
        subject = f"Extension {row['name']}"
        if row["newest"] is None:
            remedy = "install its package on the server, for instance postgresql-17-pgvector, and run `migrate`"
            found.append(Finding(subject, "is not installed on the server", remedy, is_fatal=True))
        elif row["installed"] is None:
            remedy = f"CREATE EXTENSION {row['name']} in this database as a superuser"
            found.append(Finding(subject, "does not exist in the database", remedy, is_fatal=True))
        elif row["installed"] != row["newest"]:
            problem = f"has the version {row['installed']} in the database, and {row['newest']} on the server"
            found.append(Finding(subject, problem, f"ALTER EXTENSION {row['name']} UPDATE"))
    return found


async def _policies(connection: Connection) -> list[Finding]:
    rows = await (await connection.execute(UNPROTECTED)).fetchall()
    remedy = "ALTER TABLE {0} ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY; restore its policies from a backup"
    return [
        Finding(
            f"Table {row['name']}",
            "has no row-level security: accounts can read rows of others",
            remedy.format(row["name"]),
            is_fatal=True,
        )
        for row in rows
    ]


async def _pooler(connection: Connection) -> list[Finding]:
    row = await _row(connection, "SELECT pg_backend_pid() AS pid")
    if row["pid"] == connection.info.backend_pid:
        return []
    async with connection.transaction():
        is_untracked = await keeps_names(connection)
    if not is_untracked:
        return []
    return [
        Finding(
            subject="The pooler",
            problem="does not track prepared statements; HummDesk works without them, and plans each statement again",
            remedy="PgBouncer 1.22 or later with max_prepared_statements = 200",
        )
    ]


async def _roles(connection: Connection, roles: Sequence[Role]) -> list[Finding]:
    found = []
    for role in roles:
        try:
            await verify_role(connection, role)
        except RoleError as error:
            problem, _, remedy = str(error).partition(": ")
            found.append(Finding(subject=f"Role {role}", problem=problem, remedy=remedy, is_fatal=True))
    return [finding for finding in found if "is a standby" not in finding.problem]


async def _schema(connection: Connection) -> list[Finding]:
    try:
        async with connection.transaction():
            await connection.execute("SELECT set_config('role', 'hummdesk_app', true)")
            await migrations.check(connection)
    except MigrationError as error:
        problem, _, remedy = str(error).rpartition(": ")
        return [Finding(subject="The schema", problem=problem, remedy=remedy, is_fatal=True)]
    except psycopg.errors.InsufficientPrivilege:
        pass  # a login whose kind of process does not read it
    return []


async def _listening(settings: Settings) -> list[Finding]:
    """Check that notifications arrive: not through a pooler in transaction mode."""
    kind: ProcessKind = next((kind for kind in CHECKED if settings.login_password(kind)), "web")
    listen_url = listen_url_of(settings, kind)
    url = connection_string(
        listen_url or url_of(settings, kind), role="hummdesk_app", timeout=settings.db_timeout_seconds
    )
    try:
        async with await psycopg.AsyncConnection.connect(url, autocommit=True, row_factory=dict_row) as connection:
            row = await _row(connection, "SELECT pg_backend_pid() AS pid")
            is_pooled = row["pid"] != connection.info.backend_pid
            found = await _certificate(connection) if listen_url else []
    except psycopg.Error as error:
        problem = f"cannot be reached: {first_line(error)}"
        return (
            [Finding(subject="LISTEN_DATABASE_URL", problem=problem, remedy="correct it", is_error=True)]
            if listen_url
            else []
        )
    if not is_pooled:
        return found
    return [
        *found,
        Finding(
            subject="LISTEN_DATABASE_URL" if listen_url else "DATABASE_URL",
            problem="leads through a pooler, which passes no notifications in transaction mode",
            remedy="set LISTEN_DATABASE_URL to the address of PostgreSQL itself",
        ),
    ]


async def _row(connection: Connection, query: str) -> dict[str, Any]:
    return await (await connection.execute(query.encode())).fetchone() or {}
