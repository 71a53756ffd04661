"""Translation of the driver's errors into those of the contract."""

from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
from psycopg import errors as postgres
from psycopg_pool import PoolClosed, PoolTimeout

from hummdesk.core.errors import HummDeskError, Invalid, NotFound, Unavailable
from hummdesk.storage.role import RoleError

UNAVAILABLE = (
    psycopg.OperationalError,  # lost or refused connections, timeouts of locks and statements, deadlocks, shutdown
    psycopg.InterfaceError,  # a closed connection
    PoolTimeout,
    PoolClosed,
    RoleError,
    postgres.ReadOnlySqlTransaction,  # a standby during a failover
    postgres.IdleInTransactionSessionTimeout,
)

MEANINGS: dict[str, HummDeskError] = {
    "messages_content_present": Invalid(details={"content": ["Must not be empty."]}),
    "messages_private_by_staff": Invalid(details={"private": ["Only staff write notes."]}),
    "conversations_assigned_to_fkey": NotFound("No agent of this account has this id"),
    "conversations_assigned_team_fkey": NotFound("No team of this account has this id"),
}
"""Errors for constraints that a client can violate. A violation of any other constraint is a bug."""


@contextmanager
def translated() -> Iterator[None]:
    """Raise the error of the contract in place of the driver's."""
    try:
        yield
    except UNAVAILABLE as error:
        raise Unavailable from error
    except (psycopg.DataError, UnicodeEncodeError) as error:
        # A NUL character, half of a surrogate pair, or a number beyond 64 bits.
        raise Invalid("The payload contains a value that cannot be stored") from error
    except psycopg.IntegrityError as error:
        meaning = MEANINGS.get(error.diag.constraint_name or "")
        if meaning is None:
            raise
        raise type(meaning)(meaning.message, details=meaning.details) from error


def first_line(error: psycopg.Error) -> str:
    """The first line of the driver's message, without the context that PostgreSQL adds."""
    return str(error).strip().splitlines()[0]
