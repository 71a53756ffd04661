"""Fault 40: the failover of Sentinels and of a cluster, and a slot that moves, each under load."""

import asyncio
import time
from contextlib import AsyncExitStack

import pytest
from aiohttp import ClientSession

from hummdesk.bus.shards import shard_of
from hummdesk.bus.slots import slot_of
from hummdesk.core.broker import QUEUE_KEYS
from hummdesk.core.ids import new_id
from tests.integration.server.accounts import Client
from tests.running_time import running_clock, running_seconds
from tests.system.chaos.deployment import Deployment, deploy
from tests.system.chaos.load import Load, load
from tests.system.chaos.report import Row, row
from tests.system.chaos.test_redis import delivered_to_all
from tests.system.redis import servers
from tests.system.redis.flow import bus, number
from tests.system.redis.servers import FAILOVER_MS, Cluster, Server

pytestmark = [pytest.mark.systems, pytest.mark.timeout(180)]

BACK_SECONDS = 2.0
"""Longest time from the failover to the delivery of new messages."""
NEVER_MS = 600_000
"""As FAILOVER_MS, where no replica may be promoted."""
SENT = 60
"""Messages before a fault."""


async def reaches(traffic: Load, messages: int) -> None:
    async with asyncio.timeout(60):
        while len(traffic.acknowledged) < messages:
            await asyncio.sleep(0.01)


async def seconds_until_delivered(traffic: Load) -> float:
    """Wait until every client has a message that is sent from now on."""
    async with running_clock() as clock:
        began = time.time()
        await reaches(traffic, len(traffic.acknowledged) + len(traffic.senders))
        await delivered_to_all(traffic, max(traffic.acknowledged.values(), key=lambda one: one.at))
        return clock.seconds(began, time.time())


async def report(found: Row, traffic: Load, failover: float, back: float) -> None:
    await traffic.compare(found)
    found.note(f"failover {failover:.1f} s")
    found.measure("delivered again after the failover", back, at_most=BACK_SECONDS, unit=" s")


@pytest.mark.engine("Valkey", kind="with Sentinels")
async def test_sentinel_failover_under_load_loses_no_acknowledged_message() -> None:
    async with (
        servers.sentinels(timeout_ms=FAILOVER_MS) as watched,
        deploy(redis_url=watched.url, broker_url=watched.url) as deployment,
    ):
        with row("40", "master killed, Sentinels promote its replica") as found:
            async with load(deployment) as traffic:
                async with traffic.sending():
                    await reaches(traffic, SENT)
                    lost = await watched.master()
                    await lost.kill()
                    began = running_seconds()
                    await watched.fail_over_from(lost)
                    failover = running_seconds() - began
                    back = await seconds_until_delivered(traffic)
                await report(found, traffic, failover, back)
        promoted = await watched.master()
        assert promoted is not lost

        async def has_tasks() -> bool:
            return bool(await promoted.run("LLEN", QUEUE_KEYS["classification"]))

        await servers.until(has_tasks)  # the relay, too, has found the new master


@pytest.mark.engine("Valkey", kind="as a cluster")
async def test_failover_of_a_cluster_under_load_loses_no_acknowledged_message() -> None:
    async with (
        servers.cluster(timeout_ms=FAILOVER_MS) as found_cluster,
        deploy(redis_url=found_cluster.url) as deployment,
    ):
        with row("40", "master of a cluster killed, its replica promoted") as found:
            async with load(deployment) as traffic:
                async with traffic.sending():
                    await reaches(traffic, SENT)
                    slot = slot_of(shard_of(traffic.accounts[0]).stream)
                    lost = await found_cluster.owner_of_slot(slot)
                    await lost.kill()
                    began = running_seconds()
                    await found_cluster.fail_over_from(lost, slot)
                    failover = running_seconds() - began
                    back = await seconds_until_delivered(traffic)
                await report(found, traffic, failover, back)
        with row("40", "slot of the event stream moved to another master") as found:
            await moved_under_load(deployment, found_cluster, found)


async def moved_under_load(deployment: Deployment, found_cluster: Cluster, found: Row) -> None:
    async with load(deployment) as traffic:
        async with traffic.sending():
            await reaches(traffic, SENT)
            slot = slot_of(shard_of(traffic.accounts[0]).stream)
            source = await found_cluster.owner_of_slot(slot)
            target = await another_master(found_cluster, source)
            began = running_seconds()
            keys = await found_cluster.move_slot(slot, target, pause=0.02)
            moved = running_seconds() - began
            back = await seconds_until_delivered(traffic)
        assert await found_cluster.owner_of_slot(slot) is target
        found.note(f"{keys} keys")
        await report(found, traffic, moved, back)


