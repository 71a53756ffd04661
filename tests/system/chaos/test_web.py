"""Faults 1 to 4: connections cut, web processes killed and replaced, everybody back at once."""

import asyncio
import random
import signal
import statistics
import time

import pytest

from tests.system.chaos.client import LOSS, Client, Talk
from tests.system.chaos.deployment import Arena
from tests.system.chaos.load import client_of, load
from tests.system.chaos.report import row, size

pytestmark = pytest.mark.timeout(size(60, 900))

WARM_UP_SECONDS = 0.5
MISSED = 20
"""Messages that are said while everybody comes back."""


async def test_connections_are_cut(desk: Arena) -> None:
    cuts = size(40, 200)
    with row("1", f"connections cut {cuts} times") as found:
        async with load(desk, accounts=2) as talk:
            async with talk.speaking():
                for _ in range(cuts):
                    random.choice(talk.listeners).cut()
                    await asyncio.sleep(0.05)
            await talk.compare(found)
            recovered = sum(client.recovered for client in talk.listeners)
            found.tell(f"{recovered} recovered")
            found.measure("not recovered", sum(c.caught_up - 1 for c in talk.listeners if LOSS not in c.reasons))


async def test_a_web_process_is_killed(desk: Arena) -> None:
    times = size(1, 5)
    with row("2", f"kill -9 of one of two web processes, {times}x") as found:
        async with load(desk, accounts=size(2, 4)) as talk:
            async with talk.speaking():
                for number in range(times):
                    await asyncio.sleep(WARM_UP_SECONDS)
                    await desk.kill(f"web-{number % 2}")
                    await asyncio.sleep(2)
                    await desk.start_web(number % 2)
            await talk.compare(found)
            found.measure("clients whole again after", max(talk.outages(), default=0), at_most=5, unit=" s")


async def test_a_rolling_restart(desk: Arena) -> None:
    with row("3", "SIGTERM to one web process after the other") as found:
        async with load(desk, accounts=size(2, 4)) as talk:
            exits = []
            async with talk.speaking():
                for number in range(2):
                    await asyncio.sleep(WARM_UP_SECONDS)
                    began = time.monotonic()
                    desk.signal(f"web-{number}", signal.SIGTERM)
                    assert await desk.processes.pop(f"web-{number}").wait() == 0
                    exits.append(time.monotonic() - began)
                    await desk.start_web(number)
            await talk.compare(found)
            told = sum("SERVER_SHUTDOWN" in client.reasons for client in talk.listeners)
            found.measure("not told why", len(talk.listeners) - told)
            found.measure("exit after", max(exits), at_most=15, unit=" s")
            found.measure("clients whole again after", max(talk.outages(), default=0), at_most=5, unit=" s")


async def test_everybody_comes_back_at_once(desk: Arena) -> None:
    number = size(100, 1000)
    with row("4", f"{number:,} clients on two web processes lose their connection at once") as found:
        account = await desk.account()
        conversation = str(account.conversation)
        speaker = await client_of(desk, account, "customer", (conversation,)).start()
        crowd = [client_of(desk, account, random.choice(("agent", "viewer"))) for _ in range(number)]
        for start in range(0, number, 50):
            await asyncio.gather(*(client.start() for client in crowd[start : start + 50]))
        for client in crowd:
            client.talks[conversation] = Talk()  # of which staff hears without joining it
        async with load(desk, accounts=1, pause=0.05) as talk:
            async with talk.speaking():
                await asyncio.sleep(1)
                calm = [one.seconds for one in talk.acknowledged.values()]
                began, used = time.monotonic(), desk.cpu_seconds("web-0", "web-1")
                for client in crowd:
                    client.cut()
                for said in range(MISSED):
                    await speaker.send(conversation, "missed by some", f"missed {said}")
                while not all(is_back(client, conversation) for client in crowd):
                    assert time.monotonic() - began < 30, sum(is_back(client, conversation) for client in crowd)
                    await asyncio.sleep(0.02)
                took, used = time.monotonic() - began, desk.cpu_seconds("web-0", "web-1") - used
                storm = [one.seconds for one in talk.acknowledged.values() if one.at >= began]
            await talk.compare(found)
        await asyncio.gather(*(client.stop() for client in (speaker, *crowd)))
        found.tell(f"{sum(client.recovered for client in crowd):,} recovered, {used * 1000:.0f} ms of CPU time")
        found.tell(f"others' median answer {statistics.median(calm) * 1000:.0f} ms before")
        found.measure("all whole after", took, at_most=10, unit=" s")
        whole = list(range(1, MISSED + 1))
        found.measure("clients who were not told everything", sum(c.talks[conversation].seen != whole for c in crowd))
        found.measure("told twice or out of order", sum(c.faults.repeated + c.faults.skipped for c in crowd))
        found.measure("not recovered", sum(not c.recovered and LOSS not in c.reasons for c in crowd))
        found.measure("others' p99 answer", quantile(storm, 0.99), at_most=5, unit=" s")


def is_back(client: Client, conversation: str) -> bool:
    return client.whole.is_set() and bool(client.outages) and client.talks[conversation].last == MISSED


def quantile(values: list[float], share: float) -> float:
    return sorted(values)[int(share * (len(values) - 1))]
