"""P1, P2, P8, P10: the CPU time that the server spends on delivering one event to one receiver."""

import time
from functools import partial

from bench import cores
from bench.contenders import Server, bun, hummdesk, node, stock
from bench.engines import limit, nats, nchan
from bench.rounds import OURS, Bench, Round
from bench.sockets import Crowd

BURST = 20
CONTENDERS = {
    OURS: hummdesk,
    "node": node,
    "bun": bun,
    "stock": stock,
    "nats": nats,
    "nchan": nchan,
    "limit": limit,
}
TWO_PROCESSES = {OURS: partial(hummdesk, workers=2), "one process": hummdesk}


async def fan_out(bench: Bench) -> Round:
    """P1 and P2."""

    async def measure(server: Server) -> tuple[float, float]:
        async with server.crowd() as crowd:
            await crowd.grow(bench.size.receivers)
            single = await microseconds(server, crowd, burst=1, seconds=bench.size.seconds)
            return single, await microseconds(server, crowd, burst=BURST, seconds=bench.size.seconds)

    found = await bench.each(CONTENDERS, measure)
    return {
        "P1": {name: single for name, (single, _) in found.items()},
        "P2": {name: burst for name, (_, burst) in found.items()},
    }


async def many_receivers(bench: Bench) -> Round:
    """P8: the same server with few receivers, then with many."""

    async def measure(server: Server) -> float:
        few, many = bench.size.receivers, bench.size.many_receivers
        async with server.crowd() as crowd:
            await crowd.grow(few)
            before = await microseconds(server, crowd, burst=1, seconds=bench.size.seconds)
            await crowd.grow(many - few)
            return await microseconds(server, crowd, burst=1, seconds=bench.size.seconds) / before

    return {"P8": await bench.each({OURS: hummdesk, "limit": limit}, measure)}


async def two_processes(bench: Bench) -> Round:
    """P10: how much more two processes could carry if each had a core: the busier one is the first to be full."""

    async def measure(server: Server) -> float:
        async with server.crowd() as crowd:
            await crowd.grow(bench.size.receivers)
            return await microseconds(server, crowd, burst=1, seconds=bench.size.seconds, busiest=True)

    found = await bench.each(TWO_PROCESSES, measure)
    both = OURS in found and "one process" in found
    return {"P10": {OURS: found["one process"] / found[OURS]} if both else {}}


async def microseconds(server: Server, crowd: Crowd, *, burst: int, seconds: float, busiest: bool = False) -> float:
    """CPU µs a delivery: of all the server's processes, or of the one that used most."""
    await _publish(server, crowd, burst=burst, seconds=seconds / 3)
    before = cores.cpu_seconds(server.pid)
    deliveries = await _publish(server, crowd, burst=burst, seconds=seconds)
    after = cores.cpu_seconds(server.pid)
    used = [after[pid] - before.get(pid, 0) for pid in after]
    return (max(used) if busiest else sum(used)) / deliveries * 1e6


async def _publish(server: Server, crowd: Crowd, *, burst: int, seconds: float) -> int:
    """Publish a burst whenever everybody has got the last one; the number of deliveries."""
    until = time.monotonic() + seconds
    deliveries = 0
    while not deliveries or time.monotonic() < until:
        crowd.expect(burst * len(crowd))
        await server.publish(crowd, burst)
        await crowd.heard()
        deliveries += burst * len(crowd)
    return deliveries
