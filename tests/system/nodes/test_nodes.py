"""Four web servers on hosts of their own behind the shipped proxy: delivery, the loss of one, and what each costs."""

import asyncio
import json
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import asdict, dataclass

import psutil
import pytest

from docs.sizing import Figures
from hummdesk.dev.process import POLL_SECONDS
from tests.integration.server.accounts import Account
from tests.system.chaos.client import ConversationView
from tests.system.chaos.deployment import RELAY
from tests.system.chaos.load import Load
from tests.system.chaos.report import row
from tests.system.nodes.clients import PlacedClient, PollingClient
from tests.system.nodes.desk import HAPROXY, NODES, PROXY, Desk, desk, used
from tests.system.nodes.network import NotPermitted

pytestmark = [
    pytest.mark.systems,
    pytest.mark.engine("HAProxy", kind="before four hosts"),
    pytest.mark.timeout(300),
    pytest.mark.skipif(HAPROXY is None, reason="haproxy is not on the PATH"),
]

ROLES = ("customer", "agent", "stranger", "viewer")
SENT = 200
"""Messages before a node is killed, and after it."""
BACK_SECONDS = 15.0
"""The proxy repeats a connection three times, each after a second, before it chooses another node."""

RATE, WARM_UP, MESSAGES = 50, 50, 200
FEW, MANY = 10, 50
"""Sockets of an account on one node."""
FIRST_SOCKETS, SOCKETS = 50, 200
"""Sockets that are connected before memory is measured, and while it is."""
IDLE_SECONDS = 2.0
MOST_RATIO = 2.0
"""Of what a message costs the first node, with four nodes and with one. More programs on one machine cost each more."""
AT_ONCE = 50
MICROSECONDS = 1_000_000

Record = Callable[[str, object], None]


@pytest.fixture(scope="module")
async def running() -> AsyncIterator[Desk]:
    try:
        async with desk() as made:
            yield made
    except NotPermitted as reason:
        pytest.skip(str(reason))


@dataclass
class Costs:
    """CPU time in µs for each message, by process, and deliveries for each message, by node."""

    cpu: dict[str, float]
    deliveries: dict[str, float]


async def test_further_nodes_do_not_double_the_cost_of_a_message_at_the_first(
    running: Desk, record_property: Record
) -> None:
    account = await running.account()
    other = await running.account(like=account)
    with row("-", "CPU time for each message with 1, 2 and 4 nodes, no fault") as found:
        await running.start(NODES[0])
        traffic = await senders_of(running, account)
        await connect(running, traffic, account, node=NODES[0], number=FEW)
        costs = {1: await measure(running, traffic, NODES[:1])}
        await running.start(NODES[1])
        await connect(running, traffic, account, node=NODES[1], number=FEW)
        costs[2] = await measure(running, traffic, NODES[:2])
        await running.start(*NODES[2:])
        await connect(running, traffic, account, node=NODES[2], number=MANY)
        reading = await running.client(other, "viewer", node=NODES[3]).start()
        costs[4] = await measure(running, traffic, NODES)
        figures = await figures_of(running, costs, other)
        await traffic.compare(found)
        await asyncio.gather(traffic.stop(), reading.stop())
        for name in ("first_node_us", "redis_us"):
            by_nodes = ", ".join(f"{value:,.0f}" for value in getattr(figures, name).values())
            found.note(f"{name.removesuffix('_us').replace('_', ' ')} {by_nodes} µs")
        ratio = figures.first_node_us["4"] / figures.first_node_us["1"]
        found.measure("first node with four, of that with one", ratio, at_most=MOST_RATIO)
        record_property("sizing", json.dumps(asdict(figures)))


async def senders_of(running: Desk, account: Account) -> Load:
    """Two sockets of each customer, on the first node."""
    conversations = {"customer": str(account.conversation), "stranger": str(account.other_conversation)}
    senders = [
        (running.client(account, name, node=NODES[0], conversations=[conversation]), conversation)
        for name, conversation in conversations.items()
        for _ in range(2)
    ]
    clients = [client for client, _ in senders]
    await asyncio.gather(*(client.start() for client in clients))
    return Load(running.made, [*senders], [*clients])


async def connect(running: Desk, traffic: Load, account: Account, *, node: str, number: int) -> None:
    """Add sockets of staff, who receive the messages of all conversations."""
    added = [running.client(account, "viewer", node=node) for _ in range(number)]
    await start(added)
    last = await traffic._last_seqs()
    for client in added:
        for _, conversation in traffic.senders:
            client.views[conversation] = ConversationView(seen=list(range(1, last.get(conversation, 0) + 1)))
    traffic.clients += added


async def start(clients: list[PlacedClient]) -> None:
    for first in range(0, len(clients), AT_ONCE):
        await asyncio.gather(*(client.start() for client in clients[first : first + AT_ONCE]))


async def measure(running: Desk, traffic: Load, nodes: tuple[str, ...]) -> Costs:
    await send(traffic, WARM_UP)
    sent = r"hummdesk_fanout_deliveries_total\{[^}]*\}"
    before = {name: await running.metric(name, sent) for name in nodes}
    began = running.cpu_seconds(*nodes)
    await send(traffic, MESSAGES)
    ended = running.cpu_seconds(*nodes)
    return Costs(
        {name: used(began[name], ended[name]) / MESSAGES * MICROSECONDS for name in ended},
        {name: (await running.metric(name, sent) - before[name]) / MESSAGES for name in nodes},
    )


