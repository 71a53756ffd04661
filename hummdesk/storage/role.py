"""The role of each transaction, and the check that row-level security applies to it.

Role, timeouts and planner settings are set in the transaction itself: a pooler may discard start-up parameters, and
may serve each transaction by another connection.
"""

import logging
from collections.abc import Mapping
from time import monotonic
from typing import Any, Literal, TypeVar

import psycopg
from psycopg import errors as postgres
from psycopg.abc import PQGen

from hummdesk.core.epochs import Epochs
from hummdesk.storage.round_trip import Prepared, keeps_names

log = logging.getLogger(__name__)

Role = Literal[
    "hummdesk_app", "hummdesk_worker", "hummdesk_writer", "hummdesk_relay", "hummdesk_operator", "hummdesk_eraser"
]

TAKE = "SELECT set_config('role', %s, true), set_config('TimeZone', 'UTC', false)"
"""The time zone outlives the transaction: psycopg takes it from the connection. It limits nothing."""
EPOCH = "SELECT current_epoch() AS epoch"
INTERRUPT_SECONDS = 10.0
"""How often a connection that waits for the server looks for interrupts, which asyncio handles without it. psycopg's
0.1 wakes a process that waits for notifications ten times a second."""
T = TypeVar("T")
DESCRIBE = """
    SELECT
        current_user AS name,
        rolsuper OR rolbypassrls AS bypasses,
        pg_is_in_recovery() AS is_standby,
        pg_backend_pid() AS pid
    FROM pg_roles
    WHERE rolname = current_user
"""


class RoleError(Exception):
    """A connection cannot take its role, or row-level security does not apply to the role."""


class StandbyError(RoleError):
    """The server is a standby, which accepts no changes."""


class RoleConnection(psycopg.AsyncConnection[dict[str, Any]]):
    """A connection that knows whether its role was verified, whether it is pooled, and what was prepared."""

    _verified: Role | None = None
    is_pooled = False
    """It goes through a pooler, which may serve each transaction by another connection.

    Known once the role is verified.
    """
    prepared: Prepared | None = None
    """What `round_trip` has prepared; None where no statement can be, or before the role is verified."""
    verified_at = float("-inf")
    """On the monotonic clock."""

    async def wait(self, gen: PQGen[T], interval: float = INTERRUPT_SECONDS, timeout: float | None = None) -> T:
        return await super().wait(gen, interval, timeout)

    async def verify(self, role: Role, epochs: Epochs | None = None) -> None:
        """Raise RoleError unless transactions can take `role` and the role cannot bypass policies; asks once.

        Enters the epoch of the server. Behind a pooler, which may connect to another server later, each transaction
        reads it, see `opening`.
        """
        if self._verified != role:
            try:
                self.is_pooled = await verify_role(self, role)
            except RoleError as error:
                log.error("database.role_refused", extra={"role": role, "error": str(error)})
                raise
            await self._choose_preparation()
            if epochs is not None:
                await self._enter_epoch(role, epochs)
            self._verified, self.verified_at = role, monotonic()

    async def _enter_epoch(self, role: Role, epochs: Epochs) -> None:
        async with self.transaction():
            await self.execute(TAKE, (role,), prepare=False)
            found = await (await self.execute(EPOCH, prepare=False)).fetchone()
        epochs.enter((found and found["epoch"]) or 0)

    async def _choose_preparation(self) -> None:
        """Prepare no statements through a pooler that does not track them."""
        if self.is_pooled:
            async with self.transaction():
                is_untracked = await keeps_names(self)
            if is_untracked:
                self.prepare_threshold = None
                self.prepared = None
                return
        self.prepared = {}


async def verify_role(connection: psycopg.AsyncConnection[dict[str, Any]], role: Role) -> bool:
    """Raise RoleError unless transactions can take `role`; return whether it goes through a pooler.

    A pooler gives its clients a process id of its own.
    """
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
    if found["is_standby"]:
        raise StandbyError(
            f"the server at {connection.info.host} is a standby, which accepts no changes: name the primary, or all "
            "servers separated by commas"
        )
    return bool(found["pid"] != connection.info.backend_pid)


def opening(
    role: Role,
    *,
    timeout: float,
    settings: Mapping[str, str],
    parameters: tuple[str, ...],
    reads_epoch: bool = False,
    reads_written: bool = False,
) -> bytes:
    """The statement that begins each transaction: role, timeouts and `settings`, then `parameters` as placeholders.

    `timeout`, in seconds, limits each statement and each wait for a lock. `reads_epoch`: it returns the `epoch`.
    `reads_written`: it returns as `written` which transactions have ended that wrote something.
    """
    milliseconds = str(int(timeout * 1000))
    fixed = {"role": role, "statement_timeout": milliseconds, "lock_timeout": milliseconds, **settings}
    calls = [f"set_config('{name}', '{value}', true)" for name, value in fixed.items()]
    calls += [f"set_config('{name}', %s, true)" for name in parameters]
    calls += ["current_epoch() AS epoch"] if reads_epoch else []
    calls += ["pg_current_snapshot()::text AS written"] if reads_written else []
    return f"SELECT {', '.join(calls)}".encode()
