"""The deliveries of webhooks: pending ones, and the log of those that have ended. They hold ids, and no content."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any, Literal, Self
from uuid import UUID

import orjson

from hummdesk.core.clock import wire_time
from hummdesk.core.errors import NotFound
from hummdesk.core.models import Person
from hummdesk.core.webhooks import TEST_EVENT
from hummdesk.storage import audit, page_cursor
from hummdesk.storage.database import Transaction
from hummdesk.storage.queries import load

queries = load("webhook_deliveries")

RETRY_SECONDS = 3 * 24 * 3600
LATE_SECONDS = 3600
"""How long a delivery is retried if its receiver had failed for RETRY_SECONDS before it was added."""
REPLAYED = 1000
"""Deliveries that become pending again in one statement."""
PRUNED = 1000
TEST_SECONDS = 60
"""How long the test event is retried."""
LAST_NUMBER = 2**62

Status = Literal["pending", "delivered", "set_aside"]


@dataclass(frozen=True, slots=True, kw_only=True)
class PendingDelivery:
    """A delivery that has not ended. Those with the same ordering key are sent one after the other, by number."""

    number: int
    type: str
    ordering_key: UUID
    attempts: int
    next_attempt_at: datetime
    give_up_at: datetime
    created_at: datetime

    @classmethod
    def from_row(cls, row: dict[str, Any]) -> Self:
        return cls(**{name: row[name] for name in cls.__dataclass_fields__})


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """What becomes of a delivery after an attempt, or when its time is over."""

    number: int
    status: Status
    attempts: int
    next_attempt_at: datetime | None = None
    attempted_at: datetime | None = None
    http_status: int | None = None
    error: str | None = None
    milliseconds: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """An entry of the log."""

    number: int
    type: str
    conversation_id: UUID | None
    status: Status
    attempts: int
    next_attempt_at: datetime
    last_attempt_at: datetime | None
    last_status: int | None
    last_error: str | None
    last_milliseconds: int | None
    created_at: datetime
    finished_at: datetime | None

    @classmethod
    def from_row(cls, row: dict[str, Any]) -> Self:
        return cls(**row)

    def wire(self) -> dict[str, Any]:
        is_pending = self.status == "pending"
        optional = {
            "conversationId": self.conversation_id and str(self.conversation_id),
            "nextAttemptAt": wire_time(self.next_attempt_at) if is_pending else None,
            "lastAttemptAt": self.last_attempt_at and wire_time(self.last_attempt_at),
            "httpStatus": self.last_status,
            "error": self.last_error,
            "milliseconds": self.last_milliseconds,
            "finishedAt": self.finished_at and wire_time(self.finished_at),
        }
        return {
            "number": self.number,
            "type": self.type,
            "status": self.status,
            "attempts": self.attempts,
            "createdAt": wire_time(self.created_at),
            **{name: value for name, value in optional.items() if value is not None},
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class FannedOut:
    deliveries: list[PendingDelivery]
    events: int
    """Events of the feed that were read; fewer than `limit`: the webhook has come to the end."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Backlog:
    pending: int
    oldest_seconds: float
    lag_seconds: float
    """Age of the oldest delivery that was not attempted, to a receiver that does not fail."""
    failing: int


async def fan_out(tx: Transaction, *, account_id: UUID, webhook_id: UUID, relay: UUID, limit: int) -> FannedOut:
    """Add a delivery for each of the next events of the feed that the webhook subscribes to, if the relay leases it."""
    rows = [
        row
        async for row in queries.fan_out(
            tx,
            account_id=account_id,
            webhook_id=webhook_id,
            relay=relay,
            limit=limit,
            retry_seconds=RETRY_SECONDS,
            late_seconds=LATE_SECONDS,
        )
    ]
    added = [PendingDelivery.from_row(row) for row in rows if row["status"] == "pending"]
    return FannedOut(deliveries=added, events=rows[0]["rows"] if rows else 0)


async def pending(tx: Transaction, *, account_id: UUID, webhook_id: UUID, limit: int) -> list[PendingDelivery]:
    """The first pending deliveries of a webhook, by number."""
    rows = queries.pending(tx, account_id=account_id, webhook_id=webhook_id, limit=limit)
    return [PendingDelivery.from_row(row) async for row in rows]


async def record(tx: Transaction, *, account_id: UUID, webhook_id: UUID, attempts: Sequence[Attempt]) -> None:
    """Record attempts. A delivery that has ended before stays as it is."""
    records = orjson.dumps([asdict(one) for one in attempts]).decode()
    numbers = [one.number for one in attempts]
    await queries.record(tx, account_id=account_id, webhook_id=webhook_id, numbers=numbers, attempts=records)


async def page(
    tx: Transaction, webhook_id: UUID, *, status: Status | None, limit: int, cursor: str | None
) -> tuple[list[Delivery], str | None]:
    """The newest deliveries of a webhook of the account, and the cursor of the next page. Raises Invalid."""
    before = LAST_NUMBER if cursor is None else page_cursor.number_of(cursor)
    asked = {"webhook_id": webhook_id, "before": before, "limit": limit + 1}
    query = queries.page if status is None else getattr(queries, f"page_of_{status}")
    rows = query(tx, **asked)
    found = [Delivery.from_row(row) async for row in rows]
    return found[:limit], str(found[limit - 1].number) if len(found) > limit else None


async def replay(tx: Transaction, actor: Person | None, webhook_id: UUID, number: int) -> int:
    """Deliver an event again; return 0 if it is pending already, else 1. Raises NotFound."""
    if await queries.exists(tx, webhook_id=webhook_id, number=number) is None:
        raise NotFound("The webhook has no delivery of this number")
    if await queries.replay(tx, webhook_id=webhook_id, number=number, retry_seconds=RETRY_SECONDS) is None:
        return 0
    await audit.record(tx, actor, "webhook.replayed", webhook_id, {"number": number})
    return 1


async def replay_set_aside(tx: Transaction, actor: Person | None, webhook_id: UUID) -> int:
    """Deliver again the first REPLAYED events that were set aside; return how many there were."""
    row = await queries.replay_set_aside(tx, webhook_id=webhook_id, retry_seconds=RETRY_SECONDS, limit=REPLAYED)
    number = int(row["number"])
    if number:
        await audit.record(tx, actor, "webhook.replayed", webhook_id, {"setAside": number})
    return number


async def add_test(tx: Transaction, webhook_id: UUID) -> None:
    """Deliver the test event, for a minute. Raises NotFound."""
    if await queries.add_test(tx, webhook_id=webhook_id, type=TEST_EVENT, retry_seconds=TEST_SECONDS) is None:
        raise NotFound("No webhook of this account has this id")


async def backlog(tx: Transaction) -> Backlog:
    return Backlog(**await queries.backlog(tx), failing=(await queries.failing(tx))["number"])


async def prune(tx: Transaction, *, days: int) -> int:
    """Delete the next PRUNED deliveries that ended more than so many days ago; return their number."""
    return int((await queries.prune(tx, days=days, limit=PRUNED))["number"])
