"""The relay process: sends AI runs to the broker, ends expired runs, publishes overdue events, delivers webhooks,
reopens snoozed conversations, and erases what is old.

NOTIFY wakes it, and it queries by itself every `RELAY_SWEEP_SECONDS`; most of these queries share a round trip. Its
state is in PostgreSQL and Redis, so that any number of relays may run and any of them may be killed. While PostgreSQL
or Redis is unavailable, it waits.
"""

import asyncio
import logging
import signal
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial

from kombu.exceptions import OperationalError

from hummdesk.bus.checks import check_at_start
from hummdesk.bus.commands import Commands
from hummdesk.bus.queue_positions import PublishedPositions
from hummdesk.bus.recovery_store import SessionEraser
from hummdesk.bus.splitting import ShardSplitter
from hummdesk.bus.stream_eraser import StreamEraser
from hummdesk.bus.task_queues import QueueLengths, open_task_queues
from hummdesk.core import logs, metrics, webhooks
from hummdesk.core.config import Settings
from hummdesk.core.encryption import Encryption
from hummdesk.core.epochs import Epochs
from hummdesk.core.errors import HummDeskError, Unavailable
from hummdesk.core.ids import new_id
from hummdesk.core.periodic import Periodic, Step
from hummdesk.publish.broadcast import BroadcastService, open_broadcast_service
from hummdesk.publish.presence import PresencePublisher
from hummdesk.relay.antivirus import Scanner
from hummdesk.relay.dispatcher import Dispatcher
from hummdesk.relay.erasure import Eraser
from hummdesk.relay.feed import FeedSweeper
from hummdesk.relay.files import DELETE_SECONDS, EXPIRE_SECONDS, FileKeeper
from hummdesk.relay.hours import HoursPublisher
from hummdesk.relay.queue_positions import QueuePositions
from hummdesk.relay.receipt_stores import OutboxReceipts, PresenceReceipts, RunReceipts
from hummdesk.relay.republisher import Republisher
from hummdesk.relay.retention import PRUNE_SECONDS, RETENTION_SECONDS, Retention
from hummdesk.relay.routing import MEASURE_SECONDS as ROUTING_SECONDS
from hummdesk.relay.routing import RoutingSweeper
from hummdesk.relay.shards import ShardKeeper
from hummdesk.relay.snoozes import SnoozeEnder
from hummdesk.relay.webhooks.bodies import FeedBodies
from hummdesk.relay.webhooks.deliverer import Deliverer
from hummdesk.relay.webhooks.sender import Sender
from hummdesk.relay.webhooks.session import Services, Slots
from hummdesk.routing.router import Router
from hummdesk.routing.watch import Watch
from hummdesk.storage import run_dispatch
from hummdesk.storage.database import Database
from hummdesk.storage.file_store import FileStore
from hummdesk.storage.logins import listen_url_of, url_of
from hummdesk.storage.outbox import EntryKey, remove_all
from hummdesk.storage.startup import check_if_reachable

log = logging.getLogger(__name__)

BATCH = 200
"""Runs that expire in one transaction."""
LONGEST_BACKOFF_SECONDS = 5.0
"""The longest wait between two attempts while PostgreSQL or Redis is unavailable."""
MAX_ATTEMPTS = 64
"""Attempts to deliver webhooks at a time, each with a thread that waits."""
WOKEN_SECONDS = 60.0
"""Interval of steps that a NOTIFY, or a sweep that has found something, wakes."""
MEASURE_SECONDS = 10.0
MEASURED_SWEEPS = 5
"""The queues and the outbox are measured once in so many sweeps."""
STOP_SECONDS = 5.0
RUNS, FEED, HOURS = "hummdesk_runs", "hummdesk_feed", "hummdesk_hours"
QUEUES, ROUTING = "hummdesk_queues", "hummdesk_routing"
"""The channels of NOTIFY that wake the relay."""


async def run(settings: Settings) -> None:
    """Relay until SIGTERM or SIGINT."""
    logs.configure(settings, process="relay")
    if settings.metrics_port:
        metrics.expose(settings.metrics_port)
    stopping = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stopping.set)
    await check_if_reachable(settings, "relay")
    await check_at_start(settings, "relay")
    async with _relay(settings) as relay:
        relay.start()
        await stopping.wait()
        await relay.stop()


