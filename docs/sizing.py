"""The arithmetic of docs/sizing.md, from what `tests/system/nodes/test_nodes.py` measured in the last `make matrix`."""

import math
from collections.abc import Iterable
from dataclasses import dataclass

from bench import history
from docs import matrix
from hummdesk.bus.shards import SHARDS
from hummdesk.core.config import Settings

SOCKETS = 1_000_000
NODES = 100
RECIPIENTS = 10
"""Sockets that receive a message, in the arithmetic."""
ACCOUNT_SOCKETS = 100_000
PROCESS_SOCKETS = 18_000
"""As many as `bench/capacity.py` connects to one web process."""
MINUTES = 10
"""Time in which each socket causes one message, in the arithmetic."""
SECOND_US = 1_000_000


@dataclass(frozen=True)
class Figures:
    """CPU time in µs for each message, unless the name says otherwise; dictionaries by the number of nodes."""

    messages_per_second: int
    first_node_us: dict[str, float]
    second_node_us: dict[str, float]
    redis_us: dict[str, float]
    postgresql_us: dict[str, float]
    relay_us: dict[str, float]
    proxy_us: dict[str, float]
    accept_us: float
    """Of the node that a message is sent to, without its deliveries."""
    read_us: float
    """Of a node that reads an event and delivers it to nobody."""
    delivery_us: float
    """Of a node, for each socket that receives the event."""
    connect_us: float
    idle_ms: float
    """CPU time of a node without messages in a second."""
    socket_bytes: float
    node_bytes: float
    """Resident memory of a node with 50 sockets."""

    def node_us(self, nodes: int) -> float:
        """CPU time of each of this many nodes for a message of the whole deployment."""
        return self.read_us + (self.accept_us + RECIPIENTS * self.delivery_us) / nodes

    @property
    def reader_us(self) -> float:
        """CPU time of Redis for each node that reads the event."""
        least, most = min(self.redis_us, key=int), max(self.redis_us, key=int)
        return max(0.0, (self.redis_us[most] - self.redis_us[least]) / (int(most) - int(least)))

    def redis_us_at(self, nodes: int) -> float:
        """CPU time of Redis for a message that this many nodes read."""
        return self.redis_us["1"] + (nodes - 1) * self.reader_us


def figures() -> Figures:
    return Figures(**matrix.read().sizing)


def nodes_table() -> str:
    """Return the CPU time of each process for a message, by the number of nodes."""
    found = figures()
    columns = {
        "first node": found.first_node_us,
        "second node": found.second_node_us,
        "Redis": found.redis_us,
        "PostgreSQL": found.postgresql_us,
        "relay": found.relay_us,
        "proxy": found.proxy_us,
    }
    rows = [[count, *(_us(one.get(count)) for one in columns.values())] for count in found.first_node_us]
    return _table(["nodes", *(f"{name}, µs" for name in columns)], rows)


def figures_table() -> str:
    found = figures()
    rows = [
        ["a message that is sent to a node, without its deliveries", f"{found.accept_us:,.0f} µs of the node"],
        ["a message that a node reads, for an account of the same shard", f"{found.read_us:,.0f} µs of the node"],
        ["a delivery to one socket", f"{found.delivery_us:,.0f} µs of the node"],
        ["one more node that reads a message", f"{found.reader_us:,.0f} µs of Redis"],
        ["a new socket of staff", f"{found.connect_us:,.0f} µs of the node"],
        ["a node without messages", f"{found.idle_ms:,.1f} ms a second"],
        ["one more socket", f"{found.socket_bytes / 1024:,.0f} KiB"],
        ["a node with 50 sockets", f"{found.node_bytes / 2**20:,.0f} MiB"],
    ]
    return _table(["what", "measured"], rows)