async def send(traffic: Load, messages: int) -> None:
    """Send at fixed times, and wait until every client has every message."""
    began = time.monotonic()
    async with asyncio.TaskGroup() as group:
        for number in range(messages):
            await asyncio.sleep(max(0.0, began + number / RATE - time.monotonic()))
            group.create_task(traffic.send(*traffic.senders[number % len(traffic.senders)]))
    await traffic.settle()


async def figures_of(running: Desk, costs: dict[int, Costs], other: Account) -> Figures:
    began = running.cpu_seconds(NODES[3])[NODES[3]]
    await asyncio.sleep(IDLE_SECONDS)
    idle = used(began, running.cpu_seconds(NODES[3])[NODES[3]]) / IDLE_SECONDS
    few, many = NODES[1], NODES[2]
    four = costs[4]
    delivery = (four.cpu[many] - four.cpu[few]) / (four.deliveries[many] - four.deliveries[few])

    def by_nodes(name: str) -> dict[str, float]:
        return {str(count): one.cpu[name] for count, one in costs.items() if name in one.cpu}

    return Figures(
        messages_per_second=RATE,
        first_node_us=by_nodes(NODES[0]),
        second_node_us=by_nodes(few),
        redis_us=by_nodes("redis"),
        postgresql_us=by_nodes("postgres"),
        relay_us=by_nodes(RELAY),
        proxy_us=by_nodes(PROXY),
        delivery_us=delivery,
        accept_us=four.cpu[NODES[0]] - four.deliveries[NODES[0]] * delivery,
        read_us=four.cpu[NODES[3]] - idle / RATE * MICROSECONDS,
        idle_ms=idle * 1000,
        **await sockets(running, other),
    )


async def sockets(running: Desk, account: Account) -> dict[str, float]:
    """What one more socket costs the last node, in CPU time and memory."""
    process = psutil.Process(running.made.processes[NODES[3]].pid)
    clients = [running.client(account, "viewer", node=NODES[3]) for _ in range(FIRST_SOCKETS + SOCKETS)]
    await start(clients[:FIRST_SOCKETS])
    resident, began = process.memory_info().rss, running.cpu_seconds(NODES[3])[NODES[3]]
    await start(clients[FIRST_SOCKETS:])
    seconds = used(began, running.cpu_seconds(NODES[3])[NODES[3]])
    more = process.memory_info().rss - resident
    await asyncio.gather(*(client.stop() for client in clients))
    return {
        "connect_us": seconds / SOCKETS * MICROSECONDS,
        "socket_bytes": more / SOCKETS,
        "node_bytes": float(resident),
    }


async def test_four_nodes_deliver_once_in_order_and_the_loss_of_one_loses_no_message(running: Desk) -> None:
    await running.start(*NODES)
    account = await running.account()
    with row("2", "kill -9 of one of four nodes behind the proxy, both transports, IPv4 and IPv6") as found:
        senders, clients = everywhere(running, account)
        traffic = Load(running.made, [*senders], [*clients], pause=0.1)
        await asyncio.gather(*(client.start() for client in traffic.clients))
        await have_clients(running, account, 4)
        async with traffic.sending():
            await reaches(traffic, SENT)
            await running.made.kill("web-2")
            lost = [client for client in clients if client.node == "web-2"]
            await reaches(traffic, len(traffic.acknowledged) + SENT)
            async with asyncio.timeout(60):
                while not all(client.outages for client in lost):
                    await asyncio.sleep(0.01)
        await traffic.compare(found)
        found.measure("clients up to date after", max(traffic.outages()), at_most=BACK_SECONDS, unit=" s")
        found.note(f"{len(lost)} clients of the killed node")
        await traffic.stop()


async def have_clients(running: Desk, account: Account, number: int) -> None:
    """Wait until each node has this many of an account, or more: a client may have connected again."""
    of_account = rf'hummdesk_account_connections\{{account="{account.id}"\}}'
    async with asyncio.timeout(60):
        while min([await running.metric(name, of_account) for name in NODES]) < number:
            await asyncio.sleep(POLL_SECONDS)


def everywhere(running: Desk, account: Account) -> tuple[list[tuple[PlacedClient, str]], list[PlacedClient]]:
    """Senders with their conversation, and all clients: on each node each role, transport and address family."""
    both = (str(account.conversation), str(account.other_conversation))
    own = {"customer": both[:1], "stranger": both[1:]}
    senders, clients = [], []
    ways = [(node, kind, family) for node in NODES for kind in (PlacedClient, PollingClient) for family in (4, 6)]
    for number, (node, kind, family) in enumerate(ways):
        name = ROLES[(number + number // len(NODES)) % len(ROLES)]
        conversations = own.get(name, both)
        client = running.client(account, name, node=node, conversations=conversations, kind=kind, family=family)
        clients.append(client)
        if name != "viewer":
            senders.append((client, conversations[0]))
    return senders, clients


async def reaches(traffic: Load, messages: int) -> None:
    async with asyncio.timeout(60):
        while len(traffic.acknowledged) < messages:
            await asyncio.sleep(0.01)
