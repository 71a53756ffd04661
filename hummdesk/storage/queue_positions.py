"""The positions of waiting conversations in their queues, and how fast the queues move.

The id of a queue is that of its team; the account's own queue has the id of the account.
"""

from collections import defaultdict
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from hummdesk.storage.database import Transaction
from hummdesk.storage.queries import load

queries = load("queue_positions")

PACED = 21
"""The last assigned conversations from which the pace of a queue follows."""
PRUNE_BATCH = 5_000


@dataclass(frozen=True, slots=True)
class QueuePosition:
    """The position of a waiting conversation in its queue."""

    conversation_id: UUID
    queue_id: UUID
    position: int
    """From 1."""


@dataclass(frozen=True, slots=True)
class Pace:
    """How long conversations were first in a queue before they were assigned, on average, and how many were counted."""

    count: int
    seconds: float


async def positions(tx: Transaction, *, limit: int) -> list[QueuePosition]:
    """The positions of the first conversations of each queue of the account."""
    rows = queries.positions(tx, limit=limit)
    return [QueuePosition(row["conversation_id"], row["queue_id"], row["position"]) async for row in rows]


async def position(tx: Transaction, *, conversation_id: UUID, limit: int) -> QueuePosition | None:
    """The position of a conversation, None if it does not wait. After `limit` others it is not counted on."""
    row = await queries.position(tx, conversation_id=conversation_id, limit=limit)
    return row and QueuePosition(conversation_id, row["queue_id"], row["position"])


async def paces(tx: Transaction, queue_ids: Collection[UUID]) -> dict[UUID, Pace]:
    """The pace of the last hour of each queue in which anything was assigned."""
    rows = queries.paces(tx, queue_ids=list(queue_ids), limit=PACED)
    return {row["queue_id"]: Pace(row["count"], row["seconds"]) async for row in rows}


async def members(tx: Transaction, queue_ids: Collection[UUID]) -> dict[UUID, set[UUID]]:
    """The active agents of each queue."""
    found: defaultdict[UUID, set[UUID]] = defaultdict(set)
    async for row in queries.members(tx, queue_ids=list(queue_ids)):
        found[row["queue_id"]].add(row["agent_id"])
    return found


async def moved(tx: Transaction, *, lately: bool) -> dict[UUID, datetime]:
    """The last move in the queues of each account, within a minute or as long as moves are kept; for the relay."""
    rows = queries.moved_lately(tx) if lately else queries.moved(tx)
    return {row["account_id"]: row["at"] async for row in rows}


async def prune(tx: Transaction) -> bool:
    """Delete a batch of moves older than two hours; return whether there may be more. For the relay."""
    row = await queries.prune(tx, limit=PRUNE_BATCH)
    return bool(row["deleted"] == PRUNE_BATCH)
