"""Outages of the relay, the broker, PostgreSQL and the workers."""

import asyncio
import os
import shutil
import signal
import urllib.request
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from pathlib import Path
from uuid import UUID

import psycopg
import pytest
from celery import Celery
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict

from hummdesk.bus.envelope import Event
from hummdesk.core.broker import TASKS, configuration
from hummdesk.core.config import Settings
from hummdesk.core.ids import new_id
from hummdesk.core.models import Message
from hummdesk.dev import redis
from hummdesk.dev.process import Process
from hummdesk.relay.process import STOP_SECONDS
from hummdesk.storage import runs
from hummdesk.storage.database import Database
from hummdesk.storage.runs import AttemptResult
from tests.conftest import Servers, make_reachable_directory
from tests.running_time import running_timeout
from tests.system.tasks.conftest import EVENT_SECONDS, PATIENT, Pipeline, fast_failing, pipeline_of

pytestmark = pytest.mark.timeout(240)

QUESTION = "Where is my parcel?"


async def run_id(pipeline: Pipeline, message_id: UUID) -> UUID:
    async with pipeline.database.account(pipeline.customer.account_id) as tx:
        row = await (await tx.execute("SELECT id FROM ai_runs WHERE message_id = %s", (message_id,))).fetchone()
    assert row is not None
    found: UUID = row["id"]
    return found


async def classified(pipeline: Pipeline, text: str) -> list[Event]:
    return await pipeline.ended(await pipeline.ask(text, assigned=False), "classification")


async def test_run_delivered_ten_times_ends_and_publishes_once(pipeline: Pipeline) -> None:
    pipeline.settings = replace(pipeline.settings, worker_concurrency=2)
    message = await pipeline.ask(QUESTION, assigned=False)
    runs = [[str(pipeline.customer.account_id), str(await run_id(pipeline, message.id))]]
    sender = Celery("test", set_as_current=False)
    sender.conf.update(configuration(pipeline.settings))
    for _ in range(10):
        sender.send_task(TASKS["classification"], args=(runs,))
    sender.close()
    async with pipeline.worker():
        await pipeline.ended(message, "classification")
        later = await pipeline.ask("Thanks!", assigned=False)
        async with pipeline.relay():
            await pipeline.ended(later, "classification")  # behind the other nine in the queue
    assert [event.event for event in pipeline.events_of(message)] == [
        "ai_processing_started",
        "ai_classification",
        "ai_processing_completed",
    ]
    assert pipeline.calls("classify", message) == 1
    assert (await pipeline.runs(message))["classification"]["results"] == 1


async def test_messages_without_relay_are_processed_when_it_starts(pipeline: Pipeline) -> None:
    async with pipeline.worker():
        async with pipeline.relay() as relay:
            first = await pipeline.ask(QUESTION, assigned=False)
            await pipeline.ended(first, "classification")
            os.kill(relay.pid, signal.SIGKILL)
            await relay.wait()
        second = await pipeline.ask("Where is my refund?", assigned=False)
        async with pipeline.relay() as relay:
            events = await pipeline.ended(second, "classification")
            assert events[-1].event == "ai_processing_completed"
            relay.terminate()
            async with running_timeout(STOP_SECONDS):
                assert await relay.wait() == 0


async def test_run_without_worker_fails_at_its_deadline(pipeline: Pipeline) -> None:
    pipeline.settings = replace(pipeline.settings, ai_deadline_seconds=1.0)
    async with pipeline.relay() as relay:
        message = await pipeline.ask(QUESTION)
        events = await pipeline.ended(message, "classification")
        relay.terminate()
        async with running_timeout(STOP_SECONDS):  # it does not wait for a worker
            assert await relay.wait() == 0
    assert [event.event for event in events] == ["ai_processing_started", "ai_error"]
    assert events[-1].data["error"] == "The AI did not answer in time"
    async with pipeline.relay(), pipeline.worker():
        later = await pipeline.ask("Where is my refund?")  # calls are counted by text
        await pipeline.ended(later, "classification")
    assert pipeline.calls("classify", message) == 0, "its message is still in the broker"
    assert pipeline.events_of(message) == events


