"""The relay: hands committed AI runs to the broker, ends those that nobody else will end, and has the outbox told.

It is woken by NOTIFY and looks by itself as well. It keeps nothing that PostgreSQL does not have, so any number may run
and any may be killed. Without PostgreSQL or Redis it waits for them.
"""

import asyncio
import logging
import signal
import time
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, get_args
from uuid import UUID

from celery import Celery
from kombu.exceptions import OperationalError

from hummdesk.bus.client import connect, raising_unavailable
from hummdesk.core import logs, metrics
from hummdesk.core.broker import (
    QUEUE_KEYS,
    QUEUES,
    TASKS,
    UPDATE_KNOWLEDGE,
    Queue,
    configuration,
    lease_seconds,
)
from hummdesk.core.config import Settings
from hummdesk.core.errors import HummDeskError, Unavailable
from hummdesk.core.models import RunKind
from hummdesk.core.periodic import Periodic, Step
from hummdesk.publish.broadcast import open_broadcast_service
from hummdesk.publish.events.ai import events_of
from hummdesk.publish.publisher import Publisher
from hummdesk.relay.outbox import OutboxRelay
from hummdesk.relay.task_batches import task_batches
from hummdesk.storage import past_answers, results, run_dispatch
from hummdesk.storage.database import Database
from hummdesk.storage.run_dispatch import DueRun
from hummdesk.storage.runs import EndedRun

log = logging.getLogger(__name__)

BATCH = 200
GATHER_SECONDS = (0.01, 0.2)
"""Between two looks at whether the workers are still busy, and the longest that is waited for them: what arrives
meanwhile goes to the broker in one task. Few large ones cost a worker, and PostgreSQL, a fifth of many small ones."""

LEARN_SECONDS = 2.0
"""Between two orders to learn from what the agents of one account have answered, and longer while bulk work waits."""

LONGEST_BACKOFF_SECONDS = 5.0
"""The longest wait between two attempts while PostgreSQL or Redis is unavailable."""
STOP_SECONDS = 5.0
OPEN_STATES = ("pending", "published", "running")


async def run(settings: Settings) -> None:
    """Relay until SIGTERM or SIGINT."""
    logs.configure(settings, process="relay")
    if settings.metrics_port:
        metrics.expose(settings.metrics_port)
    stopping = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stopping.set)
    async with _relay(settings) as relay:
        relay.start()
        await stopping.wait()
        await relay.stop()


@asynccontextmanager
async def _relay(settings: Settings) -> AsyncIterator["Relay"]:
    timeout = settings.db_timeout_seconds
    every = Database(settings.postgres, role="hummdesk_relay", size=3, timeout=timeout, hurried=True)
    one = Database(settings.postgres, role="hummdesk_app", size=1, timeout=timeout)
    await every.open()
    await one.open()
    try:
        async with open_broadcast_service(settings) as service:
            yield Relay(settings, every, one, service.publisher)
    finally:
        await every.close()
        await one.close()


