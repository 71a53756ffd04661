"""The driver's errors, translated into the contract's where they leave the storage."""

from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
from psycopg import errors as postgres
from psycopg_pool import PoolClosed, PoolTimeout

from hummdesk.core.errors import HummDeskError, Invalid, NotFound, Unavailable

UNAVAILABLE = (
    psycopg.OperationalError,  # lost or refused connections, time-outs of locks and statements, deadlocks, shutdown
    psycopg.InterfaceError,  # a connection that was found closed
    PoolTimeout,
    PoolClosed,
    postgres.ReadOnlySqlTransaction,  # a standby, in the middle of a failover
    postgres.IdleInTransactionSessionTimeout,
)

MEANINGS: dict[str, HummDeskError] = {
    "messages_content_present": Invalid(details={"content": ["Must not be empty."]}),
    "messages_private_by_staff": Invalid(details={"private": ["Only staff write notes."]}),
    "conversations_assigned_to_fkey": NotFound("There is no such agent here"),
    "conversations_assigned_team_fkey": NotFound("There is no such team here"),
}
"""What a client did wrong when it breaks this constraint; breaking any other one is a fault of ours."""


@contextmanager
def translated() -> Iterator[None]:
    """Raise the contract's error in place of the driver's."""
    try:
        yield
    except UNAVAILABLE as fault:
        raise Unavailable from fault
    except (psycopg.DataError, UnicodeEncodeError) as fault:
        # A NUL character, half of a surrogate pair, or a number beyond 64 bits: nothing that PostgreSQL could store.
        raise Invalid("The payload has a value that cannot be stored") from fault
    except psycopg.IntegrityError as fault:
        meaning = MEANINGS.get(fault.diag.constraint_name or "")
        if meaning is None:
            raise
        raise type(meaning)(meaning.message, details=meaning.details) from fault