async def test_runs_while_workers_are_busy_share_celery_tasks(pipeline: Pipeline) -> None:
    """The relay holds the later ones back until a worker has taken the first."""
    async with pipeline.relay():
        first = await pipeline.ask(QUESTION, assigned=False)
        async with asyncio.timeout(EVENT_SECONDS):
            while (await pipeline.runs(first))["classification"]["status"] != "published":
                await asyncio.sleep(0.05)
        later = await asyncio.gather(*(pipeline.ask(QUESTION, assigned=False) for _ in range(12)))
        async with pipeline.worker():
            for message in (first, *later):
                events = await pipeline.ended(message, "classification")
                assert events[-1].event == "ai_processing_completed"
    assert await deliveries(pipeline, first, *later) <= 3, "that of the first, and those of the later ones together"


async def deliveries(pipeline: Pipeline, *messages: Message) -> int:
    """In how many Celery tasks the classifications of these messages were claimed."""
    async with pipeline.database.account(pipeline.customer.account_id) as tx:
        found = await tx.execute(
            """SELECT count(DISTINCT claimed_by) AS tasks, count(claimed_by) AS claimed FROM ai_runs
            WHERE kind = 'classification' AND message_id = ANY(%s)""",
            ([message.id for message in messages],),
        )
        row = await found.fetchone()
    assert row is not None
    assert row["claimed"] == len(messages)
    return int(row["tasks"])


async def test_worker_past_the_deadline_publishes_nothing(pipeline: Pipeline) -> None:
    """The relay ends the run during an attempt, and the worker notices it."""
    pipeline.settings = replace(
        pipeline.settings, ai_soft_limit_seconds=6.0, ai_hard_limit_seconds=8.0, relay_sweep_seconds=0.1
    )
    async with pipeline.worker(), pipeline.relay():
        late = await pipeline.ask(f"{QUESTION}\nclassify hangs", assigned=False)
        await pipeline.called("classify", late.content)
        async with await psycopg.AsyncConnection.connect(pipeline.settings.postgres, autocommit=True) as connection:
            await connection.execute("UPDATE ai_runs SET deadline_at = now() WHERE message_id = %s", (late.id,))
        await pipeline.ended(late, "classification")
        async with asyncio.timeout(EVENT_SECONDS):
            while "ai_run.attempt_failed" not in pipeline.log.read_text():
                await asyncio.sleep(0.05)
        await classified(pipeline, "Thanks again!")
    assert [event.event for event in pipeline.events_of(late)] == ["ai_processing_started", "ai_error"]
    assert (await pipeline.runs(late))["classification"]["status"] == "failed"


async def test_postgresql_outage_during_an_attempt_loses_no_result(pipeline: Pipeline, servers: Servers) -> None:
    name = sql.Identifier(str(conninfo_to_dict(pipeline.settings.postgres)["dbname"]))
    async with pipeline.relay(), pipeline.worker():
        message = await pipeline.ask(f"{QUESTION}\nclassify waits", assigned=False)
        await pipeline.called("classify", message.content)
        await servers.execute(sql.SQL("ALTER DATABASE {} ALLOW_CONNECTIONS false").format(name))
        await servers.execute(
            sql.SQL("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = {}").format(
                sql.Literal(name.as_string().strip('"'))
            )
        )
        await asyncio.sleep(1)
        await servers.execute(sql.SQL("ALTER DATABASE {} ALLOW_CONNECTIONS true").format(name))
        events = await pipeline.ended(message, "classification")
    assert [event.event for event in events] == [
        "ai_processing_started",
        "ai_classification",
        "ai_processing_completed",
    ]
    assert pipeline.calls("classify", message) == 1, "the result was kept"


