"""P3 and P4: the throughput of stored and acknowledged messages, and their latency to others."""

import asyncio
import time
from itertools import cycle
from statistics import quantiles

from bench import cores
from bench.contenders import Server, StartServer, configured, hummdesk, node
from bench.load import TEXT, Load, Sender, conversations
from bench.sockets import EVENT
from bench.study import OURS, Bench, Round

WARM_UP = 0.3
"""The duration of the warm-up, as a part of the duration of the measurement."""
CONTENDERS: dict[str, StartServer] = {  # node first: its capacity determines the load of P4
    "node": configured(node, job="desk", on=cores.BOTH),
    OURS: configured(hummdesk, on=cores.BOTH),
    "unbatched": configured(hummdesk, on=cores.BOTH, module="bench.peers.unbatched"),
}


async def messages(bench: Bench) -> Round:
    capacity_of_node = 0.0

    async def measure(server: Server) -> tuple[float, float]:
        nonlocal capacity_of_node
        async with conversations(bench.testbed, server, senders=bench.size.senders) as load:
            capacity = await throughput(load, bench.size.seconds * 2)
            capacity_of_node = capacity_of_node or capacity
            return capacity, await latency_p99(load, rate=capacity_of_node / 2, seconds=bench.size.seconds * 2)

    with bench.testbed.on_both_cores():
        results = await bench.measure_each(CONTENDERS, measure)
    return {
        "P3": {name: capacity for name, (capacity, _) in results.items()},
        "P4": {name: milliseconds for name, (_, milliseconds) in results.items()} if "node" in results else {},
    }


async def throughput(load: Load, seconds: float) -> float:
    """Acknowledged messages a second. Each customer sends the next message after the last acknowledgement."""
    sent = acknowledged = 0
    is_running = True

    def send(sender: Sender) -> None:
        nonlocal sent
        sent += 1
        sender.send_message(TEXT)

    def on_acknowledged(sender: Sender, _: bytes) -> None:
        nonlocal acknowledged
        acknowledged += 1
        if is_running:
            send(sender)

    load.on_acknowledged = on_acknowledged
    for sender in load.senders:
        send(sender)
    await load.run_for(seconds * WARM_UP)
    before, started = acknowledged, time.perf_counter()
    await load.run_for(seconds)
    rate = (acknowledged - before) / (time.perf_counter() - started)
    is_running = False
    await load.wait_until(lambda: acknowledged == sent)
    return rate


async def latency_p99(load: Load, *, rate: float, seconds: float) -> float:
    """The 99th percentile in milliseconds, from the moment a message is due until an agent receives it."""
    latencies: list[float] = []
    started = round(time.perf_counter(), 6)  # with the precision of the messages

    def on_event(event: bytes) -> None:
        # HummDesk may still publish messages of the previous contender, whose publication was not confirmed.
        if event.startswith(EVENT) and (due := _due(event)) >= started:
            latencies.append((time.perf_counter() - due) * 1000)

    load.on_event, load.on_acknowledged = on_event, lambda *_: None
    warm_up, count = int(rate * seconds * WARM_UP), int(rate * seconds)
    for number, sender in zip(range(warm_up + count), cycle(load.senders), strict=False):
        due = started + number / rate
        if (early := due - time.perf_counter()) > 0:
            await asyncio.sleep(early)
        sender.send_message(f"{due:.6f} {TEXT}")
    await load.wait_until(lambda: len(latencies) == warm_up + count)
    return quantiles(latencies[warm_up:], n=100)[-1]


def _due(event: bytes) -> float:
    """The due time at the beginning of a message of this measurement; 0 for any other message."""
    text = event.partition(b'"content":"')[2].partition(b" ")[0]
    return float(text) if text[:1].isdigit() else 0.0
