"""Faults 9 to 12 of the AI pipeline at any size, and the independence of the queues. 13 to 16: tests/system/tasks."""

import asyncio
import random
import shutil
from collections import Counter
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import AsyncExitStack, suppress
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import psutil
import pytest
from celery import Celery
from redis.asyncio import Redis

from hummdesk.core.broker import configuration
from hummdesk.core.config import Settings
from hummdesk.core.models import Message
from hummdesk.dev import redis
from hummdesk.dev.process import Process
from tests.conftest import make_reachable_directory
from tests.running_time import running_seconds
from tests.system.chaos.report import row, size
from tests.system.tasks.conftest import Pipeline, fast_failing, pipeline_of

pytestmark = pytest.mark.timeout(size(400, 1800))

QUESTION = "My jacket's zip broke after two years. Do you repair it?"
WAITS = f"{QUESTION}\nclassify waits"
LONGEST_STOP_SECONDS = 15
"""Less than the bulk tasks or Celery's wait for the last result take, more than a stop beside other work."""
BULK_TASKS = 500
"""Of 0.1 s each, one after the other."""
ENDS = ("ai_processing_completed", "ai_error")


@pytest.fixture
def folder() -> Iterator[Path]:
    made = make_reachable_directory()
    yield made
    shutil.rmtree(made)


@dataclass
class Broker:
    """A Redis that tests can restart, with what it had stored: the events of the tests are in it, too."""

    folder: Path
    server: redis.Server
    process: Process

    async def restart(self) -> None:
        async with Redis.from_url(self.server.url) as client:
            await client.set("stored", "1")
            await client.waitaof(1, 0, 0)
        self.process.kill()
        await self.process.wait()
        self.process = await redis.start(self.server, self.folder)


@pytest.fixture
async def broker(folder: Path) -> AsyncIterator[Broker]:
    server = redis.prepare(folder)
    made = Broker(folder, server, await redis.start(server, folder))
    yield made
    await made.process.stop()


@pytest.fixture
async def pipeline(
    settings: Settings, fresh_database_url: str, broker: Broker, tmp_path: Path
) -> AsyncIterator[Pipeline]:
    quick = fast_failing(settings, fresh_database_url, broker.server.url)
    async with pipeline_of(replace(quick, ai_max_attempts=10), tmp_path) as made, made.relay():
        yield made


async def test_workers_with_killed_main_process_end_every_run(pipeline: Pipeline) -> None:
    times = size(1, 10)
    with row("10", f"the Celery main process of every queue killed {times}x, with runs in progress") as found:
        took, asked = [], []
        async with pipeline.worker() as workers:
            await pipeline.ended(await pipeline.ask(QUESTION), "classification", "draft", seconds=60)
            for _ in range(times):
                drafted = await pipeline.ask(f"{QUESTION}\ndraft waits")
                await pipeline.until(partial(_is_drafting, pipeline, drafted))
                calls = pipeline.calls_of("classify", WAITS)
                waiting = [await pipeline.ask(WAITS, assigned=False) for _ in range(5)]
                await pipeline.called("classify", WAITS, times=calls + 1)
                for main in workers.children():
                    main.kill()
                began = running_seconds()
                for message in waiting:
                    await pipeline.ended(message, "classification", seconds=90)
                await pipeline.ended(drafted, "draft", seconds=90)
                took.append(running_seconds() - began)
                asked += [drafted, *waiting]
        ends = Counter(event.data["runId"] for one in asked for event in pipeline.events_of(one) if event.event in ENDS)
        found.measure("longest until every run has ended", max(took), 60, " s")
        found.measure("terminal events published twice", sum(number - 1 for number in ends.values()))


