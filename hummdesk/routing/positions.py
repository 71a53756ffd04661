"""The position and the expected wait of a customer in a queue. No wait is made up: it follows from past assignments."""

from collections.abc import Iterable, Mapping, Set
from dataclasses import dataclass
from math import ceil
from uuid import UUID

from hummdesk.routing.hours import is_open_now
from hummdesk.storage import queue_positions
from hummdesk.storage.database import Transaction
from hummdesk.storage.queue_positions import Pace, QueuePosition

MOST = 100
"""Positions that are counted. A conversation behind them has the position MOST + 1."""
LEAST_PACED = 3
"""Assignments of the last hour without which no wait is expected."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Queued:
    """The position and the expected wait that a customer receives."""

    conversation_id: UUID
    position: int
    expected_wait_seconds: int | None
    """None: not known."""

    def wire(self) -> dict[str, int]:
        wait = self.expected_wait_seconds
        return {"position": self.position} | ({} if wait is None else {"expectedWaitSeconds": wait})


@dataclass(frozen=True, slots=True, kw_only=True)
class QueueState:
    """What expected waits follow from, by queue."""

    paces: Mapping[UUID, Pace]
    members: Mapping[UUID, Set[UUID]]
    online: Set[UUID]
    is_open: bool

    def queued(self, found: QueuePosition) -> Queued:
        wait = self._expected_wait(found)
        return Queued(conversation_id=found.conversation_id, position=found.position, expected_wait_seconds=wait)

    def _expected_wait(self, found: QueuePosition) -> int | None:
        pace = self.paces.get(found.queue_id)
        is_staffed = not self.online.isdisjoint(self.members.get(found.queue_id, ()))
        is_known = pace is not None and pace.count >= LEAST_PACED and found.position <= MOST
        return ceil(pace.seconds * found.position) if pace and is_known and is_staffed and self.is_open else None


def changed(found: Iterable[QueuePosition], published: Mapping[UUID, int]) -> list[QueuePosition]:
    """The positions that differ from the published ones."""
    return [one for one in found if published.get(one.conversation_id) != one.position]


async def state(tx: Transaction, queue_ids: Set[UUID], *, online: Set[UUID]) -> QueueState:
    """The state of some queues of the transaction's account."""
    return QueueState(
        paces=await queue_positions.paces(tx, queue_ids),
        members=await queue_positions.members(tx, queue_ids),
        online=online,
        is_open=await is_open_now(tx),
    )
