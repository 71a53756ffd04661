"""P1, P2, P8, P10: the server's CPU time for the delivery of one event to one receiver."""

import time

from bench import cores
from bench.contenders import Receivers, Server, StartServer, bun, configured, hummdesk, node, stock
from bench.engines import limit, nats, nchan
from bench.study import OURS, Bench, Round

BURST = 20
CONTENDERS: dict[str, StartServer] = {
    OURS: hummdesk,
    "node": node,
    "bun": bun,
    "stock": stock,
    "nats": nats,
    "nchan": nchan,
    "limit": limit,
}
ONE_AND_TWO_PROCESSES: dict[str, StartServer] = {OURS: configured(hummdesk, workers=2), "one process": hummdesk}


async def fan_out(bench: Bench) -> Round:
    """P1 and P2."""

    async def measure(server: Server) -> tuple[float, float]:
        async with server.receivers() as receivers:
            await receivers.connect(bench.size.receivers)
            single = await cpu_per_delivery(server, receivers, burst=1, seconds=bench.size.seconds)
            return single, await cpu_per_delivery(server, receivers, burst=BURST, seconds=bench.size.seconds)

    results = await bench.measure_each(CONTENDERS, measure)
    return {
        "P1": {name: single for name, (single, _) in results.items()},
        "P2": {name: burst for name, (_, burst) in results.items()},
    }


async def many_receivers(bench: Bench) -> Round:
    """P8: the same server with few receivers, then with many."""

    async def measure(server: Server) -> float:
        few, many = bench.size.receivers, bench.size.many_receivers
        async with server.receivers() as receivers:
            await receivers.connect(few)
            before = await cpu_per_delivery(server, receivers, burst=1, seconds=bench.size.seconds)
            await receivers.connect(many - few)
            return await cpu_per_delivery(server, receivers, burst=1, seconds=bench.size.seconds) / before

    return {"P8": await bench.measure_each({OURS: hummdesk, "limit": limit}, measure)}


async def two_processes(bench: Bench) -> Round:
    """P10: the load that two processes can carry, by the CPU time of the busier one, over that of one process."""

    async def measure(server: Server) -> float:
        async with server.receivers() as receivers:
            await receivers.connect(bench.size.receivers)
            return await cpu_per_delivery(server, receivers, burst=1, seconds=bench.size.seconds, busiest=True)

    results = await bench.measure_each(ONE_AND_TWO_PROCESSES, measure)
    is_complete = results.keys() == ONE_AND_TWO_PROCESSES.keys()
    return {"P10": {OURS: results["one process"] / results[OURS]} if is_complete else {}}


async def cpu_per_delivery(
    server: Server, receivers: Receivers, *, burst: int, seconds: float, busiest: bool = False
) -> float:
    """CPU time in µs for each delivery: of all processes of the server, or of the busiest one."""
    await _publish(server, receivers, burst=burst, seconds=seconds / 3)
    before = cores.cpu_seconds(server.pid)
    deliveries = await _publish(server, receivers, burst=burst, seconds=seconds)
    after = cores.cpu_seconds(server.pid)
    used = [after[pid] - before.get(pid, 0) for pid in after]
    return (max(used) if busiest else sum(used)) / deliveries * 1e6


async def _publish(server: Server, receivers: Receivers, *, burst: int, seconds: float) -> int:
    """Publish the next burst as soon as all receivers have the last one; return the number of deliveries."""
    until = time.monotonic() + seconds
    deliveries = 0
    while not deliveries or time.monotonic() < until:
        receivers.expect(burst * len(receivers))
        await server.publish(receivers, burst)
        await receivers.wait_received()
        deliveries += burst * len(receivers)
    return deliveries
