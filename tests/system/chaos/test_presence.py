"""Faults 22, 27 and 32: agents of a killed process, expired and inactive users, ten tabs."""

import asyncio
import random
import time
from typing import Any

import pytest

from hummdesk.core import tokens
from tests.integration.server.accounts import Account
from tests.running_time import running_clock, running_seconds, running_timeout
from tests.system.chaos.client import Client
from tests.system.chaos.deployment import Deployment
from tests.system.chaos.load import client_of
from tests.system.chaos.report import row, size

pytestmark = pytest.mark.timeout(size(240, 900))

WAIT_SECONDS = 30
TOKEN_SECONDS = 7
"""Of a token that expires while the test waits: longer than a machine stands still between its issue and its use."""


async def connected(deployment: Deployment, account: Account, name: str, address: int = 0) -> Client:
    client = client_of(deployment, account, name)
    client.use_address(address)
    return await client.start()


def presence_events(client: Client, agent: str, since: float = 0.0) -> list[tuple[float, str]]:
    """(time, event) of the agent's presence events that this client received."""
    return [
        (at, event)
        for at, event, payload in client.received
        if event in ("agent_online", "agent_offline") and payload["agentId"] == agent and at >= since
    ]


async def until(client: Client, agent: str, event: str, since: float, seconds: float) -> float:
    """Wait at most `seconds` for a presence event and return its time."""
    async with running_timeout(seconds):
        while not (found := [at for at, name in presence_events(client, agent, since) if name == event]):
            await asyncio.sleep(0.02)
    return found[0]


async def statuses(client: Client) -> dict[str, Any]:
    """Ask until it is answered: the client may be reconnecting, and a machine that stands still delays Redis."""
    await client.synchronized.wait()
    answer = await client.retry("get_presence", None)
    return {agent["agentId"]: agent["status"] for agent in answer["agents"]}


async def test_agents_of_killed_process_go_offline_within_lease(deployment: Deployment) -> None:
    lease = deployment.settings.presence_lease_seconds
    with row("22", f"kill -9 of a web process with agents on it, lease {lease:g} s") as found:
        account = await deployment.account()
        viewer = await connected(deployment, account, "viewer", 0)
        agents = [await connected(deployment, account, "agent", 1) for _ in range(3)]
        agent = str(account.people["agent"].id)
        await until(viewer, agent, "agent_online", 0, WAIT_SECONDS)
        for client in agents:
            client.addresses = ["http://127.0.0.1:1"]  # they do not reconnect
        killed = running_seconds()
        await deployment.kill("web-1")
        offline = await until(viewer, agent, "agent_offline", killed, WAIT_SECONDS)
        found.measure("offline event after", offline - killed, at_most=lease + 2, unit=" s")
        found.measure("still listed as online", (await statuses(viewer))[agent] != "offline")
        await asyncio.sleep(1)
        found.measure("repeated offline events", len(presence_events(viewer, agent, killed)) - 1)
        await asyncio.gather(*(client.stop() for client in (viewer, *agents)))


async def test_expired_and_inactive_users_are_logged_out_on_every_node(deployment: Deployment) -> None:
    with row("27", "token expired, then user disabled, while connected to both processes") as found:
        account = await deployment.account()
        short = [client_of(deployment, account, "colleague") for _ in range(2)]
        token = tokens.issue(deployment.settings, account.people["colleague"], hours=TOKEN_SECONDS / 3600)
        expired = tokens.verify(deployment.settings, token).expires_at
        for number, client in enumerate(short):
            client.token = token
            client.use_address(number)
        async with running_clock() as clock:
            await asyncio.gather(*(client.start() for client in short))
            ended = max([await logged_out_at(client) for client in short])
            found.measure("logged out after expiry", clock.seconds(expired, ended), at_most=1, unit=" s")
            clients = [await connected(deployment, account, "agent", number) for number in (0, 1)]
            began = time.time()
            await deployment.rows("UPDATE users SET active = false WHERE id = %s", account.people["agent"].id)
            ended = max([await logged_out_at(client) for client in clients])
            found.measure("logged out after being disabled", clock.seconds(began, ended), at_most=1, unit=" s")
        await asyncio.gather(*(client.stop() for client in (*short, *clients)))


async def logged_out_at(client: Client) -> float:
    """Wait for `authentication_error` and return the system time."""
    async with running_timeout(TOKEN_SECONDS + 10):
        while not any(event == "authentication_error" for _, event, _ in client.received):
            await asyncio.sleep(0.01)
    return time.time()


async def test_ten_tabs_during_rolling_restart_go_online_and_offline_once(deployment: Deployment) -> None:
    with row("32", "ten tabs closed in random order, and both processes replaced") as found:
        account = await deployment.account()
        viewer = await connected(deployment, account, "viewer", 0)
        agent = str(account.people["agent"].id)
        for _ in range(size(1, 5)):
            began = running_seconds()
            tabs = [await connected(deployment, account, "agent", number) for number in range(10)]
            await until(viewer, agent, "agent_online", began, WAIT_SECONDS)
            for number in range(2):
                await deployment.stop(f"web-{number}")
                await deployment.start_web(number)
            await asyncio.gather(*(tab.synchronized.wait() for tab in (viewer, *tabs)))
            random.shuffle(tabs)
            for tab in tabs:
                await tab.stop()
                await asyncio.sleep(random.uniform(0, 0.1))
            await until(viewer, agent, "agent_offline", began, WAIT_SECONDS)
            await asyncio.sleep(1)
            events = [event for _, event in presence_events(viewer, agent, began)]
            found.measure("online events", events.count("agent_online"), at_most=1)
            found.measure("offline events", events.count("agent_offline"), at_most=1)
        await viewer.stop()
