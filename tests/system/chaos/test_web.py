"""Faults 1 to 4: connections cut, web processes killed and replaced, all clients reconnecting at once."""

import asyncio
import random
import signal
import statistics

import pytest

from tests.running_time import running_seconds
from tests.system.chaos.client import RESYNC, Client, ConversationView
from tests.system.chaos.deployment import Deployment
from tests.system.chaos.load import client_of, load
from tests.system.chaos.report import row, size

pytestmark = pytest.mark.timeout(size(240, 900))

WARM_UP_SECONDS = 0.5
MISSED = 20
"""Messages sent during the reconnects."""


async def test_cut_connections_are_recovered(deployment: Deployment) -> None:
    cuts = size(40, 200)
    with row("1", f"connections cut {cuts} times") as found:
        async with load(deployment, accounts=2) as traffic:
            async with traffic.sending():
                for _ in range(cuts):
                    random.choice(traffic.clients).cut()
                    await asyncio.sleep(0.05)
            await traffic.compare(found)
            recoveries = sum(client.recoveries for client in traffic.clients)
            found.note(f"{recoveries} recovered")
            found.measure(
                "not recovered", sum(c.catch_ups - 1 for c in traffic.clients if RESYNC not in c.disconnect_codes)
            )


async def test_web_process_killed_loses_no_message(deployment: Deployment) -> None:
    times = size(1, 5)
    with row("2", f"kill -9 of one of two web processes, {times}x") as found:
        async with load(deployment, accounts=size(2, 4)) as traffic:
            async with traffic.sending():
                for number in range(times):
                    await asyncio.sleep(WARM_UP_SECONDS)
                    await deployment.kill(f"web-{number % 2}")
                    await asyncio.sleep(2)
                    await deployment.start_web(number % 2)
            await traffic.compare(found)
            found.measure("clients up to date after", max(traffic.outages(), default=0), at_most=5, unit=" s")


async def test_rolling_restart_loses_no_message_and_sends_reasons(deployment: Deployment) -> None:
    with row("3", "SIGTERM to one web process after the other") as found:
        async with load(deployment, accounts=size(2, 4)) as traffic:
            exits = []
            async with traffic.sending():
                for number in range(2):
                    await asyncio.sleep(WARM_UP_SECONDS)
                    began = running_seconds()
                    deployment.signal(f"web-{number}", signal.SIGTERM)
                    assert await deployment.processes.pop(f"web-{number}").wait() == 0
                    exits.append(running_seconds() - began)
                    await deployment.start_web(number)
            await traffic.compare(found)
            notified = sum("SERVER_SHUTDOWN" in client.disconnect_codes for client in traffic.clients)
            found.measure("clients without disconnect_reason", len(traffic.clients) - notified)
            found.measure("exit after", max(exits), at_most=15, unit=" s")
            found.measure("clients up to date after", max(traffic.outages(), default=0), at_most=5, unit=" s")


async def test_clients_reconnecting_at_once_are_all_synchronized(deployment: Deployment) -> None:
    number = size(100, 1000)
    with row("4", f"{number:,} clients on two web processes lose their connection at once") as found:
        account = await deployment.account()
        conversation = str(account.conversation)
        sender = await client_of(deployment, account, "customer", (conversation,)).start()
        crowd = [client_of(deployment, account, random.choice(("agent", "viewer"))) for _ in range(number)]
        for start in range(0, number, 50):
            await asyncio.gather(*(client.start() for client in crowd[start : start + 50]))
        for client in crowd:
            client.views[conversation] = ConversationView()  # staff receives its messages without joining
        async with load(deployment, accounts=1, pause=0.05) as traffic:
            async with traffic.sending():
                await asyncio.sleep(1)
                calm = [one.seconds for one in traffic.acknowledged.values()]
                began, used = running_seconds(), deployment.cpu_seconds("web-0", "web-1")
                for client in crowd:
                    client.cut()
                for message in range(MISSED):
                    await sender.send(conversation, "missed by some", f"missed {message}")
                while not all(is_synchronized(client, conversation) for client in crowd):
                    assert running_seconds() - began < 30, sum(
                        is_synchronized(client, conversation) for client in crowd
                    )
                    await asyncio.sleep(0.02)
                took, used = running_seconds() - began, deployment.cpu_seconds("web-0", "web-1") - used
                storm = [one.seconds for one in traffic.acknowledged.values() if one.at >= began]
            await traffic.compare(found)
        await asyncio.gather(*(client.stop() for client in (sender, *crowd)))
        found.note(f"{sum(client.recoveries for client in crowd):,} recovered, {used * 1000:.0f} ms of CPU time")
        found.note(f"others' median latency {statistics.median(calm) * 1000:.0f} ms before")
        found.measure("all up to date after", took, at_most=10, unit=" s")
        expected = list(range(1, MISSED + 1))
        found.measure("clients that missed messages", sum(c.views[conversation].seen != expected for c in crowd))
        found.measure("messages repeated or out of order", sum(c.faults.repeated + c.faults.skipped for c in crowd))
        found.measure("not recovered", sum(not c.recoveries and RESYNC not in c.disconnect_codes for c in crowd))
        found.measure("others' p99 latency", quantile(storm, 0.99), at_most=5, unit=" s")


def is_synchronized(client: Client, conversation: str) -> bool:
    return client.synchronized.is_set() and bool(client.outages) and client.views[conversation].last == MISSED


def quantile(values: list[float], share: float) -> float:
    return sorted(values)[int(share * (len(values) - 1))]
