"""The deliveries of one webhook, by the relay that leases it.

A step records what has ended, adds deliveries for new events of the feed, and starts attempts. Deliveries with the same
ordering key, which is the conversation, are sent one after the other. All state is in PostgreSQL: when the lease of a
relay that was killed is over, another one continues, and repeats what was not recorded.
"""

import asyncio
import logging
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Protocol
from uuid import UUID

import orjson

from hummdesk.core import background
from hummdesk.core.clock import wire_time
from hummdesk.core.encryption import Encryption, Undecryptable
from hummdesk.core.metrics import WEBHOOK_ATTEMPTS, WEBHOOK_SET_ASIDE
from hummdesk.core.webhooks import TEST_EVENT, signed_headers
from hummdesk.relay.webhooks.schedule import Schedule
from hummdesk.relay.webhooks.sender import Outcome, Sender
from hummdesk.storage import webhook_deliveries, webhooks
from hummdesk.storage.database import Database
from hummdesk.storage.webhook_deliveries import Attempt, PendingDelivery
from hummdesk.storage.webhooks import LeasedWebhook

log = logging.getLogger(__name__)

WINDOW = 5_000
"""Pending deliveries of one webhook that are held; while there are more, the feed is not read on."""
PAGE = 500
"""Events of the feed that are read in one statement."""
MAX_ATTEMPTS_OF_WEBHOOK = 8
"""Attempts of one webhook at a time."""


class EventBodies(Protocol):
    """Reads the events of an account's feed, with their content."""

    async def __call__(self, account_id: UUID, numbers: Sequence[int]) -> Mapping[int, bytes]: ...


@dataclass(eq=False)
class Slots:
    """The attempts that one relay makes at a time. A session that finds none free is woken by the next free one."""

    free: int
    waiting: set[asyncio.Event] = field(default_factory=set)

    def release(self) -> None:
        self.free += 1
        for event in self.waiting:
            event.set()
        self.waiting.clear()


@dataclass(frozen=True, slots=True, kw_only=True)
class Services:
    """What all sessions of a relay share. `database` sees all accounts."""

    relay: UUID
    database: Database
    sweeping: Database
    """The same, whose round trips are shared with the other sweeps of the relay: for a relay without sessions."""
    bodies: EventBodies
    encryption: Encryption
    sender: Sender
    slots: Slots