class Relay:
    def __init__(self, settings: Settings, every: Database, one: Database, publisher: Publisher) -> None:
        """`every` sees the runs of all accounts and nothing else, `one` all of one account."""
        self._settings = settings
        self._every = every
        self._one = one
        self._publisher = publisher
        self._outbox = OutboxRelay(every, one, publisher)
        self._celery = Celery("hummdesk", set_as_current=False)
        self._celery.conf.update(configuration(settings))
        self._redis: Any = connect(settings.redis)
        self._woken = asyncio.Event()
        self._taken: deque[list[DueRun]] = deque()
        """Marked as published, and not yet with the broker: a task each."""
        self._learning: dict[UUID, float] = {}
        """When it was last ordered for an account."""
        self._listener = self._periodic(self._listen)
        self._steps = [
            self._periodic(self._publish, wake=self._woken),
            *map(
                self._periodic,
                (self._republish, self._end, self._outbox.tell, self._outbox.measure, self._measure, self._learn),
            ),
        ]

    def start(self) -> None:
        for runner in (self._listener, *self._steps):
            runner.start()

    def _periodic(self, step: Step, *, wake: asyncio.Event | None = None) -> Periodic:
        return Periodic(
            step,
            interval=self._settings.relay_sweep_seconds,
            on_failure=_report,
            wake=wake,
            longest_backoff=LONGEST_BACKOFF_SECONDS,
        )

    async def stop(self) -> None:
        """Finish what is being published, for at most STOP_SECONDS."""
        await self._listener.stop()
        await asyncio.gather(*(runner.stop(grace_seconds=STOP_SECONDS) for runner in self._steps))
        await self._redis.aclose()

    async def _listen(self) -> None:
        async for _ in self._every.listen("hummdesk_runs"):
            self._woken.set()

    async def _publish(self) -> float | None:
        """Hand over all that is due; gives the seconds until more is. What the broker does not take is kept."""
        while True:
            await self._hand_over()
            async with self._every.everywhere(lasting=False) as tx:
                due = await run_dispatch.take_due(
                    tx,
                    BATCH,
                    lease_seconds=lease_seconds(self._settings),
                    deadline_seconds=self._settings.ai_deadline_seconds,
                )
                if not due:
                    return await run_dispatch.seconds_until_due(tx)
            self._taken += task_batches(due)
            await self._hand_over()
            await self._gather()

    async def _gather(self) -> None:
        """Let runs come together while no worker has time for them."""
        pause, longest = GATHER_SECONDS
        for _ in range(round(longest / pause)):
            await asyncio.sleep(pause)  # also because a worker needs the processor now
            if not await self._waiting("classification"):
                return

    async def _waiting(self, queue: Queue) -> int:
        """Tasks that no worker has taken."""
        async with raising_unavailable():
            return int(await self._redis.llen(QUEUE_KEYS[queue]))

    async def _republish(self) -> None:
        """What was lost with the broker or a worker. Each run alone, in case that it is what kills them."""
        async with self._every.everywhere() as tx:
            lost = await run_dispatch.take_lost(
                tx,
                BATCH,
                lease_seconds=lease_seconds(self._settings),
                max_attempts=self._settings.ai_max_attempts,
            )
        self._taken += task_batches(lost)
        self._woken.set()

    async def _hand_over(self) -> None:
        if self._taken:
            await asyncio.to_thread(self._send)

    def _send(self) -> None:
        """In a thread: kombu blocks, for seconds when Redis is away. Raises OperationalError."""
        with self._celery.producer_or_acquire() as producer:
            while self._taken:
                together = self._taken[0]
                runs = [[str(run.account_id), str(run.id)] for run in together]
                self._celery.send_task(TASKS[together[0].kind], args=(runs,), producer=producer, retry=False)
                self._taken.popleft()

    async def _end(self) -> None:
        """Announce failures that only the relay can know of, and ends whose worker was lost before it told of them.

        The rows stay locked until Redis has the events: a relay that is killed meanwhile has announced nothing.
        """
        async with self._every.everywhere() as tx:
            for ended in await run_dispatch.fail_expired(tx, BATCH, max_attempts=self._settings.ai_max_attempts):
                log.warning("ai_run.expired", extra={"run_id": str(ended.id), "error": ended.last_error})
                await self._publisher.publish(*events_of(ended, None))
        async with self._every.everywhere() as tx:
            for ended in await run_dispatch.take_unpublished(
                tx, BATCH, older_than_seconds=lease_seconds(self._settings)
            ):
                await self._publisher.publish(*events_of(ended, await self._result(ended)))

    async def _result(self, ended: EndedRun) -> dict[str, object] | None:
        async with self._one.account(ended.account_id) as tx:
            return await results.result(tx, ended.id)

    async def _learn(self) -> None:
        """Have bulk work look at new answers of agents. An order that is lost is given again."""
        async with self._every.everywhere() as tx:
            waiting = await past_answers.waiting(tx, limit=BATCH)
        now = time.monotonic()
        recent = {account_id: at for account_id, at in self._learning.items() if now - at < LEARN_SECONDS}
        orders = [account_id for account_id in waiting if account_id not in recent]
        if orders:
            await asyncio.to_thread(self._order, orders)
        self._learning = recent | dict.fromkeys(orders, now)

    def _order(self, accounts: list[UUID]) -> None:
        """In a thread, as `_send`."""
        with self._celery.producer_or_acquire() as producer:
            for account_id in accounts:
                self._celery.send_task(UPDATE_KNOWLEDGE, args=(str(account_id),), producer=producer, retry=False)

    async def _measure(self) -> None:
        async with self._every.everywhere() as tx:
            groups = await run_dispatch.open_runs(tx)
        counts: dict[tuple[str, str], int] = {(group.kind, group.status): group.count for group in groups}
        for kind in get_args(RunKind):
            for status in OPEN_STATES:
                metrics.AI_RUNS.labels(kind=kind, status=status).set(counts.get((kind, status), 0))
            oldest = max((group.oldest_seconds for group in groups if group.kind == kind), default=0.0)
            metrics.AI_OLDEST_RUN_SECONDS.labels(kind=kind).set(oldest)
        for queue in QUEUES:
            metrics.QUEUE_TASKS.labels(queue=queue).set(await self._waiting(queue))


def _report(fault: Exception) -> None:
    """Count and log the failure of a step, which the periodic runner retries."""
    away = isinstance(fault, Unavailable | OperationalError)
    metrics.ERRORS.labels(where="relay", code=(Unavailable if away else HummDeskError).code).inc()
    if away:
        log.warning("relay.unavailable", extra={"error": type(fault.__cause__ or fault).__name__})
    else:
        log.error("relay.step_failed", exc_info=fault)
