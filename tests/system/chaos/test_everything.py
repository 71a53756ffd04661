"""A hundred thousand messages while everything breaks that can be broken from outside, in random order."""

import asyncio
import random
import signal
from collections import Counter

import pytest

from tests.system.chaos.deployment import Arena
from tests.system.chaos.load import Load, load
from tests.system.chaos.report import row, size
from tests.system.chaos.test_postgres import TERMINATE
from tests.system.chaos.test_redis import kill_clients

pytestmark = pytest.mark.timeout(size(120, 900))

APART_SECONDS = 2.0
"""Between two faults: the desk is whole again in between, so that each meets it under full load."""


async def cut_connections(_: Arena, talk: Load) -> None:
    for client in random.sample(talk.listeners, len(talk.listeners) // 2):
        client.cut()


async def kill_a_web_process(desk: Arena, _: Load) -> None:
    number = random.randrange(2)
    await desk.kill(f"web-{number}")
    await desk.start_web(number)


async def replace_a_web_process(desk: Arena, _: Load) -> None:
    number = random.randrange(2)
    await desk.stop(f"web-{number}")
    await desk.start_web(number)


async def restart_redis(desk: Arena, _: Load) -> None:
    await desk.restart("redis")


async def freeze_redis(desk: Arena, _: Load) -> None:
    desk.signal("redis", signal.SIGSTOP)
    await asyncio.sleep(3)
    desk.signal("redis", signal.SIGCONT)


async def kill_connections_to_redis(desk: Arena, _: Load) -> None:
    async with desk.redis() as redis:
        await kill_clients(redis)


async def restart_postgres(desk: Arena, _: Load) -> None:
    await desk.restart("postgres")


async def end_connections_to_postgres(desk: Arena, _: Load) -> None:
    await desk.rows(TERMINATE)


FAULTS = (
    cut_connections,
    kill_a_web_process,
    replace_a_web_process,
    restart_redis,
    freeze_redis,
    kill_connections_to_redis,
    restart_postgres,
    end_connections_to_postgres,
)


async def test_messages_through_everything(desk: Arena) -> None:
    wanted = size(500, 100_000)
    with row("all", f"{wanted:,} messages through all of these in random order") as found:
        met: Counter[str] = Counter()
        async with load(desk, accounts=size(2, 8), pause=0) as talk:
            async with talk.speaking():
                while len(talk.acknowledged) < wanted or not met:
                    await asyncio.sleep(APART_SECONDS)
                    fault = random.choice(FAULTS)
                    await fault(desk, talk)
                    met[fault.__name__] += 1
            await talk.compare(found)
        found.tell(f"{met.total()} faults")
