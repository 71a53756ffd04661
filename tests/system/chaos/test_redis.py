"""Faults 5 to 8: Redis away, frozen, its connections killed, its data gone."""

import asyncio
import signal
import time

import pytest
from redis.asyncio import Redis

from tests.system.chaos.deployment import Arena, is_ready
from tests.system.chaos.load import Acknowledged, Load, load
from tests.system.chaos.report import row, size

pytestmark = pytest.mark.timeout(size(60, 900))


async def test_redis_is_away(desk: Arena) -> None:
    """What a process that dies meanwhile has committed, the outbox alone knows."""
    times, seconds = size(1, 5), size(1, 8)
    with row("5", f"Redis killed, a web process as well, and Redis back after {seconds} s, {times}x") as found:
        async with load(desk, pause=0.01) as talk:
            meanwhile, back = [], []
            async with talk.speaking():
                for number in range(times):
                    await asyncio.sleep(1)
                    await desk.kill("redis")
                    gone = time.monotonic()
                    await asyncio.sleep(seconds / 2)
                    await desk.kill(f"web-{number % 2}")
                    await asyncio.sleep(seconds / 2)
                    meanwhile.append(sum(one.at > gone for one in talk.acknowledged.values()))
                    await desk.start_server("redis")
                    began = time.monotonic()
                    await heard_by_all(talk, max(talk.acknowledged.values(), key=lambda one: one.at))
                    back.append(time.monotonic() - began)
                    await desk.start_web(number % 2)
            await talk.compare(found)
            found.tell(f"{sum(meanwhile):,} acknowledged while Redis was away")
            found.measure("times that nobody was acknowledged meanwhile", meanwhile.count(0))
            found.measure("fan-out back after", max(back), at_most=5, unit=" s")


async def heard_by_all(talk: Load, sent: Acknowledged) -> None:
    told = [client.talks[sent.conversation] for client in talk.listeners if sent.conversation in client.talks]
    while not all(one.last >= sent.seq for one in told):
        await asyncio.sleep(0.01)


async def test_redis_is_frozen(desk: Arena) -> None:
    seconds = size(4, 30)
    with row("6", f"Redis stopped with SIGSTOP for {seconds} s") as found:
        async with load(desk, pause=0.02) as talk:
            async with talk.speaking():
                await asyncio.sleep(0.5)
                desk.signal("redis", signal.SIGSTOP)
                began = time.monotonic()
                await asyncio.sleep(seconds / 2)
                readiness = [await is_ready(address) for address in desk.addresses]
                await asyncio.sleep(began + seconds - time.monotonic())
                frozen = [one for one in talk.acknowledged.values() if one.at > began]
                desk.signal("redis", signal.SIGCONT)
                thawed = time.monotonic()
            found.tell(f"{len(frozen):,} acknowledged meanwhile")
            found.measure("nobody acknowledged meanwhile", not frozen)
            found.measure("processes that say they are ready", sum(readiness))
            await talk.compare(found)
            found.measure("everybody whole after", time.monotonic() - thawed, at_most=15, unit=" s")


async def test_connections_of_the_bus_are_killed(desk: Arena) -> None:
    times = size(3, 20)
    with row("7", f"CLIENT KILL of all connections to Redis {times}x") as found:
        async with load(desk) as talk, desk.redis() as redis:
            async with talk.speaking():
                for _ in range(times):
                    await asyncio.sleep(0.3)
                    await kill_clients(redis)
            await talk.compare(found)


async def kill_clients(redis: Redis) -> None:
    await redis.client_kill_filter(_type="normal", skipme=True)


async def test_redis_loses_everything(desk: Arena) -> None:
    times = size(1, 4)
    with row("8", f"FLUSHALL {times}x") as found:
        async with load(desk, pause=0.01) as talk, desk.redis() as redis:
            async with talk.speaking():
                for _ in range(times):
                    await asyncio.sleep(1)
                    await redis.flushall()
                    for client in talk.listeners:
                        client.cut()
                    await asyncio.sleep(0.5)
            await talk.settle()
            before = sum(client.recovered for client in talk.listeners)  # of a session kept anew between flush and cut
            await redis.flushall()
            for client in talk.listeners:
                client.cut()
            await talk.compare(found)
            found.measure("recovered from nothing", sum(client.recovered for client in talk.listeners) - before)
