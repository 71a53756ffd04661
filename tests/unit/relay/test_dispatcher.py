"""Which steps of simulations the relay sends, what it reports of runs, and which it publishes as started."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field, replace
from typing import Any, cast

import pytest

from hummdesk.core.broker import STARTED, TASKS
from hummdesk.core.config import Settings
from hummdesk.core.errors import Unavailable
from hummdesk.core.ids import new_id
from hummdesk.publish.events.ai import AIProcessingStarted
from hummdesk.publish.publisher import Publisher
from hummdesk.relay.dispatcher import BATCH, MAX_WAITING_STEPS, Dispatcher
from hummdesk.relay.task_batches import task_batches
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


def test_runs_that_are_taken_are_sent_though_the_next_statement_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each statement of `autocommit_all` is a transaction of its own."""
    due = [due_run() for _ in range(BATCH)]
    sent: list[DueRun] = []

    async def take_due(tx: object, *_limit: int, **_terms: float) -> list[DueRun]:
        assert tx == "not durable"
        return due

    async def fail(_tx: object) -> None:
        raise Unavailable

    async def send() -> None:
        sent.extend(run for batch in dispatcher._unsent for run in batch)

    monkeypatch.setattr("hummdesk.storage.run_dispatch.take_due", take_due)
    monkeypatch.setattr("hummdesk.storage.run_dispatch.seconds_until_due", fail)
    dispatcher = Dispatcher(
        Settings(), cast(Any, NoDatabase()), cast(Any, Queues(0)), NO_PUBLISHER, reported=cast(Any, None)
    )
    monkeypatch.setattr(dispatcher, "_send", send)
    with pytest.raises(Unavailable):
        asyncio.run(dispatcher.send_due())
    asyncio.run(send())
    assert sent == due


@dataclass
class Sent:
    """Stands for the publisher, which `fails` or is `behind`, and for Celery; `steps` is what both were given."""

    fails: bool = False
    is_behind: bool = False
    steps: list[object] = field(default_factory=list)

    async def drain(self, *, timeout: float) -> bool:
        assert timeout == 0
        return not self.is_behind

    async def publish_stored(self, *events: AIProcessingStarted) -> None:
        if self.fails:
            raise Unavailable
        self.steps += [event.run_id for event in events]

    @contextmanager
    def producer_or_acquire(self) -> Iterator[None]:
        yield None

    def send_task(
        self, name: str, *, args: tuple[list[list[str]]], headers: dict[str, bool], producer: None, retry: bool
    ) -> None:
        self.steps.append((name, len(args[0]), headers[STARTED]))


def send(sent: Sent, *due: DueRun) -> None:
    dispatcher = Dispatcher(
        Settings(), cast(Any, NoDatabase()), cast(Any, Queues(0)), cast(Publisher, sent), reported=cast(Any, None)
    )
    dispatcher._celery = cast(Any, sent)
    dispatcher._unsent += task_batches(due)
    asyncio.run(dispatcher._send())
    assert not dispatcher._unsent
    assert not dispatcher._started


def test_classifications_are_published_as_started_before_their_task_is_sent() -> None:
    sent, runs = Sent(), [due_run(), due_run()]
    send(sent, *runs)
    assert sent.steps == [*(run.id for run in runs), (TASKS["classification"], 2, True)]


def test_drafts_and_later_attempts_are_not_published_as_started_by_the_relay() -> None:
    sent = Sent()
    send(sent, replace(due_run(), kind="draft"), replace(due_run(), attempts=1))
    assert sent.steps == [(TASKS["draft"], 1, False), (TASKS["classification"], 1, False)]


@pytest.mark.parametrize("sent", [Sent(fails=True), Sent(is_behind=True)], ids=["unavailable", "behind"])
def test_classifications_are_sent_though_redis_stores_no_events(sent: Sent) -> None:
    send(sent, due_run())
    assert sent.steps == [(TASKS["classification"], 1, False)]
