"""The logins of PostgreSQL: one for each kind of process, which may take only the roles that it needs."""

from collections.abc import Mapping

import psycopg
from psycopg import errors as postgres
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from hummdesk.core.config import PROCESS_KINDS, ProcessKind, Settings
from hummdesk.storage.addresses import of_primary
from hummdesk.storage.driver_errors import first_line
from hummdesk.storage.migration_files import MigrationError

ROLES: Mapping[ProcessKind, tuple[str, ...]] = {
    "web": ("hummdesk_app", "hummdesk_writer"),
    "relay": ("hummdesk_relay", "hummdesk_app", "hummdesk_eraser"),
    "worker": ("hummdesk_worker",),
    "operator": ("hummdesk_operator", "hummdesk_app", "hummdesk_eraser"),
    "backup": ("hummdesk_backup",),
}
GRANT_OPTIONS_SINCE = 160000
"""Since this version of PostgreSQL a membership has options. Before, NOINHERIT of the login is enough."""
LONGEST_NAME = 63


def url_of(settings: Settings, kind: ProcessKind) -> str:
    """The URL with which this kind of process connects: with a login of its own if its password is set."""
    password = settings.login_password(kind)
    if not password:
        return settings.postgres
    return make_conninfo(settings.postgres, user=name_of(settings.postgres, kind), password=password)


def listen_url_of(settings: Settings, kind: ProcessKind) -> str:
    """Return the URL with which this kind of process listens to notifications; empty: that of its transactions."""
    return _unpooled(settings, url_of(settings, kind)) if settings.listen_database_url else ""


def migrate_url_of(settings: Settings) -> str:
    """Return the URL with which `migrate` connects, as the owner of the database."""
    return _unpooled(settings, settings.postgres) if settings.listen_database_url else settings.postgres


def _unpooled(settings: Settings, url: str) -> str:
    """Return LISTEN_DATABASE_URL with the user and password of `url`."""
    given = conninfo_to_dict(url)
    login = {name: given[name] for name in ("user", "password") if name in given}
    return make_conninfo(settings.listen_database_url, **login)


def name_of(url: str, kind: ProcessKind) -> str:
    """The login's name begins with the database's: the databases of one server share their logins."""
    given = conninfo_to_dict(url)
    return f"{given.get('dbname') or given.get('user')}_{kind}_login"


async def provision(settings: Settings) -> list[str]:
    """Create the logins whose passwords are set, or change them to their passwords and roles; return their names.

    Raises MigrationError, also if this is not done as the owner of the database.
    """
    passwords = {kind: password for kind in PROCESS_KINDS if (password := settings.login_password(kind))}
    if not passwords:
        return []
    try:
        async with await psycopg.AsyncConnection.connect(of_primary(settings.postgres)) as connection:
            return [await _provision(connection, settings, kind, password) for kind, password in passwords.items()]
    except postgres.InsufficientPrivilege as error:
        raise MigrationError(
            f"The database's user may not create logins ({first_line(error)}): it needs CREATEROLE, and ADMIN OPTION "
            "on the roles called hummdesk_… and on existing logins"
        ) from error
    except psycopg.Error as error:
        raise MigrationError(f"The logins cannot be created: {first_line(error)}") from error


async def _provision(
    connection: psycopg.AsyncConnection[tuple[object, ...]], settings: Settings, kind: ProcessKind, password: str
) -> str:
    name = name_of(settings.postgres, kind)
    if len(name.encode()) > LONGEST_NAME:
        raise MigrationError(f"The name of login {name!r} is longer than {LONGEST_NAME} bytes: rename the database")
    login = sql.Identifier(name)
    found = await connection.execute("SELECT FROM pg_roles WHERE rolname = %s", (name,))
    if not found.rowcount:
        await connection.execute(sql.SQL("CREATE ROLE {}").format(login))
    # Hashed here, so that no log of statements contains it.
    verifier = connection.pgconn.encrypt_password(password.encode(), name.encode(), b"scram-sha-256").decode()
    await connection.execute(sql.SQL("ALTER ROLE {} LOGIN NOINHERIT PASSWORD {}").format(login, verifier))
    options = " WITH INHERIT FALSE, SET TRUE" if connection.info.server_version >= GRANT_OPTIONS_SINCE else ""
    for role in ROLES[kind]:
        await connection.execute(sql.SQL("GRANT {} TO {}" + options).format(sql.Identifier(role), login))
    return name
