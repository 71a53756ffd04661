"""Which steps of simulations the relay sends, and what it reports of runs."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, cast

import pytest

from hummdesk.core.config import Settings
from hummdesk.core.errors import Unavailable
from hummdesk.core.ids import new_id
from hummdesk.relay.dispatcher import BATCH, MAX_WAITING_STEPS, Dispatcher
from hummdesk.storage.run_dispatch import DueRun, OpenRuns


@dataclass
class Queues:
    waiting: int

    async def length(self, _queue: str) -> int:
        return self.waiting


class NoDatabase:
    @asynccontextmanager
    async def all_accounts(self) -> AsyncIterator[None]:
        yield None

    def autocommit_all(self, *, durable: bool) -> None:
        assert not durable


@pytest.mark.parametrize("waiting", [0, 1, MAX_WAITING_STEPS, 100])
def test_simulate_with_waiting_bulk_tasks_takes_no_more_steps_than_are_free(
    monkeypatch: pytest.MonkeyPatch, waiting: int
) -> None:
    limits: list[int] = []

    async def take_due(_tx: object, *, limit: int, lease_seconds: float) -> list[Any]:
        limits.append(limit)
        return []

    monkeypatch.setattr("hummdesk.storage.simulations.take_due", take_due)
    dispatcher = Dispatcher(Settings(), cast(Any, NoDatabase()), cast(Any, Queues(waiting)), reported=cast(Any, None))
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
    dispatcher = Dispatcher(
        Settings(), cast(Any, NoDatabase()), cast(Any, Queues(0)), reported=cast(Any, NotReported())
    )
    asyncio.run(measure_twice())
    [record] = caplog.records
    assert (record.message, vars(record)["kind"]) == ("ai_run.unknown_kind", "prediction")


def test_runs_that_are_taken_are_sent_though_the_next_statement_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each statement of `autocommit_all` is a transaction of its own."""
    due = [DueRun(account_id=new_id(), id=new_id(), kind="classification", attempts=0) for _ in range(BATCH)]
    sent: list[DueRun] = []

    async def take_due(_tx: object, *_limit: int, **_terms: float) -> list[DueRun]:
        return due

    async def fail(_tx: object) -> None:
        raise Unavailable

    async def send() -> None:
        sent.extend(run for batch in dispatcher._unsent for run in batch)

    monkeypatch.setattr("hummdesk.storage.run_dispatch.take_due", take_due)
    monkeypatch.setattr("hummdesk.storage.run_dispatch.seconds_until_due", fail)
    dispatcher = Dispatcher(Settings(), cast(Any, NoDatabase()), cast(Any, Queues(0)), reported=cast(Any, None))
    monkeypatch.setattr(dispatcher, "_send", send)
    with pytest.raises(Unavailable):
        asyncio.run(dispatcher.send_due())
    asyncio.run(send())
    assert sent == due
