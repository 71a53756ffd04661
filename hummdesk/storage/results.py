"""What AI runs have found."""

from typing import Any
from uuid import UUID

from hummdesk.storage.database import Transaction
from hummdesk.storage.queries import load
from hummdesk.storage.runs import Ended

queries = load("results")

AMONG = 50
"""The last messages about which a finding is still shown: as many as a conversation opens with."""


async def result(tx: Transaction, run_id: UUID) -> dict[str, Any] | None:
    """What `jobs.store_result` has kept of a run, None if that is nothing."""
    row: dict[str, Any] | None = await queries.result(tx, run_id=run_id)
    return row and row["payload"]


async def latest(tx: Transaction, *, conversation_id: UUID) -> list[tuple[Ended, dict[str, Any]]]:
    """The newest classification, and the newest draft if no agent has replied since: the run, and what it has found.

    A classification is as agents have corrected it.
    """
    rows = queries.latest(tx, conversation_id=conversation_id, among=AMONG)
    return [(Ended.from_row(row), _corrected(row)) async for row in rows]


def _corrected(row: dict[str, Any]) -> dict[str, Any]:
    payload: dict[str, Any] = row["payload"]
    changes = {name: row[name] for name in ("category", "priority") if row[name] is not None}
    return payload | {"classification": payload["classification"] | changes} if changes else payload
