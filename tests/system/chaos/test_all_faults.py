"""A hundred thousand messages during all faults in random order."""

import asyncio
import random
import signal
from collections import Counter

import pytest

from tests.system.chaos.deployment import Deployment
from tests.system.chaos.load import Load, load
from tests.system.chaos.report import row, size
from tests.system.chaos.test_postgres import TERMINATE
from tests.system.chaos.test_redis import kill_clients

pytestmark = pytest.mark.timeout(size(300, 900))

PAUSE_SECONDS = 2.0
"""Time between two faults, in which the deployment recovers, so that each fault occurs under full load."""


async def cut_connections(_: Deployment, traffic: Load) -> None:
    for client in random.sample(traffic.clients, len(traffic.clients) // 2):
        client.cut()


async def kill_web_process(deployment: Deployment, _: Load) -> None:
    number = random.randrange(2)
    await deployment.kill(f"web-{number}")
    await deployment.start_web(number)


async def replace_web_process(deployment: Deployment, _: Load) -> None:
    number = random.randrange(2)
    await deployment.stop(f"web-{number}")
    await deployment.start_web(number)


async def restart_redis(deployment: Deployment, _: Load) -> None:
    await deployment.restart("redis")


async def freeze_redis(deployment: Deployment, _: Load) -> None:
    deployment.signal("redis", signal.SIGSTOP)
    await asyncio.sleep(3)
    deployment.signal("redis", signal.SIGCONT)


async def kill_redis_connections(deployment: Deployment, _: Load) -> None:
    async with deployment.redis() as redis:
        await kill_clients(redis)


async def restart_postgres(deployment: Deployment, _: Load) -> None:
    await deployment.restart("postgres")


async def terminate_postgres_connections(deployment: Deployment, _: Load) -> None:
    await deployment.rows(TERMINATE)


FAULTS = (
    cut_connections,
    kill_web_process,
    replace_web_process,
    restart_redis,
    freeze_redis,
    kill_redis_connections,
    restart_postgres,
    terminate_postgres_connections,
)


async def test_messages_under_random_faults_are_all_delivered(deployment: Deployment) -> None:
    messages = size(500, 100_000)
    with row("all", f"{messages:,} messages during all faults in random order") as found:
        injected: Counter[str] = Counter()
        async with load(deployment, accounts=size(2, 8), pause=0) as traffic:
            async with traffic.sending():
                while len(traffic.acknowledged) < messages or not injected:
                    await asyncio.sleep(PAUSE_SECONDS)
                    fault = random.choice(FAULTS)
                    await fault(deployment, traffic)
                    injected[fault.__name__] += 1
            await traffic.compare(found)
        found.note(f"{injected.total()} faults")
