"""Fault 41: faults 10 to 12 of the AI pipeline with RabbitMQ as the broker, within the same bounds."""

import random
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import psutil
import pytest

from hummdesk.bus.task_queues import open_task_queues
from hummdesk.core.config import Settings
from tests.conftest import Servers
from tests.running_time import running_seconds
from tests.system.broker_tasks import sender_to
from tests.system.chaos.report import row
from tests.system.chaos.test_ai import ENDS, QUESTION
from tests.system.rabbitmq import servers as rabbitmqs
from tests.system.rabbitmq.servers import Rabbitmq
from tests.system.tasks.conftest import Pipeline, fast_failing, pipeline_of, private_redis

pytestmark = [
    pytest.mark.systems,
    pytest.mark.engine("RabbitMQ"),
    pytest.mark.skipif(not rabbitmqs.IS_INSTALLED, reason="rabbitmq-server is not installed"),
    pytest.mark.timeout(300),
]


KILLS, RESTARTS = 3, 1


@pytest.fixture(scope="module")
async def pipeline(
    settings: Settings,
    servers: Servers,
    template: str,
    rabbitmq: Rabbitmq,
    tmp_path_factory: pytest.TempPathFactory,
) -> AsyncIterator[Pipeline]:
    name = await servers.clone(template)
    quick = fast_failing(settings, servers.cluster.url(name), await private_redis(settings))
    marks: Path = tmp_path_factory.mktemp("marks")
    with_rabbitmq = replace(quick, broker_url=rabbitmq.url, ai_max_attempts=10)
    async with pipeline_of(with_rabbitmq, marks) as made, made.relay():
        yield made
    await servers.drop(name)


async def test_killed_workers_end_every_run_once(pipeline: Pipeline) -> None:
    """Faults 10 and 11: all main processes, and then processes at random."""
    with row("41", f"RabbitMQ: the Celery main processes killed, then {KILLS} processes at random") as found:
        asked = []
        async with pipeline.worker() as workers:
            await pipeline.ended(await pipeline.ask(QUESTION), "classification", seconds=60)
            drafted = await pipeline.ask(f"{QUESTION}\ndraft waits")
            await pipeline.until(lambda: ("ai_processing_started", "draft") in pipeline.names(drafted), seconds=60)
            asked += [drafted, *[await pipeline.ask(f"{QUESTION}\nclassify waits", assigned=False) for _ in range(5)]]
            for main in workers.children():
                main.kill()
            began = running_seconds()
            for _ in range(KILLS):
                asked.append(await pipeline.ask(QUESTION, assigned=False))
                await pipeline.until(lambda: bool(pipeline.events_of(asked[-1])), seconds=60)
                with suppress(psutil.Error, IndexError):
                    random.choice(workers.children(recursive=True)).kill()
            await pipeline.ended(drafted, "draft", seconds=90)
            for message in asked:
                await pipeline.ended(message, "classification", seconds=90)
            found.measure("longest until every run has ended", running_seconds() - began, 60, " s")
        ends = Counter(event.data["runId"] for one in asked for event in pipeline.events_of(one) if event.event in ENDS)
        found.measure("terminal events published twice", sum(number - 1 for number in ends.values()))
        runs = [run for message in asked for run in (await pipeline.runs(message)).values()]
        found.measure("results of a run after the first", sum(max(0, run["results"] - 1) for run in runs))


async def test_rabbitmq_restarted_keeps_its_tasks_and_workers_consume_again(
    pipeline: Pipeline, rabbitmq: Rabbitmq
) -> None:
    """Fault 12, while the workers of drafts stand still."""
    with row("41", f"RabbitMQ killed and restarted {RESTARTS}x") as found:
        sender, took = sender_to(rabbitmq.url), []
        sender.send_task("hummdesk.nobody", args=([],), queue="ai.draft.openai", retry=False)
        async with pipeline.worker():
            await pipeline.ended(await pipeline.ask(QUESTION), "classification", "draft", seconds=60)
            for _ in range(RESTARTS):
                async with pipeline.suspended_worker("draft"):
                    await rabbitmq.restart()
                    began = running_seconds()
                    message = await pipeline.ask(QUESTION)
                    await pipeline.ended(message, "classification", seconds=60)
                    took.append(running_seconds() - began)
                await pipeline.ended(message, "draft", seconds=60)
        found.measure("longest until a message is classified again", max(took), 30, " s")
        queues = open_task_queues(Settings(broker_url=rabbitmq.url))
        found.measure("durable tasks lost", 1 - await queues.length("draft.openai"))
        await queues.close()
        sender.close()
