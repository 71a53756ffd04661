"""The order of storing and publishing, and what one result that cannot be stored does to the others."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any, cast
from uuid import UUID

import pytest

from hummdesk.ai.protocol import ProviderError
from hummdesk.core.errors import Unavailable
from hummdesk.storage import runs
from hummdesk.storage.runs import AttemptResult, ClaimedRun, EndedRun, RunKey, Settlement
from tasks import database_retry, settlement
from tasks.context import WorkerContext
from tasks.settlement import FinishedAttempt, fail, settle
from tests.unit.tasks.runs import SETTINGS, claimed_run


@dataclass
class FakeDatabase:
    """Settles every result but those with the payload `unstorable`, and logs what happens in order."""

    log: list[str] = field(default_factory=list)
    stored: list[AttemptResult] = field(default_factory=list)
    lost: set[object] = field(default_factory=set)
    """Runs that another process has ended."""
    unavailable: int = 0
    """Results that still cannot be stored."""
    is_redis_down: bool = False

    def autocommit(self, account_ids: Any, *, durable: bool = True) -> None: ...

    async def settle(self, tx: None, results: Sequence[AttemptResult], *, quiet_seconds: float) -> Settlement:
        if self.unavailable:
            self.unavailable -= 1
            raise Unavailable
        if any(result.payload == {"unstorable": True} for result in results):
            raise ValueError("invalid input syntax for type json")
        self.log.append(f"store {len(results)}")
        self.stored += results
        settled = [result for result in results if result.run.id not in self.lost]
        return Settlement(
            ended=[ended(result) for result in settled if result.status != "pending"],
            retried={result.run.id for result in settled if result.status == "pending"},
            reprioritized=set(),
        )

    async def mark_published(self, tx: None, keys: Sequence[RunKey]) -> int:
        self.log.append(f"mark {len(keys)}")
        return len(keys)

    async def delete(self, account_id: UUID, run_id: UUID) -> None:
        if self.is_redis_down:
            raise Unavailable
        self.log.append("delete text")

    async def publish(self, *events: object) -> None:
        self.log.append(f"publish {len(events)}")


def ended(result: AttemptResult) -> EndedRun:
    run = result.run
    return EndedRun(
        id=run.id,
        account_id=run.account_id,
        conversation_id=run.message.conversation_id,
        message_id=run.message.id,
        kind=run.kind,
        outcome=result.outcome,
        last_error=result.error,
        started_at=run.started_at,
        finished_at=datetime.now(UTC),
    )


@pytest.fixture
def database(monkeypatch: pytest.MonkeyPatch) -> FakeDatabase:
    database = FakeDatabase()
    monkeypatch.setattr(runs, "settle", database.settle)
    monkeypatch.setattr(runs, "mark_published", database.mark_published)
    monkeypatch.setattr(settlement, "events_of", lambda run, result: [run])
    monkeypatch.setattr(database_retry, "RETRY_SECONDS", 0.0)
    return database


@pytest.fixture
def worker(database: FakeDatabase) -> WorkerContext:
    providers = SimpleNamespace(name_for=lambda run: "embedded")
    broadcast = SimpleNamespace(publisher=database)
    fakes = SimpleNamespace(
        settings=SETTINGS, database=database, broadcast=broadcast, providers=providers, assists=database
    )
    return cast(WorkerContext, fakes)


def done(run: ClaimedRun | None = None, payload: dict[str, Any] | None = None) -> FinishedAttempt:
    result = AttemptResult(run=run or claimed_run(), status="done", outcome="done", payload=payload or {})
    return FinishedAttempt(result, 0.1)


async def test_settle_publishes_after_storing_and_before_marking(worker: WorkerContext, database: FakeDatabase) -> None:
    assert await settle(worker, [done(), done()]) == {"done": 2}
    assert database.log == ["store 2", "publish 2", "mark 2"]


async def test_settle_with_retried_attempts_publishes_nothing(worker: WorkerContext, database: FakeDatabase) -> None:
    result = AttemptResult(run=claimed_run(), status="pending", error="503", delay_seconds=1)
    assert await settle(worker, [FinishedAttempt(result, 0.1)]) == {"retried": 1}
    assert database.log == ["store 1"]


async def test_settle_deletes_the_text_of_an_agent_after_its_result_is_stored(
    worker: WorkerContext, database: FakeDatabase
) -> None:
    assert await settle(worker, [done(claimed_run(kind="assist"))]) == {"done": 1}
    assert database.log == ["store 1", "delete text", "publish 1", "mark 1"]
    database.is_redis_down = True
    assert await settle(worker, [done(claimed_run(kind="assist"))]) == {"done": 1}, "the text expires"


async def test_settle_keeps_the_text_of_an_agent_for_the_next_attempt(
    worker: WorkerContext, database: FakeDatabase
) -> None:
    result = AttemptResult(run=claimed_run(kind="assist"), status="pending", error="503", delay_seconds=1)
    assert await settle(worker, [FinishedAttempt(result, 0.1)]) == {"retried": 1}
    assert database.log == ["store 1"]


async def test_settle_with_run_that_another_process_has_ended_publishes_the_others(
    worker: WorkerContext, database: FakeDatabase
) -> None:
    late, own = done(), done()
    database.lost = {late.result.run.id}
    assert await settle(worker, [late, own]) == {"overtaken": 1, "done": 1}
    assert database.log == ["store 2", "publish 1", "mark 1"]


async def test_settle_with_one_unstorable_result_stores_the_others(
    worker: WorkerContext, database: FakeDatabase
) -> None:
    bad = done(claimed_run(attempts=SETTINGS.ai_max_attempts), {"unstorable": True})
    assert await settle(worker, [done(), bad, done()]) == {"done": 2, "failed": 1}
    assert [result.status for result in database.stored] == ["done", "failed", "done"]


async def test_settle_while_postgresql_is_unavailable_retries(worker: WorkerContext, database: FakeDatabase) -> None:
    database.unavailable = 2
    assert await settle(worker, [done()]) == {"done": 1}
    assert database.log == ["store 1", "publish 1", "mark 1"]


def test_fail_logs_the_code_of_the_provider(worker: WorkerContext, caplog: pytest.LogCaptureFixture) -> None:
    result = fail(worker, claimed_run(), ProviderError("503 for customer Maya", code="overloaded"))
    assert result.status == "pending"
    [record] = [one for one in caplog.records if one.name.startswith("tasks")]
    assert (record.message, vars(record)["code"], vars(record)["attempt"]) == (
        "ai_run.attempt_failed",
        "overloaded",
        1,
    )
