"""The way of AI runs from PostgreSQL to the broker."""

import asyncio
import logging
import time
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from uuid import UUID

from celery import Celery
from kombu.exceptions import OperationalError

from hummdesk.bus.task_queues import QueueLengths, TaskQueues
from hummdesk.core import metrics
from hummdesk.core.broker import QUEUES, SIMULATE, STARTED, TASKS, UPDATE_KNOWLEDGE, configuration, lease_seconds
from hummdesk.core.config import Settings
from hummdesk.core.errors import Unavailable
from hummdesk.core.periodic import TimeShare
from hummdesk.publish.events.ai import AIProcessingStarted
from hummdesk.publish.publisher import Publisher
from hummdesk.relay import admission
from hummdesk.relay.task_batches import task_batches
from hummdesk.storage import past_answers, run_dispatch, simulations
from hummdesk.storage.database import Database
from hummdesk.storage.run_dispatch import DueRun

log = logging.getLogger(__name__)

BATCH = 200
STARTED_SECONDS = 0.5
"""Longest wait until Redis has stored `ai_processing_started`; after that the workers publish it, too."""
LEARNING_INTERVAL_SECONDS = 2.0
"""Shortest time between two tasks that update the knowledge of one account."""
MAX_WAITING_STEPS = 4
"""No step of a simulation is sent while so many bulk tasks wait."""
COUNTING_PART = 0.02
"""Largest part of the time in which the relay counts the runs that have not ended: many thousands may wait."""
OPEN_STATUSES = ("pending", "published", "running")


