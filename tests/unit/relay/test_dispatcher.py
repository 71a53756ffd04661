"""Which steps of simulations the relay sends, what it reports of runs, and which it publishes as started."""

import asyncio
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field, replace
from typing import Any, cast

import pytest
from kombu.exceptions import OperationalError

from hummdesk.bus.envelope import Envelope
from hummdesk.bus.own_connection import Connection
from hummdesk.bus.shards import Shard, ShardMap
from hummdesk.bus.stream_writer import StreamWriter
from hummdesk.core.broker import STARTED, TASKS
from hummdesk.core.config import Settings
from hummdesk.core.errors import Unavailable
from hummdesk.core.ids import new_id
from hummdesk.publish.events.ai import AIProcessingStarted
from hummdesk.publish.publisher import Publisher
from hummdesk.relay.dispatcher import BATCH, MAX_WAITING_STEPS, Dispatcher
from hummdesk.storage.run_dispatch import DueRun, OpenRuns

NO_PUBLISHER = cast(Publisher, None)


def due_run() -> DueRun:
    ids = {name: new_id() for name in ("id", "account_id", "conversation_id", "message_id")}
    return DueRun(**ids, kind="classification", attempts=0)


@dataclass
class Queues:
    waiting: int

    async def length(self, _queue: str) -> int:
        return self.waiting


class NoDatabase:
    @asynccontextmanager
    async def all_accounts(self) -> AsyncIterator[None]:
        yield None

    def shared(self) -> None: ...

    def autocommit_all(self, *, durable: bool = True) -> str:
        return "durable" if durable else "not durable"


@pytest.mark.parametrize("waiting", [0, 1, MAX_WAITING_STEPS, 100])
def test_simulate_with_waiting_bulk_tasks_takes_no_more_steps_than_are_free(
    monkeypatch: pytest.MonkeyPatch, waiting: int
) -> None:
    limits: list[int] = []

    async def take_due(_tx: object, *, limit: int, lease_seconds: float) -> list[Any]:
        limits.append(limit)
        return []

    monkeypatch.setattr("hummdesk.storage.simulations.take_due", take_due)
    dispatcher = Dispatcher(
        Settings(), cast(Any, NoDatabase()), cast(Any, Queues(waiting)), NO_PUBLISHER, reported=cast(Any, None)
    )
    asyncio.run(dispatcher.simulate())
    assert limits == ([MAX_WAITING_STEPS - waiting] if waiting < MAX_WAITING_STEPS else [])


class NotReported:
    async def report(self, _lengths: object) -> None: ...


