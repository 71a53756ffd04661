"""What AI runs have found."""

from typing import Any
from uuid import UUID

from hummdesk.storage.database import Transaction
from hummdesk.storage.queries import load

queries = load("results")


async def result(tx: Transaction, run_id: UUID) -> dict[str, Any] | None:
    """What `jobs.store_result` has kept of a run, None if that is nothing."""
    row: dict[str, Any] | None = await queries.result(tx, run_id=run_id)
    return row and row["payload"]
