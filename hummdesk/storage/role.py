"""The role of each transaction, and the check that row-level security applies to it.

Role, timeouts and planner settings are set in the transaction itself: a pooler may discard start-up parameters, and
may serve each transaction by another connection.
"""

import logging
from collections.abc import Mapping
from functools import cached_property
from typing import Any, Literal

import psycopg
from psycopg import errors as postgres

from hummdesk.storage.round_trip import Prepared

log = logging.getLogger(__name__)

Role = Literal[
    "hummdesk_app", "hummdesk_worker", "hummdesk_writer", "hummdesk_relay", "hummdesk_operator", "hummdesk_eraser"
]

TAKE = "SELECT set_config('role', %s, true), set_config('TimeZone', 'UTC', false)"
"""The time zone outlives the transaction: psycopg takes it from the connection. It limits nothing."""
DESCRIBE = """
    SELECT
        current_user AS name,
        rolsuper OR rolbypassrls AS bypasses
    FROM pg_roles
    WHERE rolname = current_user
"""


class RoleError(Exception):
    """A connection cannot take its role, or row-level security does not apply to the role."""


class RoleConnection(psycopg.AsyncConnection[dict[str, Any]]):
    """A connection that knows whether its role was verified, and what `round_trip` has prepared on it."""

    _verified: Role | None = None

    @cached_property
    def prepared(self) -> Prepared:
        return {}

    async def verify(self, role: Role) -> None:
        """Raise RoleError unless transactions can take `role` and the role cannot bypass policies; asks once."""
        if self._verified != role:
            try:
                await verify_role(self, role)
            except RoleError as error:
                log.error("database.role_refused", extra={"role": role, "error": str(error)})
                raise
            self._verified = role


async def verify_role(connection: psycopg.AsyncConnection[dict[str, Any]], role: Role) -> None:
    try:
        async with connection.transaction():
            await connection.execute(TAKE, (role,), prepare=False)
            found = await (await connection.execute(DESCRIBE, prepare=False)).fetchone()
    except (postgres.InsufficientPrivilege, postgres.InvalidParameterValue) as error:
        raise RoleError(
            f"login {connection.info.user!r} cannot take role {role} ({error.diag.message_primary}): "
            "run `python -m hummdesk migrate`, or use the login of this kind of process"
        ) from error
    if found is None or found["name"] != role:
        raise RoleError(f"the connection did not take role {role}: connect to PostgreSQL without this pooler")
    if found["bypasses"]:
        raise RoleError(f"role {role} bypasses row-level security: ALTER ROLE {role} NOSUPERUSER NOBYPASSRLS")


def opening(role: Role, *, timeout: float, settings: Mapping[str, str], parameters: tuple[str, ...]) -> bytes:
    """The statement that begins each transaction: role, timeouts and `settings`, then `parameters` as placeholders.

    `timeout`, in seconds, limits each statement and each wait for a lock.
    """
    milliseconds = str(int(timeout * 1000))
    fixed = {"role": role, "statement_timeout": milliseconds, "lock_timeout": milliseconds, **settings}
    calls = [f"set_config('{name}', '{value}', true)" for name, value in fixed.items()]
    calls += [f"set_config('{name}', %s, true)" for name in parameters]
    return f"SELECT {', '.join(calls)}".encode()
