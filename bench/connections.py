"""P5, P6, P6b and P14: the memory and CPU time of idle authenticated connections, and the CPU time of a connect."""

import asyncio
from itertools import cycle

from bench import cores
from bench.contenders import Server, StartServer, bun, configured, hummdesk, node, stock, up
from bench.engines import nats, nchan
from bench.latency import classify_one
from bench.load import Sender, conversations
from bench.sockets import ReceiverPool
from bench.study import OURS, Bench, Round
from bench.testbed import Customer, Testbed

AUTHENTICATING: dict[str, StartServer] = {
    OURS: hummdesk,
    "node": configured(node, job="desk"),
    "bun": configured(bun, job="desk"),
    "stock": configured(stock, job="desk"),
}
DESKS: dict[str, StartServer] = {OURS: hummdesk, "node": configured(node, job="desk")}
CONTENDERS: dict[str, StartServer] = AUTHENTICATING | {"nats": nats, "nchan": nchan}


async def connections(bench: Bench) -> Round:
    """The difference between some connections and many, which excludes what is loaded by the first ones."""
    count = bench.size.connections

    async def measure(server: Server) -> tuple[float, float]:
        async with server.receivers() as receivers:
            await receivers.connect(count // 2)
            await asyncio.sleep(bench.size.settle_seconds)
            memory, cpu = cores.resident_bytes(server.pid), sum(cores.cpu_seconds(server.pid).values())
            await receivers.connect(count)
            cpu = sum(cores.cpu_seconds(server.pid).values()) - cpu
            await asyncio.sleep(bench.size.settle_seconds)
            return (cores.resident_bytes(server.pid) - memory) / count / 1024, cpu / count * 1e6

    results = await bench.measure_each(CONTENDERS, measure)
    return {
        "P5": {name: kib for name, (kib, _) in results.items()},
        "P6": {name: microseconds for name, (_, microseconds) in results.items() if name in AUTHENTICATING},
    }


async def connects_one_by_one(bench: Bench) -> Round:
    """P6b: CPU µs of a connect with a join, each after the last one has ended."""

    async def measure(server: Server) -> float:
        agents = iter(_agents_with_conversations(bench.testbed))
        joined = asyncio.Event()
        pool: ReceiverPool[Sender] = ReceiverPool(
            server.port, lambda group: Sender(group, next(agents), lambda *_: joined.set())
        )
        count = bench.size.trials // 2
        try:
            for number in range(2 * count):  # the first half warms up
                if number == count:
                    before = sum(cores.cpu_seconds(server.pid).values())
                await pool.connect(1)
                joined.clear()
                pool[number].join()
                await joined.wait()
            return (sum(cores.cpu_seconds(server.pid).values()) - before) / count * 1e6
        finally:
            pool.close()

    return {"P6b": await bench.measure_each(DESKS, measure)}


def _agents_with_conversations(testbed: Testbed) -> list[Customer]:
    """Return agents of all accounts in turn, each with a conversation of its own as long as there are enough."""
    pairs = [zip(one.agents, cycle(one.customers), strict=False) for one in testbed.accounts]
    return [Customer(token, other.conversation) for turn in zip(*pairs, strict=True) for token, other in turn]


async def idle(bench: Bench) -> Round:
    """P14: per cent of a core that `up`, PostgreSQL and Redis use for 1,000 connected sockets without messages."""

    async def measure(server: Server) -> float:
        pids = (server.pid, *bench.testbed.servers)
        async with conversations(bench.testbed, server, senders=1) as load:
            await classify_one(load)
        async with server.receivers() as receivers:
            await receivers.connect(bench.size.connections // 2)
            await asyncio.sleep(bench.size.settle_seconds * 5)
            # Workers of drafts may still be starting, or write the draft.
            return min([await cores.busy_percent(pids, bench.size.idle_seconds) for _ in range(3)])

    with bench.testbed.on_both_cores():
        return {"P14": await bench.measure_each({OURS: up}, measure)}