@asynccontextmanager
async def _relay(settings: Settings) -> AsyncIterator["Relay"]:
    timeout = settings.db_timeout_seconds
    url = url_of(settings, "relay")
    epochs = Epochs()
    opened = partial(Database, url, timeout=timeout, epochs=epochs)
    listen_url = listen_url_of(settings, "relay")
    all_accounts = opened(role="hummdesk_relay", size=3, pipelined=True, listen_url=listen_url)
    delivering = opened(role="hummdesk_relay", size=2, pipelined=True)
    reading = opened(role="hummdesk_app", size=2)
    one_account = opened(role="hummdesk_app", size=1)
    routed = opened(role="hummdesk_app", size=2, pipelined=True)
    queues = open_task_queues(settings)
    reported = QueueLengths(Commands.of(settings.redis))
    erasing = opened(role="hummdesk_eraser", size=1)
    stream, sessions = StreamEraser(Commands.of(settings.redis)), SessionEraser(Commands.of(settings.redis))
    published = PublishedPositions(Commands.of(settings.redis))
    splitter = ShardSplitter(Commands.of(settings.redis))
    async with AsyncExitStack() as resources:
        for database in (all_accounts, one_account, erasing, delivering, reading, routed):
            resources.push_async_callback(database.close)
            await database.open()
        for resource in (queues, reported, stream, sessions, published, splitter):
            resources.push_async_callback(resource.close)
        service = await resources.enter_async_context(open_broadcast_service(settings, epochs))
        eraser = Eraser(erasing, service.publisher, stream, sessions)
        services = Services(
            relay=new_id(),
            database=delivering,
            sweeping=all_accounts,
            bodies=FeedBodies(reading),
            encryption=Encryption.of(settings),
            sender=Sender(webhooks.policy(settings), seconds=settings.webhook_timeout_seconds),
            slots=Slots(MAX_ATTEMPTS),
        )
        deliverer = Deliverer(services, log_days=settings.webhook_log_days, on_failure=_report)
        positions = QueuePositions(all_accounts, reading, service.publisher, service.presence, published)
        router = Router(routed, service.presence, service.publisher, confirm=partial(_confirm, all_accounts))
        routing = RoutingSweeper(all_accounts, erasing, router, Watch(routed, service.presence))
        resources.push_async_callback(router.close)
        retention = Retention(settings, eraser)
        dispatcher = Dispatcher(settings, all_accounts, queues, service.publisher, reported=reported)
        keeper = FileKeeper(all_accounts, erasing, FileStore(settings), Scanner(settings))
        shards = ShardKeeper(all_accounts, splitter)
        yield Relay(
            settings,
            all_accounts,
            one_account,
            service,
            dispatcher,
            retention,
            deliverer,
            positions,
            routing,
            keeper,
            shards,
        )


