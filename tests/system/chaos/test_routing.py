"""Fault 37: agents come and go, and processes are killed, while conversations are assigned automatically."""

import asyncio
import random
import secrets
import time
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

import pytest

from hummdesk.core.ids import new_id
from hummdesk.core.models import Person
from hummdesk.routing.replay import differences
from hummdesk.storage import routing
from hummdesk.storage.database import Database
from tests.integration.server.accounts import Account
from tests.system.chaos.client import Client, Disconnected, Refused
from tests.system.chaos.deployment import Deployment
from tests.system.chaos.load import client_of
from tests.system.chaos.report import row, size

pytestmark = pytest.mark.timeout(size(300, 900))

CAPACITY = 3
SAMPLE_SECONDS = 0.1
LONGEST_STEP_SECONDS = 0.5
"""More between two samples does not count: the machine was stopped."""
STRANDED_SECONDS = 5.0
SETTLE_SECONDS = size(60, 300)

ASSIGNED_TWICE = """
    SELECT count(*)
    FROM (
        SELECT kind, lag(kind) OVER (PARTITION BY conversation_id ORDER BY created_at, kind DESC) AS before
        FROM conversation_events
        WHERE account_id = %s AND kind IN ('assigned', 'unassigned')
    ) AS moves
    WHERE kind = before
"""
OVERTAKEN = """
    WITH once AS (
        SELECT conversation_id, min(number) AS number
        FROM routing_decisions
        WHERE account_id = %s
        GROUP BY conversation_id
        HAVING count(*) = 1
    ), waited AS (
        SELECT once.number, min(messages.created_at) AS since
        FROM once
        JOIN messages ON messages.conversation_id = once.conversation_id
        GROUP BY once.number
    )
    SELECT count(*)
    FROM waited AS earlier
    JOIN waited AS later ON later.number > earlier.number AND later.since < earlier.since - interval '1 second'
"""
"""Conversations that were given to agents after others that had come more than a second later."""


@dataclass
class Observer:
    """Looks at loads and queue as a supervisor would, and at who is online."""

    deployment: Deployment
    account: UUID
    free_for: dict[str, float] = field(default_factory=dict)
    """For how long each agent has been free while a conversation waited."""
    looked_at: float = field(default_factory=time.monotonic)
    longest_free: float = 0.0
    """The longest time for which an agent was free while a conversation waited."""
    most: int = 0
    """The most conversations that an agent has had."""
    samples: int = 0

    async def watch(self, is_over: asyncio.Event) -> None:
        async with self.deployment.redis() as redis:
            while not is_over.is_set():
                present: Any = await redis.hgetall(f"hummdesk:presence:{self.account}")
                await self._look({agent.decode() for agent, status in present.items() if status == b"online"})
                await asyncio.sleep(SAMPLE_SECONDS)

    async def _look(self, online: set[str]) -> None:
        rows = await self.deployment.rows(
            "SELECT assigned_to::text, count(*) FROM conversations "
            "WHERE account_id = %s AND status = 'open' GROUP BY assigned_to",
            self.account,
        )
        loads = {agent: number for agent, number in rows if agent is not None}
        is_waiting, now = any(agent is None for agent, _ in rows), time.monotonic()
        passed, self.looked_at = min(now - self.looked_at, LONGEST_STEP_SECONDS), now
        free = {agent for agent in online if loads.get(agent, 0) < CAPACITY} if is_waiting else set()
        self.free_for = {agent: self.free_for.get(agent, -passed) + passed for agent in free}
        self.longest_free = max([self.longest_free, *self.free_for.values()])
        self.most = max([self.most, *loads.values()])
        self.samples += 1


async def test_agents_who_come_and_go_and_killed_processes_strand_no_conversation(deployment: Deployment) -> None:
    agents, conversations, seconds = size(8, 20), size(60, 500), size(8, 60)
    with row("37", f"{conversations} conversations, {agents} agents of capacity {CAPACITY} come and go") as found:
        account = await deployment.account()
        await prepare(deployment, account, agents)
        observer, is_over = Observer(deployment, account.id), asyncio.Event()
        clients = [client_of(deployment, account, f"agent-{number}") for number in range(agents)]
        await asyncio.gather(*(client.start() for client in clients))
        customer, admin = client_of(deployment, account, "customer"), client_of(deployment, account, "admin")
        await asyncio.gather(customer.start(), admin.start())
        await attempt(admin, "set_agent_status", {"status": "busy"})
        watching = asyncio.create_task(observer.watch(is_over))
        closing = asyncio.create_task(close_some(deployment, account, admin, observer, is_over))
        until = time.monotonic() + seconds
        _, killed, moved, _ = await asyncio.gather(
            start_all(customer, conversations, seconds / 3),
            kill_processes(deployment, until),
            come_and_go(clients, until),
            asyncio.sleep(seconds),
        )
        await deployment.restart_missing()
        left = await settled(deployment, account)
        is_over.set()
        await asyncio.gather(watching, closing)
        await asyncio.gather(*(client.stop() for client in (*clients, customer, admin)))
        found.note(f"{killed} processes killed, agents came or went {moved} times, {observer.samples} samples")
        found.measure("conversations left", left)
        found.measure("most of one agent", observer.most, at_most=CAPACITY)
        found.measure("longest wait beside a free agent", observer.longest_free, at_most=STRANDED_SECONDS, unit=" s")
        [(twice,)] = await deployment.rows(ASSIGNED_TWICE, account.id)
        found.measure("given to two agents", twice)
        [(overtaken,)] = await deployment.rows(OVERTAKEN, account.id)
        found.measure("overtaken", overtaken)
        decisions, differing = await replayed(deployment, account.id)
        found.note(f"{decisions} decisions")
        found.measure("decisions that differ in a replay", differing)
        assert decisions >= conversations
        assert observer.most == CAPACITY, "the agents were never busy"


