"""P7, P9 and P11: how soon what happens in one process is heard from another, and whether it keeps up."""

import asyncio
import json
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from itertools import cycle
from statistics import median

from bench import cores, npm
from bench.contenders import PEERS, Server, environment, hummdesk, node, run
from bench.rounds import OURS, Bench, Round
from bench.talk import TEXT, TEXTS, Talk, talking
from bench.world import World

PAUSE_SECONDS = 0.01
STARTED = b'42["ai_processing_started"'
COMPLETED = b'42["ai_processing_completed"'
CLASSIFICATION = b'"processingType":"classification"'
OFFERED = 500
"""Messages a second."""


@asynccontextmanager
async def hummdesk_with_ai(world: World) -> AsyncIterator[Server]:
    """As `up` runs it: web process, relay, Celery workers."""
    async with (
        hummdesk(world, on=cores.BOTH) as server,
        _beside(world, "relay", (sys.executable, "-m", "hummdesk", "relay")),
        _beside(world, "worker", (sys.executable, "-m", "tasks")),
    ):
        yield server


@asynccontextmanager
async def node_with_bullmq(world: World) -> AsyncIterator[Server]:
    worker = (npm.node(), str(PEERS / "worker.mjs"))
    async with node(world, job="desk", on=cores.BOTH) as server, _beside(world, "bullmq", worker):
        yield server


async def ai_start(bench: Bench) -> Round:
    """P7: milliseconds from a message's commit, as PostgreSQL dates it, to `ai_processing_started` at an agent."""

    async def measure(server: Server) -> float:
        async with talking(bench.world, server, senders=4) as talk:
            await _start(talk, 0)  # the worker may not be up yet
            started = dict([await _start(talk, number) for number in range(bench.size.trials)])
            stored = await bench.world.committed(started)
            return median((started[message] - stored[message]) * 1000 for message in started)

    with bench.world.on_both_cores():
        return {"P7": await bench.each({"node": node_with_bullmq, OURS: hummdesk_with_ai}, measure)}


async def classified(bench: Bench) -> Round:
    """P11: messages classified in a second while OFFERED are sent, by the second half of the time.

    Beside it the messages that wait for the end of their run at the end of it, which would grow if they were too many.
    """

    async def measure(server: Server) -> tuple[float, float]:
        async with talking(bench.world, server, senders=bench.size.senders) as talk:
            await _start(talk, 0)
            return await _keeps_up(talk, seconds=bench.size.sustained_seconds)

    with bench.world.on_both_cores():
        found = await bench.each({OURS: hummdesk_with_ai}, measure)
    return {
        "P11": {name: rate for name, (rate, _) in found.items()},
        "P12": {name: waiting for name, (_, waiting) in found.items()},
    }


async def _keeps_up(talk: Talk, *, seconds: float) -> tuple[float, float]:
    sent = ended = 0

    def heard(event: bytes) -> None:
        nonlocal ended
        if event.startswith(COMPLETED) and CLASSIFICATION in event:
            ended += 1

    talk.on_event, talk.on_answer = heard, lambda *_: None
    talks = list(zip(talk.senders, cycle(TEXTS), strict=False))  # everybody has one matter
    began = time.perf_counter()
    half = (began, 0)
    for sent, (sender, text) in zip(range(1, int(OFFERED * seconds) + 1), cycle(talks), strict=False):
        if (early := began + sent / OFFERED - time.perf_counter()) > 0:
            await asyncio.sleep(early)
        if half[0] == began and sent >= OFFERED * seconds / 2:
            half = (time.perf_counter(), ended)
        sender.say(text)
    talk.check()
    return (ended - half[1]) / (time.perf_counter() - half[0]), sent - ended


async def emits(bench: Bench) -> Round:
    """P9: milliseconds from an emit in this process, as in a Celery task, to a socket of the server."""

    async def measure(server: Server) -> float:
        found = []
        async with server.crowd() as crowd:
            await crowd.grow(1)
            for _ in range(bench.size.trials):
                crowd.expect(1)
                began = time.perf_counter()
                emit = asyncio.ensure_future(server.publish(crowd, 1))
                await crowd.heard()
                found.append((time.perf_counter() - began) * 1000)
                await emit
                await asyncio.sleep(PAUSE_SECONDS)
        return median(found)

    return {"P9": await bench.each({OURS: hummdesk}, measure)}


async def _start(talk: Talk, number: int) -> tuple[str, float]:
    """A message, and when an agent heard that its run has begun, by the clock."""
    stored: set[str] = set()
    started: dict[str, float] = {}

    def answered(_: object, answer: bytes) -> None:
        stored.add(json.loads(answer[answer.index(b"[") :])[0]["messageId"])

    def heard(event: bytes) -> None:
        if event.startswith(STARTED):
            payload = json.loads(event[2:])[1]
            started.setdefault(payload["messageId"], time.time())

    talk.on_answer, talk.on_event = answered, heard
    talk.senders[number % len(talk.senders)].say(TEXT)
    await talk.until(lambda: stored & started.keys())
    await asyncio.sleep(PAUSE_SECONDS)
    [message] = stored
    return message, started[message]


@asynccontextmanager
async def _beside(world: World, name: str, command: tuple[str, ...]) -> AsyncIterator[None]:
    async def at_once(_pid: int) -> bool:
        return True

    env = environment(world, 0, {"PROMETHEUS_MULTIPROC_DIR": world.metrics_folder()})
    async with run(world, name, command, env=env, ready=at_once, on=cores.BOTH):
        yield