def test_runs_of_a_kind_that_is_not_known_are_logged_once(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    async def open_runs(_tx: object) -> list[OpenRuns]:
        kinds = ("draft", "prediction")
        return [OpenRuns(kind=kind, status="pending", count=1, oldest_seconds=1.0) for kind in kinds]

    async def measure_twice() -> None:
        for _ in range(2):
            await dispatcher.measure()

    monkeypatch.setattr("hummdesk.storage.run_dispatch.open_runs", open_runs)
    monkeypatch.setattr("hummdesk.relay.dispatcher.COUNTING_PART", 1.0)
    dispatcher = Dispatcher(
        Settings(), cast(Any, NoDatabase()), cast(Any, Queues(0)), NO_PUBLISHER, reported=cast(Any, NotReported())
    )
    asyncio.run(measure_twice())
    [record] = caplog.records
    assert (record.message, vars(record)["kind"]) == ("ai_run.unknown_kind", "prediction")


@dataclass
class Sent:
    """Stands for the publisher, which `fails` or `hangs`, and for Celery, which `refuses` tasks.

    `steps` is what both have accepted.
    """

    fails: bool = False
    hangs: bool = False
    refuses: bool = False
    steps: list[object] = field(default_factory=list)

    async def publish_stored(self, *events: AIProcessingStarted) -> None:
        if self.fails:
            raise Unavailable
        if self.hangs:
            await asyncio.Event().wait()
        self.steps += [event.run_id for event in events]

    @contextmanager
    def producer_or_acquire(self) -> Iterator[Any]:
        yield self

    @property
    def connection(self) -> "Sent":
        return self

    def collect(self) -> None: ...

    def send_task(
        self, name: str, *, args: tuple[list[list[str]]], headers: dict[str, bool], producer: "Sent", retry: bool
    ) -> None:
        if self.refuses:
            raise OperationalError
        self.steps.append((name, len(args[0]), headers[STARTED]))


def dispatcher_of(sent: Sent, publisher: Publisher | None = None) -> Dispatcher:
    publisher = publisher or cast(Publisher, sent)
    dispatcher = Dispatcher(
        Settings(), cast(Any, NoDatabase()), cast(Any, Queues(0)), publisher, reported=cast(Any, None)
    )
    dispatcher._celery = cast(Any, sent)
    return dispatcher


@pytest.fixture
def due(monkeypatch: pytest.MonkeyPatch) -> list[DueRun]:
    """The runs that are due, until they are taken."""
    waiting: list[DueRun] = []

    async def take_due(tx: object, limit: int, **_terms: float) -> list[DueRun]:
        assert tx == "not durable"
        taken = waiting[:limit]
        del waiting[:limit]
        return taken

    async def seconds_until_due(_tx: object) -> None: ...

    monkeypatch.setattr("hummdesk.storage.run_dispatch.take_due", take_due)
    monkeypatch.setattr("hummdesk.storage.run_dispatch.seconds_until_due", seconds_until_due)
    return waiting


def send(sent: Sent, due: list[DueRun], *runs: DueRun) -> None:
    """Take and send runs that become due."""
    dispatcher = dispatcher_of(sent)
    due += runs
    asyncio.run(dispatcher.send_due())
    assert not dispatcher._unsent
    assert not dispatcher._started


def test_runs_that_are_taken_are_sent_though_the_next_statement_fails(
    due: list[DueRun], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each statement of `autocommit_all` is a transaction of its own."""
    sent = Sent()
    dispatcher = dispatcher_of(sent)

    async def fail(_tx: object) -> None:
        raise Unavailable

    monkeypatch.setattr("hummdesk.storage.run_dispatch.seconds_until_due", fail)
    due += [due_run() for _ in range(BATCH)]
    for _ in range(2):
        with pytest.raises(Unavailable):
            asyncio.run(dispatcher.send_due())
    tasks = [step for step in sent.steps if isinstance(step, tuple)]
    assert sum(number for _, number, _ in tasks) == BATCH


def test_classifications_are_published_as_started_before_their_task_is_sent(due: list[DueRun]) -> None:
    sent, runs = Sent(), [due_run(), due_run()]
    send(sent, due, *runs)
    assert sent.steps == [*(run.id for run in runs), (TASKS["classification"], 2, True)]


def test_drafts_and_later_attempts_are_not_published_as_started_by_the_relay(due: list[DueRun]) -> None:
    sent = Sent()
    send(sent, due, replace(due_run(), kind="draft"), replace(due_run(), attempts=1))
    assert sent.steps == [(TASKS["draft"], 1, False), (TASKS["classification"], 1, False)]


def test_classification_that_waits_for_the_broker_is_not_published_as_started_later(due: list[DueRun]) -> None:
    """It may have failed by its deadline meanwhile: the event would follow `ai_error`."""
    sent = Sent(fails=True, refuses=True)
    dispatcher = dispatcher_of(sent)
    due.append(due_run())
    with pytest.raises(OperationalError):
        asyncio.run(dispatcher.send_due())
    sent.fails = sent.refuses = False
    asyncio.run(dispatcher.send_due())
    assert sent.steps == [(TASKS["classification"], 1, False)]


@pytest.mark.parametrize(("seconds", "is_due"), [(None, False), (-3.0, True), (0.5, True), (1.5, False)])
async def test_sweep_finds_runs_that_are_due_before_the_next_one(
    seconds: float | None, is_due: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def seconds_until_due(_tx: object) -> float | None:
        return seconds

    monkeypatch.setattr("hummdesk.storage.run_dispatch.seconds_until_due", seconds_until_due)
    assert await dispatcher_of(Sent()).has_due(within=1.0) is is_due


async def test_lost_runs_that_the_broker_refuses_are_sent_later(
    due: list[DueRun], monkeypatch: pytest.MonkeyPatch
) -> None:
    lost = [due_run()]

    async def take_lost(_tx: object, _limit: int, **_terms: float) -> list[DueRun]:
        return [lost.pop()] if lost else []

    monkeypatch.setattr("hummdesk.storage.run_dispatch.take_lost", take_lost)
    sent = Sent(refuses=True)
    dispatcher = dispatcher_of(sent)
    assert await dispatcher.take_lost()
    with pytest.raises(OperationalError):
        await dispatcher.send_due()
    assert await dispatcher.take_lost(), "the relay sends it with its next sweep"
    sent.refuses = False
    await dispatcher.send_due()
    assert not await dispatcher.take_lost()


def test_lost_classification_is_not_published_as_started_by_the_relay(
    due: list[DueRun], monkeypatch: pytest.MonkeyPatch
) -> None:
    async def take_lost(_tx: object, _limit: int, **_terms: float) -> list[DueRun]:
        return [due_run()]

    monkeypatch.setattr("hummdesk.storage.run_dispatch.take_lost", take_lost)
    sent = Sent()
    dispatcher = dispatcher_of(sent)
    asyncio.run(dispatcher.take_lost())
    asyncio.run(dispatcher.send_due())
    assert sent.steps == [(TASKS["classification"], 1, False)]


@pytest.mark.parametrize("sent", [Sent(fails=True), Sent(hangs=True)], ids=["unavailable", "silent"])
def test_classifications_are_sent_though_redis_stores_no_events(
    due: list[DueRun], sent: Sent, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("hummdesk.relay.dispatcher.STARTED_SECONDS", 0.01)
    send(sent, due, due_run())
    assert sent.steps == [(TASKS["classification"], 1, False)]


@dataclass
class ClusterWithoutOneShard:
    """A connection to Redis, of which the server of one shard is unavailable."""

    missing: Shard

    async def exchange(self, _packed: Sequence[bytes], keys: Sequence[str]) -> list[Any]:
        return [ConnectionError() if key == self.missing.stream else b"1-0;0-0;;;" for key in keys]

    def another(self) -> "ClusterWithoutOneShard":
        return self

    async def close(self) -> None: ...


async def test_classification_is_published_as_started_while_events_of_another_shard_wait(
    due: list[DueRun], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("hummdesk.relay.dispatcher.STARTED_SECONDS", 60.0)
    run, shard_of = due_run(), ShardMap().shard_of
    other = next(one for one in iter(new_id, None) if shard_of(one) != shard_of(run.account_id))
    writer = StreamWriter(cast(Connection, ClusterWithoutOneShard(shard_of(other))), length=10)
    waiting = writer.append(Envelope(account_id=other, event="number", data={}, rooms=()))
    sent = Sent()
    due.append(run)
    await dispatcher_of(sent, Publisher(writer)).send_due()
    await writer.close()
    assert sent.steps == [(TASKS["classification"], 1, True)]
    assert not waiting.done()