class Relay:
    def __init__(
        self,
        settings: Settings,
        all_accounts: Database,
        one_account: Database,
        service: BroadcastService,
        dispatcher: Dispatcher,
        retention: Retention,
        deliverer: Deliverer,
        positions: QueuePositions,
        routing: RoutingSweeper,
        keeper: FileKeeper,
        shards: ShardKeeper,
    ) -> None:
        """`all_accounts` sees the runs and the outbox of every account, `one_account` all rows of one account."""
        self._settings = settings
        self._all_accounts = all_accounts
        self._due = asyncio.Event()
        publisher, presence = service.publisher, service.presence
        outbox = OutboxReceipts(all_accounts, one_account, publisher)
        self._runs = RunReceipts(all_accounts, one_account, publisher)
        agents = PresenceReceipts(presence, PresencePublisher(publisher, presence, one_account))
        self._deliverer = deliverer
        self._positions = positions
        self._routing = routing
        self._fed = asyncio.Event()
        self._hours_changed = asyncio.Event()
        self._dispatcher = dispatcher
        republisher = Republisher(publisher, [outbox, self._runs, agents])
        feed = FeedSweeper(settings, all_accounts)
        hours = HoursPublisher(all_accounts, publisher)
        self._listener = self._periodic(self._listen)
        measuring = settings.relay_sweep_seconds * MEASURED_SWEEPS
        self._steps = [
            self._periodic(self._dispatcher.send_due, wake=self._due, interval=WOKEN_SECONDS),
            self._periodic(self._find_due),
            self._periodic(self._take_lost),
            self._periodic(self._fail_expired),
            self._periodic(SnoozeEnder(all_accounts, one_account).wake_due),
            self._periodic(republisher.republish),
            self._periodic(outbox.measure, interval=measuring),
            self._periodic(self._dispatcher.measure, interval=measuring),
            self._periodic(self._dispatcher.update_knowledge),
            self._periodic(self._dispatcher.simulate),
            self._periodic(feed.sequence),
            self._periodic(feed.measure, interval=measuring),
            self._periodic(feed.prune, interval=PRUNE_SECONDS),
            self._periodic(hours.publish_due, wake=self._hours_changed),
            self._periodic(positions.sweep),
            self._periodic(positions.publish_changed, wake=positions.due, interval=WOKEN_SECONDS),
            self._periodic(positions.prune, interval=PRUNE_SECONDS),
            self._periodic(routing.sweep),
            self._periodic(routing.measure, interval=ROUTING_SECONDS),
            self._periodic(routing.prune, interval=PRUNE_SECONDS),
            self._periodic(retention.erase_due, interval=RETENTION_SECONDS),
            self._periodic(retention.prune_visitors, interval=PRUNE_SECONDS),
            self._periodic(retention.prune_sign_ins, interval=PRUNE_SECONDS),
            self._periodic(retention.prune_old, interval=PRUNE_SECONDS),
            self._periodic(retention.trim_stream, interval=RETENTION_SECONDS),
            self._periodic(shards.complete, interval=MEASURE_SECONDS),
            self._periodic(keeper.scan_due),
            self._periodic(keeper.delete_expired, interval=EXPIRE_SECONDS),
            self._periodic(keeper.delete_objects, interval=DELETE_SECONDS),
            self._periodic(deliverer.lease, wake=self._fed),
            self._periodic(deliverer.measure, interval=MEASURE_SECONDS),
            self._periodic(deliverer.prune, interval=RETENTION_SECONDS),
        ]

    def start(self) -> None:
        for runner in (self._listener, *self._steps):
            runner.start()

    async def stop(self) -> None:
        """Finish what is being published, for at most STOP_SECONDS."""
        self._dispatcher.stop()
        await self._listener.stop()
        await asyncio.gather(*(runner.stop(grace_seconds=STOP_SECONDS) for runner in self._steps))
        await self._deliverer.stop(grace_seconds=STOP_SECONDS)

    def _periodic(self, step: Step, *, wake: asyncio.Event | None = None, interval: float | None = None) -> Periodic:
        return Periodic(
            step,
            interval=self._settings.relay_sweep_seconds if interval is None else interval,
            on_failure=_report,
            wake=wake,
            is_aligned=True,
            longest_backoff=LONGEST_BACKOFF_SECONDS,
        )

    async def _listen(self) -> None:
        woken = {RUNS: self._due, FEED: self._fed, HOURS: self._hours_changed}
        async for channel, payload in self._all_accounts.listen(*woken, QUEUES, ROUTING):
            if channel == QUEUES:
                self._positions.notice(payload)
            elif channel == ROUTING:
                self._routing.changed(payload)
            elif channel in woken:
                woken[channel].set()
            else:
                self._look_everywhere()

    def _look_everywhere(self) -> None:
        """After a reconnect: notifications may be lost."""
        self._positions.forget()
        self._routing.changed("")
        for event in (self._due, self._fed, self._hours_changed):
            event.set()

    async def _find_due(self) -> None:
        """Wake `send_due` for runs that no NOTIFY has announced, or that are due before the next sweep."""
        if await self._dispatcher.has_due(within=self._settings.relay_sweep_seconds):
            self._due.set()

    async def _take_lost(self) -> None:
        if await self._dispatcher.take_lost():
            self._due.set()

    async def _fail_expired(self) -> None:
        """Fail runs that no worker will end, and publish their terminal events."""
        shared = self._all_accounts.shared()
        failed = await run_dispatch.fail_expired(shared, BATCH, max_attempts=self._settings.ai_max_attempts)
        for ended in failed:
            log.warning("ai_run.expired", extra={"run_id": str(ended.id), "error": ended.last_error})
            await self._runs.republish(ended)


async def _confirm(all_accounts: Database, entries: Sequence[EntryKey]) -> None:
    async with all_accounts.all_accounts() as tx:
        await remove_all(tx, entries)


def _report(error: Exception) -> None:
    """Count and log the failure of a step, which the periodic runner retries."""
    is_unavailable = isinstance(error, Unavailable | OperationalError)
    metrics.ERRORS.labels(where="relay", code=(Unavailable if is_unavailable else HummDeskError).code).inc()
    if is_unavailable:
        log.warning("relay.unavailable", extra={"error": type(error.__cause__ or error).__name__})
    else:
        log.error("relay.step_failed", exc_info=error)
