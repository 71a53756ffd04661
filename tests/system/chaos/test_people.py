"""Faults 22, 27 and 32: agents of a dead process, people who may no longer be there, ten tabs."""

import asyncio
import random
import time
from typing import Any

import pytest

from hummdesk.core import tokens
from tests.integration.server.accounts import Account
from tests.system.chaos.client import Client
from tests.system.chaos.deployment import Arena
from tests.system.chaos.load import client_of
from tests.system.chaos.report import row, size

pytestmark = pytest.mark.timeout(size(60, 900))


async def present(desk: Arena, account: Account, name: str, address: int = 0) -> Client:
    client = client_of(desk, account, name)
    client.go_to(address)
    return await client.start()


def told(client: Client, agent: str, since: float = 0.0) -> list[tuple[float, str]]:
    """(time, event) of what this client heard of the agent's presence."""
    return [
        (at, event)
        for at, event, payload in client.received
        if event in ("agent_online", "agent_offline") and payload["agentId"] == agent and at >= since
    ]


async def until(client: Client, agent: str, event: str, since: float, seconds: float) -> float:
    """The time at which it was told; `seconds` later at most."""
    async with asyncio.timeout(seconds):
        while not (found := [at for at, name in told(client, agent, since) if name == event]):
            await asyncio.sleep(0.02)
    return found[0]


async def statuses(client: Client) -> dict[str, Any]:
    await client.whole.wait()  # it may just be coming back
    answer = await client.ask("get_presence", None)
    return {agent["agentId"]: agent["status"] for agent in answer["agents"]}


async def test_agents_of_a_killed_process_go_offline(desk: Arena) -> None:
    lease = desk.settings.presence_lease_seconds
    with row("22", f"kill -9 of a web process with agents on it, lease {lease:g} s") as found:
        account = await desk.account()
        viewer = await present(desk, account, "viewer", 0)
        agents = [await present(desk, account, "agent", 1) for _ in range(3)]
        agent = str(account.people["agent"].id)
        await until(viewer, agent, "agent_online", 0, 5)
        for client in agents:
            client.addresses = ["http://127.0.0.1:1"]  # they do not come back
        killed = time.monotonic()
        await desk.kill("web-1")
        offline = await until(viewer, agent, "agent_offline", killed, lease * 3)
        found.measure("told offline after", offline - killed, at_most=lease + 2, unit=" s")
        found.measure("still shown as there", (await statuses(viewer))[agent] != "offline")
        await asyncio.sleep(1)
        found.measure("told more than once", len(told(viewer, agent, killed)) - 1)
        await asyncio.gather(*(client.stop() for client in (viewer, *agents)))


async def test_who_may_no_longer_be_there_is_out_on_every_node(desk: Arena) -> None:
    with row("27", "expiry, and a user disabled, while connected to both processes") as found:
        account = await desk.account()
        slowest = 0.0
        for number in (0, 1):
            short = client_of(desk, account, "colleague")
            short.token = tokens.issue(desk.settings, account.people["colleague"], hours=2 / 3600)
            expires = tokens.verify(desk.settings, short.token).expires_at
            short.go_to(number)
            await short.start()
            slowest = max(slowest, await out(short) - expires)
            await short.stop()
        found.measure("out after expiry", slowest, at_most=1, unit=" s")
        clients = [await present(desk, account, "agent", number) for number in (0, 1)]
        began = time.time()
        await desk.rows("UPDATE users SET active = false WHERE id = %s", account.people["agent"].id)
        found.measure(
            "out after being disabled", max([await out(client) for client in clients]) - began, at_most=1, unit=" s"
        )
        await asyncio.gather(*(client.stop() for client in clients))


async def out(client: Client) -> float:
    """When the client was told that it is nobody any more, by the system's clock."""
    async with asyncio.timeout(10):
        while not any(event == "authentication_error" for _, event, _ in client.received):
            await asyncio.sleep(0.01)
    return time.time()


async def test_ten_tabs_and_a_rolling_restart(desk: Arena) -> None:
    with row("32", "ten tabs in any order, and both processes replaced") as found:
        account = await desk.account()
        viewer = await present(desk, account, "viewer", 0)
        agent = str(account.people["agent"].id)
        for _ in range(size(1, 5)):
            began = time.monotonic()
            tabs = [await present(desk, account, "agent", number) for number in range(10)]
            await until(viewer, agent, "agent_online", began, 5)
            for number in range(2):
                await desk.stop(f"web-{number}")
                await desk.start_web(number)
            await asyncio.gather(*(tab.whole.wait() for tab in (viewer, *tabs)))
            random.shuffle(tabs)
            for tab in tabs:
                await tab.stop()
                await asyncio.sleep(random.uniform(0, 0.1))
            await until(viewer, agent, "agent_offline", began, desk.settings.presence_lease_seconds * 3)
            await asyncio.sleep(1)
            events = [event for _, event in told(viewer, agent, began)]
            found.measure("told online", events.count("agent_online"), at_most=1)
            found.measure("told offline", events.count("agent_offline"), at_most=1)
        await viewer.stop()
