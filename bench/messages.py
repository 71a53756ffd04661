"""P3, P4, P13 and P16: the throughput of stored and acknowledged messages, their latency to others, and their cost."""

import asyncio
import time
from itertools import cycle
from statistics import median, quantiles

from bench import cores
from bench.contenders import Server, StartServer, configured, hummdesk, node, up, with_relay
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
WITH_AND_WITHOUT_AI: dict[str, StartServer] = {"alone": configured(hummdesk, on=cores.BOTH), OURS: up}
RECORDING_RUNS: dict[str, StartServer] = {"node": configured(node, job="desk", on=cores.BOTH), OURS: with_relay}
RARE, STEADY = 20, 300
"""Messages a second: of a desk at rest, and of a busy one that is not overloaded."""


async def messages(bench: Bench) -> Round:
    capacity_of_node = 0.0

    async def measure(server: Server) -> tuple[float, float, float]:
        nonlocal capacity_of_node
        seconds = bench.size.seconds * 2
        async with conversations(bench.testbed, server, senders=bench.size.senders) as load:
            capacity = await throughput(load, seconds)
            capacity_of_node = capacity_of_node or capacity
            busy = p99(await latencies(load, rate=capacity_of_node / 2, seconds=seconds))
            return capacity, busy, median(await latencies(load, rate=RARE, seconds=seconds))

    with bench.testbed.on_both_cores():
        results = await bench.measure_each(CONTENDERS, measure)
    return {
        "P3": {name: capacity for name, (capacity, *_) in results.items()},
        "P4": {name: busy for name, (_, busy, _) in results.items()} if "node" in results else {},
        "P4b": {name: rare for name, (*_, rare) in results.items()},
    }


async def beside_ai(bench: Bench) -> Round:
    """P13 and P13b: `up`, whose relay and AI workers share the cores, over the web process alone."""

    async def measure(server: Server) -> tuple[float, float]:
        seconds = bench.size.beside_ai_seconds
        async with conversations(bench.testbed, server, senders=bench.size.senders) as load:
            steady = p99(await latencies(load, rate=STEADY, seconds=seconds))  # first: without a backlog of the AI
            return await throughput(load, seconds), steady

    with bench.testbed.on_both_cores():
        results = await bench.measure_each(WITH_AND_WITHOUT_AI, measure)
    return {
        "P13": {name: rate for name, (rate, _) in results.items()},
        "P13b": {name: milliseconds for name, (_, milliseconds) in results.items()},
    }


async def cost(bench: Bench) -> Round:
    """P16: CPU µs of all processes but the AI workers, for each message; its run is in the broker's queue."""

    async def measure(server: Server) -> float:
        pids = (server.pid, *server.companions, *bench.testbed.servers)
        async with conversations(bench.testbed, server, senders=bench.size.senders) as load:
            before = cores.total_cpu_seconds(pids)
            sent = await latencies(load, rate=STEADY, seconds=bench.size.seconds * 2, warm_up=0)
            return (cores.total_cpu_seconds(pids) - before) / len(sent) * 1e6

    with bench.testbed.on_both_cores():
        return {"P16": await bench.measure_each(RECORDING_RUNS, measure)}


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


def p99(measured: list[float]) -> float:
    return quantiles(measured, n=100)[-1]


async def latencies(load: Load, *, rate: float, seconds: float, warm_up: float = WARM_UP) -> list[float]:
    """Milliseconds of each message after the warm-up, from the moment it is due until an agent receives it."""
    measured: list[float] = []
    started = round(time.perf_counter(), 6)  # with the precision of the messages

    def on_event(event: bytes) -> None:
        # HummDesk may still publish messages of the previous contender, whose publication was not confirmed.
        if event.startswith(EVENT) and (due := _due(event)) >= started:
            measured.append((time.perf_counter() - due) * 1000)

    load.on_event, load.on_acknowledged = on_event, lambda *_: None
    skipped, count = int(rate * seconds * warm_up), max(2, int(rate * seconds))
    for number, sender in zip(range(skipped + count), cycle(load.senders), strict=False):
        due = started + number / rate
        if (early := due - time.perf_counter()) > 0:
            await asyncio.sleep(early)
        sender.send_message(f"{due:.6f} {TEXT}")
    await load.wait_until(lambda: len(measured) == skipped + count)
    return measured[skipped:]


def _due(event: bytes) -> float:
    """The due time at the beginning of a message of this measurement; 0 for any other message."""
    text = event.partition(b'"content":"')[2].partition(b" ")[0]
    return float(text) if text[:1].isdigit() else 0.0
