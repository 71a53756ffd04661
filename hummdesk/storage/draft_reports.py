"""What became of drafts: shown, dismissed, and how agents have used them."""

from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from hummdesk.core.errors import NotFound
from hummdesk.storage.database import Transaction
from hummdesk.storage.queries import load

queries = load("draft_reports")

MAX_RUNS = 5_000
"""The newest draft runs of a range, which a report reads."""

COUNTS = {
    "runs": "runs",
    "abstained": "abstained",
    "drafts": "drafts",
    "shown": "shown",
    "accepted": "accepted",
    "edited": "edited",
    "ignored": "ignored",
    "dismissed": "dismissed",
    "sentAnyway": "sent_anyway",
}
"""The column of each count."""

DraftMark = Literal["shown", "dismissed"]


async def mark(tx: Transaction, *, conversation_id: UUID, run_id: UUID, mark: DraftMark) -> None:
    """Record that an agent was shown a draft, or has dismissed it. Raises NotFound.

    The caller has checked that the agent sees the conversation.
    """
    given = {"conversation_id": conversation_id, "run_id": run_id, "is_dismissed": mark == "dismissed"}
    if await queries.mark(tx, **given) is None:
        raise NotFound("The conversation has no such draft")


async def report(tx: Transaction, *, since: datetime, until: datetime) -> dict[str, Any]:
    """What became of the drafts of a range, in total, by category and by their first source, as JSON."""
    rows = [row async for row in queries.figures(tx, since=since, until=until, limit=MAX_RUNS)]
    total = next(_counts(row) for row in rows if row["kind"] == "all")
    return {
        "total": total,
        "isPartial": total["runs"] == MAX_RUNS,
        "categories": [{"category": row["category"]} | _counts(row) for row in rows if row["kind"] == "category"],
        "sources": [
            _source(row) | _counts(row) for row in rows if row["kind"] == "source" and row["source_kind"] is not None
        ],
    }


def _counts(row: dict[str, Any]) -> dict[str, int]:
    return {name: row[column] for name, column in COUNTS.items()}


def _source(row: dict[str, Any]) -> dict[str, Any]:
    found = {"kind": row["source_kind"], "id": row["source_id"] and str(row["source_id"]), "title": row["title"]}
    return {name: value for name, value in found.items() if value is not None}
