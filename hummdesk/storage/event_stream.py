"""The number of shards of the event stream that the operator wants."""

from dataclasses import dataclass
from datetime import datetime

from psycopg.errors import UndefinedTable

from hummdesk.storage.database import Transaction
from hummdesk.storage.migration_files import MigrationError
from hummdesk.storage.queries import load

queries = load("event_stream")


@dataclass(frozen=True, slots=True, kw_only=True)
class WantedShards:
    number: int
    raised_at: datetime


async def shards(tx: Transaction) -> WantedShards | None:
    """Return the number once it was raised, and when; for the relay and the operator.

    Raises MigrationError before the migration that creates the table.
    """
    try:
        row = await queries.shards(tx)
    except UndefinedTable:
        raise MigrationError("Migration 0169 is pending: run `python -m hummdesk migrate` first") from None
    return row and WantedShards(number=row["shards"], raised_at=row["raised_at"])


async def raise_shards(tx: Transaction, number: int, *, seconds: float) -> bool:
    """Double the number; return False if it is not the half, or was raised within `seconds`.

    The caller has checked that a first one is the double of those at the beginning.
    """
    return await queries.raise_shards(tx, shards=number, seconds=seconds) is not None
