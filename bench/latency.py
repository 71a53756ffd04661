"""P7, P9 and P11: the latency of events between processes, and the sustained rate of classification."""

import asyncio
import json
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from functools import partial
from itertools import cycle
from statistics import median

from bench import cores, npm
from bench.contenders import PEERS, Server, companion, hummdesk, node, up
from bench.load import TEXT, TEXTS, Load, conversations
from bench.study import OURS, Bench, Round
from bench.testbed import Testbed

PAUSE_SECONDS = 0.01
STARTED = b'42["ai_processing_started"'
COMPLETED = b'42["ai_processing_completed"'
CLASSIFICATION = b'"processingType":"classification"'
OFFERED = 500
"""Messages a second."""


@asynccontextmanager
async def node_with_bullmq(testbed: Testbed) -> AsyncIterator[Server]:
    worker = (npm.node(), str(PEERS / "worker.mjs"))
    async with node(testbed, job="desk", on=cores.BOTH) as server, companion(testbed, "bullmq", worker):
        yield server


async def ai_start(bench: Bench) -> Round:
    """P7: milliseconds from the commit of a message in PostgreSQL to `ai_processing_started` at an agent."""

    async def measure(wait_for_worker: Callable[[Load], Awaitable[object]], server: Server) -> float:
        async with conversations(bench.testbed, server, senders=4) as load:
            await wait_for_worker(load)
            started = dict([await trigger_run(load, number) for number in range(bench.size.trials)])
            committed = await bench.testbed.commit_times(started)
            return median((started[message] - committed[message]) * 1000 for message in started)

    with bench.testbed.on_both_cores():
        peer = await bench.measure_each({"node": node_with_bullmq}, partial(measure, trigger_run))
        return {"P7": peer | await bench.measure_each({OURS: up}, partial(measure, classify_one))}


async def classified(bench: Bench) -> Round:
    """P11: messages classified a second while OFFERED are sent, in the second half of the time.

    P12: the backlog at the end, which grows with the time if the rate is not sustained.
    """

    async def measure(server: Server) -> tuple[float, float]:
        async with conversations(bench.testbed, server, senders=bench.size.senders) as load:
            await classify_one(load)
            return await _classification_rate(load, seconds=bench.size.sustained_seconds)

    with bench.testbed.on_both_cores():
        results = await bench.measure_each({OURS: up}, measure)
    return {
        "P11": {name: rate for name, (rate, _) in results.items()},
        "P12": {name: backlog for name, (_, backlog) in results.items()},
    }


async def _classification_rate(load: Load, *, seconds: float) -> tuple[float, float]:
    """The rate in the second half, and the backlog at the end."""
    sent = completed = 0

    def on_event(event: bytes) -> None:
        nonlocal completed
        if event.startswith(COMPLETED) and CLASSIFICATION in event:
            completed += 1

    load.on_event, load.on_acknowledged = on_event, lambda *_: None
    topics = list(zip(load.senders, cycle(TEXTS), strict=False))  # one topic for each customer
    started = time.perf_counter()
    half = (started, 0)
    for sent, (sender, text) in zip(range(1, int(OFFERED * seconds) + 1), cycle(topics), strict=False):
        if (early := started + sent / OFFERED - time.perf_counter()) > 0:
            await asyncio.sleep(early)
        if half[0] == started and sent >= OFFERED * seconds / 2:
            half = (time.perf_counter(), completed)
        sender.send_message(text)
    load.raise_error()
    return (completed - half[1]) / (time.perf_counter() - half[0]), sent - completed


async def emits(bench: Bench) -> Round:
    """P9: milliseconds from an emit in this process, as in a Celery task, to a socket of the server."""

    async def measure(server: Server) -> float:
        latencies = []
        async with server.receivers() as receivers:
            await receivers.connect(1)
            for _ in range(bench.size.trials):
                receivers.expect(1)
                started = time.perf_counter()
                emit = asyncio.ensure_future(server.publish(receivers, 1))
                await receivers.wait_received()
                latencies.append((time.perf_counter() - started) * 1000)
                await emit
                await asyncio.sleep(PAUSE_SECONDS)
        return median(latencies)

    return {"P9": await bench.measure_each({OURS: hummdesk}, measure)}


async def classify_one(load: Load) -> None:
    """Return when a message is classified: the workers are ready, without which the relay publishes starts as well."""
    ended = False

    def on_event(event: bytes) -> None:
        nonlocal ended
        ended = ended or (event.startswith(COMPLETED) and CLASSIFICATION in event)

    load.on_acknowledged, load.on_event = lambda *_: None, on_event
    load.senders[0].send_message(TEXT)
    await load.wait_until(lambda: ended)


async def trigger_run(load: Load, number: int = 0) -> tuple[str, float]:
    """Send a message; return its id, and the time at which an agent received `ai_processing_started`."""
    stored: set[str] = set()
    started: dict[str, float] = {}

    def on_acknowledged(_: object, acknowledgement: bytes) -> None:
        stored.add(json.loads(acknowledgement[acknowledgement.index(b"[") :])[0]["messageId"])

    def on_event(event: bytes) -> None:
        if event.startswith(STARTED):
            payload = json.loads(event[2:])[1]
            started.setdefault(payload["messageId"], time.time())

    load.on_acknowledged, load.on_event = on_acknowledged, on_event
    load.senders[number % len(load.senders)].send_message(TEXT)
    await load.wait_until(lambda: not stored.isdisjoint(started))
    await asyncio.sleep(PAUSE_SECONDS)
    [message] = stored
    return message, started[message]