class Session:
    def __init__(self, services: Services, webhook: LeasedWebhook) -> None:
        self.wake = asyncio.Event()
        self._services = services
        self._webhook = webhook
        self._lease_ends = 0.0
        self._schedule = Schedule()
        self._unrecorded: dict[int, Attempt] = {}
        self._is_recorded_as_failing = webhook.failing_since is not None
        self._must_load = True
        self._has_more = False
        """Whether more deliveries are pending than were loaded."""
        self._is_gone = False
        self._is_recorded_as_gone = False

    @property
    def webhook(self) -> LeasedWebhook:
        return self._webhook

    @property
    def is_idle(self) -> bool:
        """Whether there is nothing to deliver or to record, or the webhook was disabled by this session."""
        if self._is_gone:
            return self._is_recorded_as_gone and not self._schedule.in_flight and not self._unrecorded
        return not (
            len(self._schedule) or self._unrecorded or self._must_load or self._has_more or self._webhook.is_behind
        )

    @property
    def in_flight(self) -> int:
        return self._schedule.in_flight

    def renew(self, webhook: LeasedWebhook, *, lease_ends: float) -> None:
        """Continue with the current state of the webhook, until `lease_ends` on the monotonic clock."""
        self._must_load |= webhook.requeued_at != self._webhook.requeued_at
        self._webhook = webhook
        self._lease_ends = lease_ends
        if webhook.is_behind or self._must_load:
            self.wake.set()

    async def drain(self) -> None:
        """Wait until no attempt is in progress, and record what has ended. No step may run meanwhile."""
        while self._schedule.in_flight:
            self.wake.clear()
            await self.wake.wait()
        await self._record()

    async def step(self) -> float | None:
        """Do what can be done now; return the seconds until the next attempt is due. Raises Unavailable."""
        await self._record()
        if not self._may_attempt():
            return None
        if self._must_load or (self._has_more and len(self._schedule) < WINDOW // 2):
            await self._load()
        if self._webhook.is_behind and not self._has_more and len(self._schedule) < WINDOW:
            await self._fan_out()
        await self._start()
        return self._seconds_until_due()

    def _may_attempt(self) -> bool:
        return not self._is_gone and time.monotonic() < self._lease_ends

    async def _record(self) -> None:
        attempts, is_failing = list(self._unrecorded.values()), self._schedule.is_failing
        if not attempts:
            return
        is_gone = self._is_gone and not self._is_recorded_as_gone
        account_id, webhook_id = self._webhook.key
        async with self._services.database.all_accounts(durable=False) as tx:
            await webhook_deliveries.record(tx, account_id=account_id, webhook_id=webhook_id, attempts=attempts)
            if is_gone or is_failing != self._is_recorded_as_failing:
                await webhooks.settle(
                    tx, account_id=account_id, webhook_id=webhook_id, is_failing=is_failing, is_gone=is_gone
                )
        self._is_recorded_as_failing = is_failing
        self._is_recorded_as_gone |= is_gone
        for one in attempts:
            if self._unrecorded.get(one.number) is one:
                del self._unrecorded[one.number]

    async def _load(self) -> None:
        account_id, webhook_id = self._webhook.key
        requeued_at = self._webhook.requeued_at
        async with self._services.database.all_accounts(durable=False) as tx:
            found = await webhook_deliveries.pending(tx, account_id=account_id, webhook_id=webhook_id, limit=WINDOW)
        self._must_load = self._webhook.requeued_at != requeued_at  # more may have become pending meanwhile
        self._has_more = len(found) == WINDOW
        self._schedule.add(one for one in found if one.number not in self._unrecorded)

    async def _fan_out(self) -> None:
        account_id, webhook_id = self._webhook.key
        self._must_load = True  # a transaction that fails may have been committed: its deliveries are loaded first
        async with self._services.database.all_accounts() as tx:
            found = await webhook_deliveries.fan_out(
                tx, account_id=account_id, webhook_id=webhook_id, relay=self._services.relay, limit=PAGE
            )
        self._must_load = False
        self._schedule.add(found.deliveries)
        if found.events < PAGE:
            self._webhook = webhooks.caught_up(self._webhook)

    async def _start(self) -> None:
        """Start the attempts that are due, as many as there may be at a time."""
        slots = self._services.slots
        most = min(MAX_ATTEMPTS_OF_WEBHOOK - self._schedule.in_flight, slots.free)
        if most <= 0:
            if not slots.free:
                slots.waiting.add(self.wake)
            return
        taken = self._schedule.take(datetime.now(UTC), most)
        slots.free -= len(taken)
        try:
            bodies = await self._bodies(taken) if taken else {}
        except BaseException:
            slots.free += len(taken)
            for one in taken:
                self._schedule.put_back(one.number)
            raise
        for one in taken:
            background.soon(self._attempt(one, bodies.get(one.number)))

    async def _bodies(self, taken: Sequence[PendingDelivery]) -> Mapping[int, bytes]:
        account_id, _ = self._webhook.key
        tests = {one.number: _test_body(account_id, one) for one in taken if one.type == TEST_EVENT}
        numbers = [one.number for one in taken if one.number not in tests]
        return {**tests, **(await self._services.bodies(account_id, numbers) if numbers else {})}

    async def _attempt(self, delivery: PendingDelivery, body: bytes | None) -> None:
        """Send a delivery, and note what becomes of it, for the next step to record."""
        started = datetime.now(UTC)
        try:
            if body is None:
                self._end_lost(delivery)
            else:
                self._conclude(delivery, started, await self._outcome(delivery, body))
        finally:
            self._services.slots.release()
            self.wake.set()

    async def _outcome(self, delivery: PendingDelivery, body: bytes) -> Outcome:
        """Send. An unexpected error is a failed attempt, which is retried: the conversation does not stop there."""
        try:
            return await self._send(delivery, body)
        except Exception:
            log.exception("webhook.attempt_failed", extra=self._fields(delivery))
            return Outcome(error="the attempt failed inside HummDesk")

    async def _send(self, delivery: PendingDelivery, body: bytes) -> Outcome:
        webhook = self._webhook
        try:
            secrets = webhook.secrets(self._services.encryption)
        except Undecryptable:
            log.error("webhook.secret_undecryptable", extra=self._fields(delivery))
            return Outcome(error="the secret cannot be decrypted: ENCRYPTION_KEYS lacks its key")
        headers = signed_headers(_delivery_id(webhook.id, delivery), round(time.time()), body, secrets)
        return await self._services.sender.send(webhook.url, body, headers)

    def _conclude(self, delivery: PendingDelivery, started: datetime, outcome: Outcome) -> None:
        now = datetime.now(UTC)
        was_available = self._schedule.is_receiver_available
        attempts = delivery.attempts + 1
        status: webhook_deliveries.Status = "pending"
        next_attempt_at = None
        if outcome.error is None:
            status = "delivered"
            self._schedule.deliver(delivery.number, now=now)
        elif now >= delivery.give_up_at:
            status = "set_aside"
            self._schedule.set_aside(delivery.number, now=now)
            self._report_set_aside(delivery)
        else:
            later = self._schedule.postpone(delivery.number, now=now, pause=outcome.pause)
            next_attempt_at = later.next_attempt_at
        self._unrecorded[delivery.number] = Attempt(
            number=delivery.number,
            status=status,
            attempts=attempts,
            next_attempt_at=next_attempt_at,
            attempted_at=started,
            http_status=outcome.http_status,
            error=outcome.error,
            milliseconds=outcome.milliseconds,
        )
        WEBHOOK_ATTEMPTS.labels("delivered" if outcome.error is None else _kind(outcome)).inc()
        self._is_gone |= outcome.is_gone
        self._expire(now)
        self._report(outcome, was_available=was_available)

    def _end_lost(self, delivery: PendingDelivery) -> None:
        """Set a delivery aside whose event is older than what the feed keeps."""
        self._schedule.set_aside(delivery.number, now=datetime.now(UTC))
        self._set_aside(delivery, "the feed no longer has this event")

    def _expire(self, now: datetime) -> None:
        """Set aside what an unavailable receiver was not sent in time."""
        for one in self._schedule.expire(now):
            self._set_aside(one, "the receiver was unavailable until the delivery was given up")

    def _set_aside(self, delivery: PendingDelivery, error: str) -> None:
        self._unrecorded[delivery.number] = Attempt(
            number=delivery.number, status="set_aside", attempts=delivery.attempts, error=error
        )
        self._report_set_aside(delivery)

    def _report_set_aside(self, delivery: PendingDelivery) -> None:
        WEBHOOK_SET_ASIDE.inc()
        log.warning("webhook.set_aside", extra=self._fields(delivery))

    def _report(self, outcome: Outcome, *, was_available: bool) -> None:
        fields = self._fields() | {"error": outcome.error}
        if outcome.is_gone:
            log.warning("webhook.gone", extra=fields)
        elif was_available and not self._schedule.is_receiver_available:
            log.warning("webhook.receiver_unavailable", extra=fields)
        elif not was_available and self._schedule.is_receiver_available:
            log.info("webhook.receiver_available", extra=fields)

    def _fields(self, delivery: PendingDelivery | None = None) -> dict[str, object]:
        fields: dict[str, object] = {"account_id": str(self._webhook.account_id), "webhook_id": str(self._webhook.id)}
        return fields if delivery is None else fields | {"number": delivery.number, "attempts": delivery.attempts}

    def _seconds_until_due(self) -> float | None:
        if self._webhook.is_behind and not self._has_more and len(self._schedule) < WINDOW:
            return 0.0
        now = datetime.now(UTC)
        at = self._schedule.next_at(now)
        has_slot = self._schedule.in_flight < MAX_ATTEMPTS_OF_WEBHOOK and self._services.slots.free > 0
        return (at - now).total_seconds() if at is not None and has_slot else None


def _delivery_id(webhook_id: UUID, delivery: PendingDelivery) -> str:
    """The same for each attempt, so that a receiver can drop repeats."""
    if delivery.type == TEST_EVENT:
        return f"{webhook_id}.{delivery.number}.{int(delivery.created_at.timestamp() * 1000)}"
    return f"{webhook_id}.{delivery.number}"


def _test_body(account_id: UUID, delivery: PendingDelivery) -> bytes:
    return orjson.dumps(
        {
            "number": delivery.number,
            "type": delivery.type,
            "at": wire_time(delivery.created_at),
            "accountId": account_id,
            "data": {},
        }
    )


def _kind(outcome: Outcome) -> str:
    return "no_response" if outcome.http_status is None else f"http_{outcome.http_status // 100}xx"