class Dispatcher:
    """Sends due runs to the broker. What the broker does not accept is kept and sent with the next step."""

    def __init__(
        self,
        settings: Settings,
        database: Database,
        queues: TaskQueues,
        publisher: Publisher,
        *,
        reported: QueueLengths,
    ) -> None:
        """`database` sees the runs of all accounts. `reported` is what web processes read."""
        self._settings = settings
        self._database = database
        self._queues = queues
        self._publisher = publisher
        self._reported = reported
        self._terms = {
            "lease_seconds": lease_seconds(settings),
            "deadline_seconds": settings.ai_deadline_seconds,
        }
        self._celery = Celery("hummdesk", set_as_current=False)
        self._celery.conf.update(configuration(settings, confirms=True))
        self._unsent: deque[list[DueRun]] = deque()
        """One batch a task. The runs are marked as published already."""
        self._started: set[UUID] = set()
        """Those of these runs whose `ai_processing_started` is published."""
        self._counting = TimeShare(COUNTING_PART)
        self._learning: dict[UUID, float] = {}
        """When the last update of an account's knowledge was sent."""
        self._unknown: set[str] = set()
        """The kinds of runs that are logged as unknown."""
        self._stopping = asyncio.Event()

    def stop(self) -> None:
        """End `send_due` as soon as it waits for workers: the runs that are not sent are in PostgreSQL."""
        self._stopping.set()

    async def send_due(self) -> float | None:
        """Send all runs that are due, as workers can take them; return the seconds until the next one is."""
        while not self._stopping.is_set():
            await self._send()
            taken, seconds = await self._take_due()
            if not taken:
                return seconds
            await self._send()
            waited = -(seconds or 0.0)
            await admission.wait(self._queues, waited=waited, meanwhile=self._send_others, stopping=self._stopping)
        await self._send()  # lost ones that were taken meanwhile
        return None

    async def _take_due(self) -> tuple[int, float | None]:
        """Take a batch of runs that are due; return their number, and the seconds until the next one is due.

        Publish at once which of them begin: those that wait to be sent again may have ended meanwhile.
        """
        tx = self._database.autocommit_all(durable=False)
        due = await run_dispatch.take_due(tx, BATCH, **self._terms)
        self._unsent += task_batches(due)
        await self._publish_started([run for run in due if _begins(run)])
        seconds = None if 0 < len(due) < BATCH else await run_dispatch.seconds_until_due(tx)
        return len(due), seconds

    async def _send_others(self) -> None:
        """Send the runs that do not wait for the workers of classifications, and lost ones."""
        tx = self._database.autocommit_all(durable=False)
        due = await run_dispatch.take_other_due(tx, BATCH, **self._terms)
        self._unsent += task_batches(due)
        await self._send()

    async def has_due(self, *, within: float) -> bool:
        """Whether runs are due, or will be within so many seconds; for sweeps, that share a round trip with others."""
        seconds = await run_dispatch.seconds_until_due(self._database.shared())
        return seconds is not None and seconds <= within

    async def take_lost(self) -> bool:
        """Take runs that were lost with the broker or a worker. Return whether `send_due` has runs to send.

        It sends each of these as a task of its own.
        """
        lost = await run_dispatch.take_lost(
            self._database.shared(),
            BATCH,
            lease_seconds=lease_seconds(self._settings),
            max_attempts=self._settings.ai_max_attempts,
        )
        self._unsent += task_batches(lost)
        return bool(self._unsent)

    async def update_knowledge(self) -> None:
        """Send a task for each account with new answers of agents. A lost task is sent again."""
        waiting = await past_answers.unlearned_accounts(self._database.shared(), limit=BATCH)
        now = time.monotonic()
        recent = {account: at for account, at in self._learning.items() if now - at < LEARNING_INTERVAL_SECONDS}
        accounts = [account_id for account_id in waiting if account_id not in recent]
        if accounts:
            await asyncio.to_thread(self._send_updates, accounts)
        self._learning = recent | dict.fromkeys(accounts, now)

    async def simulate(self) -> None:
        """Send steps of simulations that are due, as workers can take them. A lost step is due again after its lease.

        More steps would wait for longer than their leases, and be lost, and delay the updates of knowledge.
        """
        free = MAX_WAITING_STEPS - await self._queues.length("bulk")
        if free <= 0:
            return
        lease = lease_seconds(self._settings)
        due = await simulations.take_due(self._database.shared(), limit=free, lease_seconds=lease)
        if due:
            await asyncio.to_thread(self._send_steps, due)

    async def measure(self) -> None:
        if self._counting.is_due():
            with self._counting.measured():
                await self._count()
        found_lengths = await asyncio.gather(*(self._queues.length(queue) for queue in QUEUES))
        lengths = dict(zip(QUEUES, found_lengths, strict=True))
        for queue, length in lengths.items():
            metrics.QUEUE_TASKS.labels(queue=queue).set(length)
        await self._reported.report(lengths)

    async def _count(self) -> None:
        found = await run_dispatch.open_runs(self._database.autocommit_all())
        counts: dict[tuple[str, str], int] = {(runs.kind, runs.status): runs.count for runs in found}
        self._report_unknown({runs.kind for runs in found}.difference(run_dispatch.KINDS))
        for kind in run_dispatch.KINDS:
            for status in OPEN_STATUSES:
                metrics.AI_RUNS.labels(kind=kind, status=status).set(counts.get((kind, status), 0))
            oldest = max((runs.oldest_seconds for runs in found if runs.kind == kind), default=0.0)
            metrics.AI_OLDEST_RUN_SECONDS.labels(kind=kind).set(oldest)

    def _report_unknown(self, kinds: set[str]) -> None:
        """Log kinds of runs that wait for a relay of a later version, each once."""
        for kind in sorted(kinds - self._unknown):
            log.warning("ai_run.unknown_kind", extra={"kind": kind})
        self._unknown |= kinds

    async def _send(self) -> None:
        if self._unsent:
            await asyncio.to_thread(self._send_unsent)

    async def _publish_started(self, runs: list[DueRun]) -> None:
        """Publish that these runs, just taken, begin: before any other event of them, and earlier than a worker could.

        What Redis has not stored in time, the workers publish as well, which is deduplicated. Even then it precedes an
        `ai_error` that this relay publishes later: Redis stores the events of an account in the order of the calls. It
        can follow the `ai_error` of another relay if Redis was unavailable until the run's deadline.
        """
        try:
            async with asyncio.timeout(STARTED_SECONDS):
                await self._publisher.publish_stored(*map(_event, runs))
        except (TimeoutError, Unavailable):
            return
        self._started.update(run.id for run in runs)

    def _send_unsent(self) -> None:
        """In a thread, because kombu blocks, for seconds while the broker is unavailable. Raises OperationalError."""
        with self._producer() as producer:
            while self._unsent:
                batch = self._unsent[0]
                runs = [[str(run.account_id), str(run.id)] for run in batch]
                headers = {STARTED: all(run.id in self._started for run in batch)}
                self._celery.send_task(
                    TASKS[batch[0].kind], args=(runs,), headers=headers, producer=producer, retry=False
                )
                self._unsent.popleft()
                self._started.difference_update(run.id for run in batch)

    @contextmanager
    def _producer(self) -> Iterator[Any]:
        """A producer, whose connection is dropped after an error. Raises OperationalError."""
        with self._celery.producer_or_acquire() as producer:
            try:
                yield producer
            except OperationalError:
                producer.connection.collect()  # closing it would wait for a broker that may not answer
                raise

    def _send_updates(self, accounts: list[UUID]) -> None:
        """In a thread, as `_send_unsent`."""
        with self._producer() as producer:
            for account_id in accounts:
                self._celery.send_task(UPDATE_KNOWLEDGE, args=(str(account_id),), producer=producer, retry=False)

    def _send_steps(self, due: list[tuple[UUID, UUID, int]]) -> None:
        """In a thread, as `_send_unsent`."""
        with self._producer() as producer:
            for account_id, simulation_id, step in due:
                arguments = (str(account_id), str(simulation_id), step)
                self._celery.send_task(SIMULATE, args=arguments, producer=producer, retry=False)


def _begins(run: DueRun) -> bool:
    """Whether a worker surely begins the run unless it is lost: other kinds may be superseded before.

    After an attempt the event is published already.
    """
    return run.kind == "classification" and run.attempts == 0


def _event(run: DueRun) -> AIProcessingStarted:
    return AIProcessingStarted(
        account_id=run.account_id,
        conversation_id=run.conversation_id,
        message_id=run.message_id,
        processing_type=run.kind,
        run_id=run.id,
    )
