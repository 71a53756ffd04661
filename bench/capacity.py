"""P17: one web process with as many sockets as it may have file descriptors, most of them of one account."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from itertools import cycle
from statistics import median

from bench import cores
from bench.contenders import Receivers, Server, StartServer, configured, hummdesk, node
from bench.load import conversations
from bench.messages import latencies, p99
from bench.sockets import Receiver, ReceiverPool, SocketIOReceiver
from bench.study import OURS, Bench, Round
from bench.testbed import Account

CONTENDERS: dict[str, StartServer] = {OURS: hummdesk, "node": configured(node, job="desk")}
FIGURES = ("P17", "P17b", "P17c", "P17d")
EVENTS = 9
EVENT_INTERVAL_SECONDS = 1.0
"""Between the events of the large account while others send messages."""
MESSAGES_A_SECOND = 50.0


async def many_connections(bench: Bench) -> Round:
    """The sockets are of the first two accounts, the messages of the others."""
    size = bench.size
    _, second, *others = bench.testbed.accounts

    async def measure(server: Server) -> tuple[float, float, float, float]:
        async with server.receivers() as large, _receivers_of(second, server) as small:
            first = size.many_receivers // 10
            await large.connect(first)
            await asyncio.sleep(size.settle_seconds)
            memory = cores.resident_bytes(server.pid)
            await large.connect(size.many_receivers - first)
            await small.connect(size.most_receivers - size.many_receivers)
            await asyncio.sleep(size.settle_seconds)
            bytes_each = (cores.resident_bytes(server.pid) - memory) / (size.most_receivers - first)
            busy = await cores.busy_percent([server.pid], size.heartbeat_seconds)
            event_seconds = median([await _event_seconds(server, large) for _ in range(EVENTS)])
            messages = replace(bench.testbed, accounts=others)
            async with conversations(messages, server, senders=size.senders // 2) as load, _events(server, large):
                latency = p99(await latencies(load, rate=MESSAGES_A_SECOND, seconds=size.sustained_seconds))
            small.raise_error()
            return bytes_each / 1024, busy, event_seconds, latency

    results = await bench.measure_each(CONTENDERS, measure)
    return {
        figure: {name: measured[number] for name, measured in results.items()} for number, figure in enumerate(FIGURES)
    }


@asynccontextmanager
async def _receivers_of(account: Account, server: Server) -> AsyncIterator[Receivers]:
    tokens = cycle(account.agents)
    pool: ReceiverPool[Receiver] = ReceiverPool(server.port, lambda group: SocketIOReceiver(group, next(tokens)))
    try:
        yield pool
    finally:
        pool.close()


async def _event_seconds(server: Server, receivers: Receivers) -> float:
    """Seconds from the publication of an event until the last socket has received it."""
    receivers.expect(len(receivers))
    started = time.perf_counter()
    await server.publish(receivers, 1)
    await receivers.wait_received()
    return time.perf_counter() - started


@asynccontextmanager
async def _events(server: Server, receivers: Receivers) -> AsyncIterator[None]:
    """Publish an event to all receivers at intervals."""

    async def publish() -> None:
        while True:
            await _event_seconds(server, receivers)
            await asyncio.sleep(EVENT_INTERVAL_SECONDS)

    task = asyncio.create_task(publish())
    try:
        yield
    finally:
        task.cancel()
        await asyncio.wait([task])
        if not task.cancelled() and (error := task.exception()) is not None:
            raise error  # the figure is of messages beside the events
        receivers.raise_error()
