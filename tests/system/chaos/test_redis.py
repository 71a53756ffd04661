"""Faults 5 to 8: Redis killed, stopped by SIGSTOP, its connections killed, its data lost."""

import asyncio
import signal

import pytest
from redis.asyncio import Redis

from tests.running_time import running_seconds
from tests.system.chaos.deployment import Deployment, is_ready
from tests.system.chaos.load import Acknowledged, Load, load
from tests.system.chaos.report import row, size

pytestmark = pytest.mark.timeout(size(240, 900))


async def test_events_during_redis_outage_are_delivered_afterwards(deployment: Deployment) -> None:
    """Commits of a process killed meanwhile are delivered from the outbox."""
    times, seconds = size(1, 5), size(1, 8)
    with row("5", f"Redis and a web process killed, Redis restarted after {seconds} s, {times}x") as found:
        async with load(deployment, pause=0.01) as traffic:
            meanwhile, back = [], []
            async with traffic.sending():
                for number in range(times):
                    await asyncio.sleep(1)
                    await deployment.kill("redis")
                    gone = running_seconds()
                    await asyncio.sleep(seconds / 2)
                    await deployment.kill(f"web-{number % 2}")
                    await asyncio.sleep(seconds / 2)
                    while not any(one.at > gone for one in traffic.acknowledged.values()):
                        await asyncio.sleep(0.01)
                    meanwhile.append(sum(one.at > gone for one in traffic.acknowledged.values()))
                    await deployment.start_server("redis")
                    began = running_seconds()
                    await delivered_to_all(traffic, max(traffic.acknowledged.values(), key=lambda one: one.at))
                    back.append(running_seconds() - began)
                    await deployment.start_web(number % 2)
            await traffic.compare(found)
            found.note(f"{sum(meanwhile):,} acknowledged during the outage")
            found.measure("delivery resumed after", max(back), at_most=5, unit=" s")


async def delivered_to_all(traffic: Load, sent: Acknowledged) -> None:
    views = [client.views[sent.conversation] for client in traffic.clients if sent.conversation in client.views]
    while not all(one.last >= sent.seq for one in views):
        await asyncio.sleep(0.01)


async def test_sends_during_redis_freeze_are_acknowledged_and_delivered_afterwards(deployment: Deployment) -> None:
    seconds = size(4, 30)
    with row("6", f"Redis stopped with SIGSTOP for {seconds} s") as found:
        async with load(deployment, pause=0.02) as traffic:
            async with traffic.sending():
                await asyncio.sleep(0.5)
                deployment.signal("redis", signal.SIGSTOP)
                began = running_seconds()
                await asyncio.sleep(seconds / 2)
                readiness = [await is_ready(address) for address in deployment.addresses]
                await asyncio.sleep(began + seconds - running_seconds())
                frozen = [one for one in traffic.acknowledged.values() if one.at > began]
                deployment.signal("redis", signal.SIGCONT)
                thawed = running_seconds()
            found.note(f"{len(frozen):,} acknowledged meanwhile")
            found.measure("no send acknowledged meanwhile", not frozen)
            found.measure("processes that report readiness", sum(readiness))
            await traffic.compare(found)
            found.measure("all clients up to date after", running_seconds() - thawed, at_most=15, unit=" s")


async def test_killed_bus_connections_lose_no_event(deployment: Deployment) -> None:
    times = size(3, 20)
    with row("7", f"CLIENT KILL of all connections to Redis {times}x") as found:
        async with load(deployment) as traffic, deployment.redis() as redis:
            async with traffic.sending():
                for _ in range(times):
                    await asyncio.sleep(0.3)
                    await kill_clients(redis)
            await traffic.compare(found)


async def kill_clients(redis: Redis) -> None:
    await redis.client_kill_filter(_type="normal", skipme=True)


async def test_client_after_redis_flush_is_not_recovered_but_synchronized(deployment: Deployment) -> None:
    times = size(1, 4)
    with row("8", f"FLUSHALL {times}x") as found:
        async with load(deployment, pause=0.01) as traffic, deployment.redis() as redis:
            async with traffic.sending():
                for _ in range(times):
                    await asyncio.sleep(1)
                    await redis.flushall()
                    for client in traffic.clients:
                        client.cut()
                    await asyncio.sleep(0.5)
            await traffic.settle()
            before = sum(client.recoveries for client in traffic.clients)  # sessions stored between flush and cut
            await redis.flushall()
            for client in traffic.clients:
                client.cut()
            await traffic.compare(found)
            found.measure(
                "recovered without stored state", sum(client.recoveries for client in traffic.clients) - before
            )
