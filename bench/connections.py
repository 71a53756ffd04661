"""P5 and P6: what an idle authenticated connection occupies, and what it has cost to make it."""

import asyncio
from functools import partial

from bench import cores
from bench.contenders import Server, bun, hummdesk, node, stock
from bench.engines import nats, nchan
from bench.rounds import OURS, Bench, Round

AUTHENTICATING = {
    OURS: hummdesk,
    "node": partial(node, job="desk"),
    "bun": partial(bun, job="desk"),
    "stock": partial(stock, job="desk"),
}
CONTENDERS = AUTHENTICATING | {"nats": nats, "nchan": nchan}


async def connections(bench: Bench) -> Round:
    """The difference between some connections and many: what the first ones brought with them is left out."""
    number = bench.size.connections

    async def measure(server: Server) -> tuple[float, float]:
        async with server.crowd() as crowd:
            await crowd.grow(number // 2)
            await asyncio.sleep(bench.size.settle_seconds)
            memory, cpu = cores.resident_bytes(server.pid), sum(cores.cpu_seconds(server.pid).values())
            await crowd.grow(number)
            cpu = sum(cores.cpu_seconds(server.pid).values()) - cpu
            await asyncio.sleep(bench.size.settle_seconds)
            return (cores.resident_bytes(server.pid) - memory) / number / 1024, cpu / number * 1e6

    found = await bench.each(CONTENDERS, measure)
    return {
        "P5": {name: kib for name, (kib, _) in found.items()},
        "P6": {name: cost for name, (_, cost) in found.items() if name in AUTHENTICATING},
    }