def capacity_table() -> str:
    """Return, for more and more nodes, the messages a second at which one core of each server is full."""
    found = figures()
    rows = [
        [
            str(nodes),
            _rate(found.node_us(nodes)),
            _rate(found.redis_us_at(nodes)),
            _rate(found.redis_us_at(nodes) / SHARDS),
            _rate(found.postgresql_us["4"]),
            _rate(found.relay_us["4"]),
        ]
        for nodes in (1, 4, 20, NODES)
    ]
    heads = ["nodes", "each node", "one Redis", f"Redis Cluster of {SHARDS} masters", "PostgreSQL, each core", "relay"]
    return _table(heads, rows)


def million_table() -> str:
    """Return the arithmetic of the largest deployment of the page."""
    found = figures()
    sockets = SOCKETS // NODES
    rate = SOCKETS / MINUTES / 60
    connections = Settings.db_pool_size + 4
    seconds = found.connect_us * sockets / (NODES - 1) / SECOND_US
    rows = [
        [
            "sockets of a node",
            f"{sockets:,}, of at most {Settings.max_sockets_per_process:,} (`MAX_SOCKETS_PER_PROCESS`)",
        ],
        ["memory of a node", f"{(found.node_bytes + sockets * found.socket_bytes) / 2**20:,.0f} MiB, and the buffers"],
        ["core of a node", _share(rate * found.node_us(NODES))],
        ["one Redis", f"{_share(rate * found.redis_us_at(NODES))} of its core"],
        [
            "Redis Cluster",
            f"{_share(rate * found.redis_us_at(NODES) / SHARDS)} of the core of each of {SHARDS} masters",
        ],
        ["PostgreSQL", f"{rate * found.postgresql_us['4'] / SECOND_US:,.1f} cores"],
        ["relays together", f"{rate * found.relay_us['4'] / SECOND_US:,.1f} cores"],
        ["proxies together", f"{rate * found.proxy_us['4'] / SECOND_US:,.1f} cores"],
        ["connections to PostgreSQL", f"{NODES * connections:,}: {connections} for each node"],
        ["another node ends", f"{seconds:,.2f} s of the core of each node for the clients that come"],
    ]
    return _table(["", f"{SOCKETS:,} sockets on {NODES} nodes, {rate:,.0f} messages a second"], rows)


def process_table() -> str:
    """Return the arithmetic of one account with many sockets, from what `make bench` measured last."""
    latest = history.latest(history.read())
    newest = {name: result for name, (_, result) in latest.items()}
    processes = math.ceil(ACCOUNT_SOCKETS / PROCESS_SOCKETS)
    mib = ACCOUNT_SOCKETS * newest["P17"].value / 1024
    heartbeats = newest["P17b"].value * ACCOUNT_SOCKETS / PROCESS_SOCKETS
    delivery_us = newest["P1"].value * newest["P8"].value
    seconds = delivery_us * ACCOUNT_SOCKETS / processes / SECOND_US
    run, measured = latest["P17c"]
    conditions = f"{run.rounds} round{'s' * (run.rounds > 1)}, load average {run.load:.0f} before it"
    rows = [
        ["web processes", f"{processes}, with at most {PROCESS_SOCKETS:,} sockets each"],
        ["memory of the sockets", f"{mib:,.0f} MiB: {newest['P17'].value:.1f} KiB each"],
        ["heartbeats", f"{heartbeats:.0f}% of a core, all processes together"],
        ["an event to all of them", f"{seconds:.2f} s of the core of each process: {delivery_us:.1f} µs each"],
        ["measured for 10,000 (P17c)", f"{measured.value:.2f} s until the last socket has it; {conditions}"],
    ]
    return _table(["", f"{ACCOUNT_SOCKETS:,} sockets of one account"], rows)


def _us(value: float | None) -> str:
    return "" if value is None else f"{value:,.0f}"


def _rate(microseconds: float) -> str:
    return f"{SECOND_US / microseconds:,.0f}"


def _share(microseconds: float) -> str:
    return f"{microseconds / SECOND_US:,.0%}"


def _table(heads: list[str], rows: Iterable[list[str]]) -> str:
    return "\n".join(f"| {' | '.join(line)} |" for line in (heads, ["---"] * len(heads), *rows))