async def prepare(deployment: Deployment, account: Account, agents: int) -> None:
    """Add the agents, set routing, and close the conversations of the account."""
    await deployment.rows("UPDATE users SET active = false WHERE account_id = %s AND role = 'agent'", account.id)
    await deployment.rows("UPDATE conversations SET status = 'closed' WHERE account_id = %s", account.id)
    for number in range(agents):
        name, agent_id = f"agent-{number}", new_id()
        email = f"{name}-{secrets.token_hex(4)}@example.com"
        account.people[name] = Person(account_id=account.id, id=agent_id, email=email, name=name, role="agent")
        await deployment.rows(
            "INSERT INTO users (account_id, id, email, name, role) VALUES (%s, %s, %s, %s, 'agent')",
            account.id,
            agent_id,
            email,
            name,
        )
    await deployment.rows("INSERT INTO routing_positions (account_id) VALUES (%s)", account.id)
    await deployment.rows(
        "INSERT INTO routing_settings (account_id, mode, capacity, offline_seconds) VALUES (%s, 'least_loaded', %s, 2)",
        account.id,
        CAPACITY,
    )


async def attempt(client: Client, event: str, payload: Any) -> bool:
    """Send a request that may fail while processes are killed."""
    with suppress(Disconnected, Refused, TimeoutError):
        await client.request(event, payload)
        return True
    return False


async def start_all(customer: Client, conversations: int, seconds: float) -> None:
    """Start conversations one after the other, each until it is acknowledged."""
    for number in range(conversations):
        message = {"content": "Hello", "clientMessageId": f"conversation-{number}"}
        started = await customer.retry("start_conversation", message)
        await customer.retry("leave_conversation", started["conversation"]["conversationId"])  # 200 can be joined
        await asyncio.sleep(random.uniform(0, seconds / conversations))


async def close_some(
    deployment: Deployment, account: Account, admin: Client, observer: Observer, is_over: asyncio.Event
) -> None:
    """Close conversations that agents have, once one is busy and more slowly than they come: a queue forms."""
    while observer.most < CAPACITY and not is_over.is_set():
        await asyncio.sleep(SAMPLE_SECONDS)
    while not is_over.is_set():
        rows = await deployment.rows(
            "SELECT id::text FROM conversations "
            "WHERE account_id = %s AND status = 'open' AND assigned_to IS NOT NULL ORDER BY random() LIMIT %s",
            account.id,
            size(3, 8),
        )
        closed = [{"conversationId": conversation, "status": "closed"} for (conversation,) in rows]
        await asyncio.gather(*(attempt(admin, "update_conversation_status", one) for one in closed))
        await asyncio.sleep(0.4)


async def come_and_go(clients: list[Client], until: float) -> int:
    """Agents go offline, away, or lose their connection, and come back; at the end all are online."""
    moves = 0
    while time.monotonic() < until:
        client = random.choice(clients)
        if random.random() < 0.2:
            client.cut()
        else:
            await attempt(client, "set_agent_status", {"status": random.choice(["online", "away", "offline"])})
        moves += 1
        await asyncio.sleep(random.uniform(0, 0.3))
    for client in clients:
        while not await attempt(client, "set_agent_status", {"status": "online"}):
            await asyncio.sleep(0.1)
    return moves


async def kill_processes(deployment: Deployment, until: float) -> int:
    """Kill and restart a web process and the relay in turn."""
    kills = 0
    while time.monotonic() < until:
        await asyncio.sleep(random.uniform(0.5, 2))
        name = ("web-1", "relay", "web-0")[kills % 3]
        await deployment.kill(name)
        kills += 1
        await deployment.restart_missing()
        while not await deployment.rows("SELECT FROM pg_stat_activity WHERE application_name = 'hummdesk_relay'"):
            await asyncio.sleep(SAMPLE_SECONDS)
    return kills


async def settled(deployment: Deployment, account: Account) -> int:
    """Wait until all conversations are closed; return how many are not."""
    until = time.monotonic() + SETTLE_SECONDS
    left = -1
    while left and time.monotonic() < until:
        [(left,)] = await deployment.rows(
            "SELECT count(*) FROM conversations WHERE account_id = %s AND status <> 'closed'", account.id
        )
        await asyncio.sleep(SAMPLE_SECONDS)
    return left


async def replayed(deployment: Deployment, account_id: UUID) -> tuple[int, int]:
    """Make all stored decisions again; return their number, and how many differ."""
    database = Database(deployment.settings.postgres, role="hummdesk_app", size=1, timeout=30)
    await database.open()
    async with database.account(account_id) as tx:
        records = await routing.records(tx, after=0, limit=10_000)
    await database.close()
    counts = Counter({"moves": sum(len(one.moved) for one in records)})
    counts["differing"] = sum(len(differences(one)) for one in records)
    return counts["moves"], counts["differing"]
