"""Results of AI runs."""

from typing import Any
from uuid import UUID

from hummdesk.storage.database import Transaction
from hummdesk.storage.queries import load
from hummdesk.storage.runs import EndedRun

queries = load("results")

RECENT_MESSAGES = 50
"""Results of older messages are not shown: a conversation opens with as many messages."""


async def result(tx: Transaction, run_id: UUID) -> dict[str, Any] | None:
    """The payload that `runs.settle` has stored for a run, or None."""
    row: dict[str, Any] | None = await queries.result(tx, run_id=run_id)
    return row and row["payload"]


async def latest(tx: Transaction, *, conversation_id: UUID) -> list[tuple[EndedRun, dict[str, Any]]]:
    """The newest classification, and the newest draft unless an agent has replied since, each with its run.

    Corrections by agents are applied to the classification.
    """
    rows = queries.latest(tx, conversation_id=conversation_id, recent_messages=RECENT_MESSAGES)
    return [(EndedRun.from_row(row), _corrected(row)) async for row in rows]


def _corrected(row: dict[str, Any]) -> dict[str, Any]:
    payload: dict[str, Any] = row["payload"]
    changes = {name: row[name] for name in ("category", "priority") if row[name] is not None}
    if "category" in changes:
        changes["unknown"] = False
    return payload | {"classification": payload["classification"] | changes} if changes else payload
