"""The relay: hands committed AI runs to the broker, and ends those that nobody else will end.

It is woken by NOTIFY and looks by itself as well. It keeps nothing that PostgreSQL does not have, so any number may run
and any may be killed. Without PostgreSQL or Redis it waits for them.
"""

import asyncio
import logging
import random
import signal
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from typing import get_args

from celery import Celery
from kombu.exceptions import OperationalError

from hummdesk import broadcast, logs, metrics
from hummdesk.announcement import announce
from hummdesk.broadcast import BroadcastService
from hummdesk.broker import TASKS, configuration, lease_seconds
from hummdesk.config import Settings
from hummdesk.errors import HummDeskError, Unavailable
from hummdesk.storage import jobs, results
from hummdesk.storage.database import Database
from hummdesk.storage.jobs import Ended, JobRef, Kind

log = logging.getLogger(__name__)

BATCH = 100
BACKOFF_SECONDS = (0.25, 5.0)
"""First and longest wait when PostgreSQL or Redis is away; doubles, with jitter."""
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
    every = Database(settings.postgres, role="hummdesk_relay", size=3, timeout=settings.db_timeout_seconds)
    one = Database(settings.postgres, role="hummdesk_app", size=1, timeout=settings.db_timeout_seconds)
    await every.open()
    await one.open()
    try:
        async with broadcast.from_settings(settings) as service:
            yield Relay(settings, every, one, service)
    finally:
        await every.close()
        await one.close()


class Relay:
    def __init__(self, settings: Settings, every: Database, one: Database, service: BroadcastService) -> None:
        """`every` sees the runs of all accounts and nothing else, `one` all of one account."""
        self._settings = settings
        self._every = every
        self._one = one
        self._broadcast = service
        self._celery = Celery("hummdesk", set_as_current=False)
        self._celery.conf.update(configuration(settings))
        self._woken = asyncio.Event()
        self._taken: deque[JobRef] = deque()
        """Marked as published, and not yet with the broker."""
        self._parts: list[_Part] = []

    def start(self) -> None:
        sweep = self._settings.relay_sweep_seconds
        self._parts = [
            _Part(self._listen, every=sweep, woken=asyncio.Event()),
            _Part(self._publish, every=sweep, woken=self._woken),
            _Part(self._end, every=sweep, woken=asyncio.Event()),
            _Part(self._measure, every=sweep, woken=asyncio.Event()),
        ]

    async def stop(self) -> None:
        """Let what is being handed over or announced come to its end, for a while."""
        listening, *others = self._parts
        listening.cancel()
        await asyncio.gather(*(part.stop() for part in others))

    async def _listen(self) -> None:
        async for _ in self._every.listen("hummdesk_jobs"):
            self._woken.set()

    async def _publish(self) -> None:
        """Hand over all that waits. What the broker does not take is kept for the next time."""
        while await self._take():
            await asyncio.to_thread(self._hand_over)

    async def _take(self) -> bool:
        if not self._taken:
            async with self._every.everywhere() as tx:
                self._taken += await jobs.publishable(
                    tx,
                    BATCH,
                    lease_seconds=lease_seconds(self._settings),
                    deadline_seconds=self._settings.ai_deadline_seconds,
                    max_attempts=self._settings.ai_max_attempts,
                )
        return bool(self._taken)

    def _hand_over(self) -> None:
        """In a thread: kombu blocks, for seconds when Redis is away. Raises OperationalError."""
        with self._celery.producer_or_acquire() as producer:
            while self._taken:
                job = self._taken[0]
                self._celery.send_task(
                    TASKS[job.kind], args=(str(job.account_id), str(job.id)), producer=producer, retry=False
                )
                self._taken.popleft()

    async def _end(self) -> None:
        """Announce failures that only the relay can know of, and ends whose worker was lost before it told of them.

        The rows stay locked until Redis has the events: a relay that is killed meanwhile has announced nothing.
        """
        async with self._every.everywhere() as tx:
            for ended in await jobs.expired(tx, BATCH, max_attempts=self._settings.ai_max_attempts):
                log.warning("AI run given up", extra={"run_id": str(ended.id), "error": ended.last_error})
                await announce(self._broadcast, ended, None)
        async with self._every.everywhere() as tx:
            for ended in await jobs.unannounced(tx, BATCH, older_than_seconds=lease_seconds(self._settings)):
                await announce(self._broadcast, ended, await self._result(ended))

    async def _result(self, ended: Ended) -> dict[str, object] | None:
        async with self._one.account(ended.account_id) as tx:
            return await results.result(tx, ended.id)

    async def _measure(self) -> None:
        async with self._every.everywhere() as tx:
            depths = await jobs.depth(tx)
        counts: dict[tuple[str, str], int] = {(depth.kind, depth.status): depth.jobs for depth in depths}
        for kind in get_args(Kind):
            for status in OPEN_STATES:
                metrics.AI_JOBS_DEPTH.labels(kind=kind, status=status).set(counts.get((kind, status), 0))
            oldest = max((depth.oldest_seconds for depth in depths if depth.kind == kind), default=0.0)
            metrics.AI_OLDEST_JOB_SECONDS.labels(kind=kind).set(oldest)


class _Part:
    """Takes its step when woken and every so often; backs off while what it needs is away."""

    def __init__(self, step: Callable[[], Awaitable[None]], *, every: float, woken: asyncio.Event) -> None:
        self._step = step
        self._every = every
        self._woken = woken
        self._busy = asyncio.Lock()
        self._task = asyncio.create_task(self._run())

    def cancel(self) -> None:
        self._task.cancel()

    async def stop(self) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(STOP_SECONDS):
                await self._busy.acquire()
        self._task.cancel()
        await asyncio.wait([self._task])

    async def _run(self) -> None:
        wait = BACKOFF_SECONDS[0]
        while True:
            self._woken.clear()
            try:
                async with self._busy:
                    await self._step()
            except Exception as fault:
                _report(fault)
                await asyncio.sleep(wait * random.uniform(0.5, 1))
                wait = min(wait * 2, BACKOFF_SECONDS[1])
            else:
                wait = BACKOFF_SECONDS[0]
                with suppress(TimeoutError):
                    async with asyncio.timeout(self._every):
                        await self._woken.wait()


def _report(fault: Exception) -> None:
    """A relay that ends helps nobody: it says what is wrong and tries again."""
    away = isinstance(fault, Unavailable | OperationalError)
    metrics.ERRORS.labels(where="relay", code=(Unavailable if away else HummDeskError).code).inc()
    if away:
        log.warning("waiting for PostgreSQL or Redis", extra={"fault": type(fault.__cause__ or fault).__name__})
    else:
        log.error("the relay failed, and goes on", exc_info=fault)