@pytest.mark.parametrize("outcome", ["done", "failed"])
async def test_end_of_run_whose_worker_died_is_published_by_the_relay(pipeline: Pipeline, outcome: str) -> None:
    pipeline.settings = replace(pipeline.settings, relay_sweep_seconds=0.1)
    message = await pipeline.ask(QUESTION, assigned=False)
    run = await run_id(pipeline, message.id)
    found = {"classification": {"category": "order_shipping"}, "confidence": 0.9, "provider": "embedded"}
    worker = Database(pipeline.settings.postgres, role="hummdesk_worker", size=1, timeout=30)
    await worker.open()
    async with worker.accounts([account_id := pipeline.customer.account_id]) as tx:
        [claimed] = await runs.claim(tx, [(account_id, run)], delivery=new_id(), lease_seconds=60, history_limit=0)
        result = (
            AttemptResult(run=claimed, status="done", outcome="done", payload=found)
            if outcome == "done"
            else AttemptResult(run=claimed, status="failed", error="The AI run failed")
        )
        await runs.settle(tx, [result], quiet_seconds=0)
    await worker.close()
    async with pipeline.relay():
        events = await pipeline.ended(message, "classification")
        await asyncio.sleep(0.3)  # a few more sweeps publish nothing more
    if outcome == "done":
        assert [event.event for event in events] == ["ai_classification", "ai_processing_completed"]
        assert events[0].data["classification"] == found["classification"]
    else:
        assert [(event.event, event.data["error"]) for event in events] == [("ai_error", "The AI run failed")]
    assert pipeline.events_of(message) == events
    assert (await pipeline.runs(message))["classification"]["announced"]


@pytest.fixture
def own_redis_folder() -> Iterator[Path]:
    folder = make_reachable_directory()
    yield folder
    shutil.rmtree(folder)


@pytest.fixture
async def own_redis(own_redis_folder: Path) -> AsyncIterator[tuple[redis.Server, list[Process]]]:
    """A Redis server that a test can stop and start."""
    server = redis.prepare(own_redis_folder)
    running = [await redis.start(server, own_redis_folder)]
    yield server, running
    await running[-1].stop()


async def test_redis_outage_loses_no_run(
    settings: Settings,
    fresh_database_url: str,
    own_redis: tuple[redis.Server, list[Process]],
    own_redis_folder: Path,
    tmp_path: Path,
) -> None:
    server, processes = own_redis
    patient = replace(fast_failing(settings, fresh_database_url, server.url), **PATIENT)
    async with pipeline_of(patient, tmp_path) as pipeline, pipeline.relay() as relay, pipeline.worker() as worker:
        first = await pipeline.ask(QUESTION)
        await pipeline.ended(first, "classification", "draft")
        for _ in range(2):
            await processes[-1].stop()
            message = await pipeline.ask("Did you get my return?")
            await asyncio.sleep(1.5)
            processes.append(await redis.start(server, own_redis_folder))
            await pipeline.ended(message, "classification", "draft")
            names = [name for name, _ in pipeline.names(message)]
            assert names.count("ai_processing_completed") == 2
            assert names.count("ai_classification") == 1
        assert relay.returncode is None
        assert worker.is_running()


async def test_metrics_of_relay_and_workers(pipeline: Pipeline, tmp_path: Path) -> None:
    (tmp_path / "metrics").mkdir()
    pipeline.variables["PROMETHEUS_MULTIPROC_DIR"] = str(tmp_path / "metrics")
    port = redis.free_port(0)
    pipeline.settings = replace(pipeline.settings, metrics_port=port)
    await pipeline.ask(QUESTION)

    def get() -> str:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=5) as answer:
            return str(answer.read().decode())

    async def figure(line: str) -> None:
        async with asyncio.timeout(EVENT_SECONDS):
            while True:
                try:
                    if line in await asyncio.to_thread(get):
                        return
                except OSError:
                    pass
                await asyncio.sleep(0.1)

    async with pipeline.relay():
        await figure('hummdesk_ai_runs{kind="classification",status="published"} 1.0')
        await figure('hummdesk_ai_runs{kind="draft",status="pending"} 0.0')
        await figure('hummdesk_queue_tasks{queue="classification"} 1.0')
        await figure('hummdesk_ai_oldest_run_seconds{kind="classification"}')
    async with pipeline.worker():
        await figure('hummdesk_ai_seconds_count{outcome="done",provider="scripted",type="classification"} 1.0')