async def another_master(found_cluster: Cluster, source: Server) -> Server:
    owners = [await found_cluster.owner_of_slot(slot) for slot in (0, 5_500, 11_000)]
    return next(owner for owner in owners if owner is not source)


@pytest.mark.engine("Valkey", kind="as a cluster")
async def test_web_process_stays_ready_while_one_master_of_a_cluster_is_away() -> None:
    """Otherwise a load balancer would take out all processes, and with them the accounts of the other masters."""
    async with (
        servers.cluster(timeout_ms=NEVER_MS) as found,
        deploy(web_processes=1, starts=("web",), redis_url=found.url) as web,
        AsyncExitStack() as connected,
    ):
        masters = set[str]()
        while len(masters) < len(found.masters):
            account = await web.account()
            client = Client(web.addresses[0])
            connected.push_async_callback(client.close)
            await (await client.connect(token=account.token("agent"))).receives("authenticated")
            masters.add((await found.owner_of_slot(slot_of(shard_of(account.id).stream))).name)
        checks = {"postgresql": "ok", "redis": "ok", "bus": "ok"}
        await becomes(web, 200, checks)
        await (await found.owner_of_slot(0)).kill()
        await becomes(web, 200, checks | {"bus": "partly"})
        for master in found.masters:
            await master.kill()
        await becomes(web, 503, checks | {"redis": "down", "bus": "down"})


async def becomes(web: Deployment, status: int, checks: dict[str, str]) -> None:
    """Wait until the readiness of a web process has this status, and these checks."""
    async with asyncio.timeout(50), ClientSession(web.addresses[0]) as session:
        while True:
            async with session.get("/health/ready") as answer:
                if (answer.status, (await answer.json())["checks"]) == (status, checks):
                    return
            await asyncio.sleep(0.05)


async def stop_replication(master: Server, replica: Server) -> None:
    """End the replication permanently: the replica has no valid password any more."""
    await replica.run("CONFIG", "SET", "masterauth", "wrong")
    await master.run("CLIENT", "KILL", "TYPE", "replica")

    async def is_cut() -> bool:
        return bool((await replica.info())["master_link_status"] == "down")

    await servers.until(is_cut)


@pytest.mark.engine("Valkey", kind="with Sentinels")
async def test_events_that_the_replica_of_a_sentinel_lacks_are_reported_as_lost() -> None:
    account = new_id()
    async with (
        servers.sentinels(timeout_ms=FAILOVER_MS) as watched,
        bus(watched.url) as one,
        bus(watched.url) as other,
    ):
        await asyncio.gather(one.reader.follow(account), other.reader.follow(account))
        await one.writer.append(number(account, 1))
        await other.has(account, {1})
        lost = await watched.master()
        [replica] = [server for server in watched.servers if server is not lost]
        await stop_replication(lost, replica)
        await one.writer.append(number(account, 2))
        await other.has(account, {1, 2})
        await lost.kill()
        await watched.fail_over_from(lost)
        await other.has_lost(shard_of(account))
        await one.writer.append(number(account, 3))
        for reading in (one, other):
            await reading.has(account, {3})
            assert set(reading.losses) == {shard_of(account)}


@pytest.mark.engine("Valkey", kind="as a cluster")
async def test_events_that_the_replica_in_a_cluster_lacks_are_reported_as_lost() -> None:
    account = new_id()
    async with servers.cluster(timeout_ms=FAILOVER_MS) as found, bus(found.url) as one, bus(found.url) as other:
        await asyncio.gather(one.reader.follow(account), other.reader.follow(account))
        await one.writer.append(number(account, 1))
        await other.has(account, {1})
        slot = slot_of(shard_of(account).stream)
        lost = await found.owner_of_slot(slot)
        replica = found.replicas[found.masters.index(lost)]
        await stop_replication(lost, replica)
        await one.writer.append(number(account, 2))
        await other.has(account, {1, 2})
        await lost.kill()
        await found.fail_over_from(lost, slot)
        await other.has_lost(shard_of(account))
        await one.writer.append(number(account, 3))
        for reading in (one, other):
            await reading.has(account, {3})
            assert set(reading.losses) == {shard_of(account)}
