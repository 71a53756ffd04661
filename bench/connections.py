"""P5 and P6: the memory of an idle authenticated connection, and the CPU time of a connect."""

import asyncio

from bench import cores
from bench.contenders import Server, StartServer, bun, configured, hummdesk, node, stock
from bench.engines import nats, nchan
from bench.study import OURS, Bench, Round

AUTHENTICATING: dict[str, StartServer] = {
    OURS: hummdesk,
    "node": configured(node, job="desk"),
    "bun": configured(bun, job="desk"),
    "stock": configured(stock, job="desk"),
}
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