@pytest.mark.systems
async def test_workers_killed_at_random_end_every_run_once(pipeline: Pipeline) -> None:
    kills = size(6, 200)
    with row("11", f"AI workers and their main processes killed {kills}x at random") as found:
        messages = []
        async with pipeline.worker() as workers:
            await pipeline.ended(await pipeline.ask(QUESTION), "classification", "draft", seconds=60)
            for _ in range(kills):
                messages.append(await pipeline.ask(f"{QUESTION}\ndraft waits"))
                await asyncio.sleep(random.uniform(0, 2))  # on average the start time of a worker
                with suppress(psutil.Error, IndexError):
                    random.choice(workers.children(recursive=True)).kill()
            for message in messages:
                await pipeline.ended(message, "classification", seconds=70)
            async with asyncio.timeout(70):
                while not await _all_published(pipeline, messages):
                    await asyncio.sleep(0.1)
        events = [(event.event, event.data) for message in messages for event in pipeline.events_of(message)]
        runs = [run for message in messages for run in (await pipeline.runs(message)).values()]
        ends = Counter(data["runId"] for name, data in events if name in ENDS)
        found.note(f"{len(runs)} runs, {sum(run['attempts'] for run in runs)} attempts")
        found.measure("runs without a terminal event", len(runs) - len(ends))
        found.measure("terminal events published twice", sum(times - 1 for times in ends.values()))
        shown = Counter((name, data["messageId"]) for name, data in events if name in ("ai_classification", "ai_draft"))
        found.measure("results published twice", sum(times - 1 for times in shown.values()))
        found.measure("results of a run after the first", sum(max(0, run["results"] - 1) for run in runs))


async def test_worker_after_broker_restart_consumes_again(pipeline: Pipeline, broker: Broker) -> None:
    times = size(2, 10)
    with row("12", f"the broker killed and restarted {times}x") as found:
        took = []
        async with pipeline.worker():
            await pipeline.ended(await pipeline.ask(QUESTION), "classification", seconds=60)
            for _ in range(times):
                await broker.restart()
                began = running_seconds()
                await pipeline.ended(await pipeline.ask(QUESTION), "classification", seconds=60)
                took.append(running_seconds() - began)
        found.measure("longest until a message is classified again", max(took), 30, " s")


async def test_queue_when_another_is_blocked_is_not_delayed(pipeline: Pipeline) -> None:
    with row("11b", "the bulk queue flooded, then the workers for classification stopped") as found:
        async with pipeline.worker():
            await pipeline.ended(await pipeline.ask(QUESTION), "classification", "draft", seconds=60)
            sender = Celery("test", set_as_current=False)
            sender.conf.update(configuration(pipeline.settings))
            for _ in range(BULK_TASKS):
                sender.send_task("hummdesk.bulk.idle")
            began = running_seconds()
            await pipeline.ended(message := await pipeline.ask(QUESTION), "classification", "draft")
            found.note(f"classified and drafted after {running_seconds() - began:.1f} s")
            with sender.connection_or_acquire() as connection:
                left = connection.default_channel.queue_declare(queue="ai.bulk").message_count
            sender.close()
            found.measure("bulk tasks done meanwhile", BULK_TASKS - left, BULK_TASKS * 0.8)

            async with AsyncExitStack() as held:
                with pipeline.lingering():
                    message = await pipeline.ask(f"{QUESTION}\ndraft lingers 1")
                    await pipeline.ended(message, "classification")
                    await held.enter_async_context(pipeline.suspended_worker("classification"))
                    for _ in range(50):
                        await pipeline.ask("Where is my parcel?", assigned=False)
                began = running_seconds()
                await pipeline.ended(message, "draft")
                found.note(f"drafted after {running_seconds() - began:.1f} s")
            began = running_seconds()
        found.measure("stopped after", running_seconds() - began, LONGEST_STOP_SECONDS, " s")


def _is_drafting(pipeline: Pipeline, message: Message) -> bool:
    return ("ai_processing_started", "draft") in pipeline.names(message)


async def _all_published(pipeline: Pipeline, messages: Sequence[Message]) -> bool:
    found = [await pipeline.runs(message) for message in messages]
    return all(run["announced"] for runs in found for run in runs.values())
