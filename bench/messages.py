"""P3 and P4: how many messages are stored and acknowledged in a second, and how soon others hear them."""

import asyncio
import time
from functools import partial
from itertools import cycle
from statistics import quantiles

from bench import cores
from bench.contenders import Server, hummdesk, node
from bench.rounds import OURS, Bench, Round
from bench.sockets import EVENT
from bench.talk import TEXT, Sender, Talk, talking

WARM_UP = 0.3
"""The part of a measurement's time that goes before it."""
CONTENDERS = {  # node first: its capacity says at which load the two are compared
    "node": partial(node, job="desk", on=cores.BOTH),
    OURS: partial(hummdesk, on=cores.BOTH),
    "ungathered": partial(hummdesk, on=cores.BOTH, module="bench.peers.ungathered"),
}


async def messages(bench: Bench) -> Round:
    capacity_of_node = 0.0

    async def measure(server: Server) -> tuple[float, float]:
        nonlocal capacity_of_node
        async with talking(bench.world, server, senders=bench.size.senders) as talk:
            capacity = await acknowledged(talk, bench.size.seconds * 2)
            capacity_of_node = capacity_of_node or capacity
            return capacity, await slowest(talk, rate=capacity_of_node / 2, seconds=bench.size.seconds * 2)

    with bench.world.on_both_cores():
        found = await bench.each(CONTENDERS, measure)
    return {
        "P3": {name: capacity for name, (capacity, _) in found.items()},
        "P4": {name: milliseconds for name, (_, milliseconds) in found.items()} if "node" in found else {},
    }


async def acknowledged(talk: Talk, seconds: float) -> float:
    """Messages a second, when everybody sends the next one after the answer to the last."""
    sent = answers = 0
    going = True

    def send(sender: Sender) -> None:
        nonlocal sent
        sent += 1
        sender.say(TEXT)

    def answered(sender: Sender, _: bytes) -> None:
        nonlocal answers
        answers += 1
        if going:
            send(sender)

    talk.on_answer = answered
    for sender in talk.senders:
        send(sender)
    await talk.stays(seconds * WARM_UP)
    before, began = answers, time.perf_counter()
    await talk.stays(seconds)
    rate = (answers - before) / (time.perf_counter() - began)
    going = False
    await talk.until(lambda: answers == sent)
    return rate


async def slowest(talk: Talk, *, rate: float, seconds: float) -> float:
    """Milliseconds, the 99th percentile, from when a message was due to be sent to when an agent has it."""
    found: list[float] = []
    began = round(time.perf_counter(), 6)  # as messages say it

    def heard(event: bytes) -> None:
        # Ours also tells what the server before it has stored last: nobody can know whether that was told.
        if event.startswith(EVENT) and (due := _due(event)) >= began:
            found.append((time.perf_counter() - due) * 1000)

    talk.on_event, talk.on_answer = heard, lambda *_: None
    warm_up, number = int(rate * seconds * WARM_UP), int(rate * seconds)
    for count, sender in zip(range(warm_up + number), cycle(talk.senders), strict=False):
        due = began + count / rate
        if (early := due - time.perf_counter()) > 0:
            await asyncio.sleep(early)
        sender.say(f"{due:.6f} {TEXT}")
    await talk.until(lambda: len(found) == warm_up + number)
    return quantiles(found[warm_up:], n=100)[-1]


def _due(event: bytes) -> float:
    """The time that a message of this measurement begins with; 0 for another's."""
    text = event.partition(b'"content":"')[2].partition(b" ")[0]
    return float(text) if text[:1].isdigit() else 0.0
