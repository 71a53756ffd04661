"""The time of a send through the message writer, on filled tables and on empty ones, in turn.

Rounds of a few seconds alternate between the two databases of one server, so that whatever else the machine does meets
both alike. The figure is the median of the ratios of the pairs.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from statistics import median

from bench.volume.active import Active
from bench.volume.results import Figure
from bench.volume.times import p50, p99
from hummdesk.storage.database import Database
from hummdesk.storage.message_writer import MessageWriter
from hummdesk.storage.messages import NewMessage
from hummdesk.storage.writer_connection import WriterConnection

TIMEOUT = 30.0
PER_SECOND = 100
RATIO = 1.3
"""The highest p99 of filled tables, as a multiple of that of empty ones."""


async def measure(url: str, empty_url: str, chosen: list[Active], *, pairs: int, seconds: float) -> list[Figure]:
    async with _writer(url) as filled, _writer(empty_url) as empty:
        for writer in (empty, filled):  # each conversation once: those of a desk are in use
            await asyncio.gather(*(_send(writer, one, number) for number, one in enumerate(chosen)))
        rounds = [await _pair(filled, empty, chosen, seconds=seconds, is_reversed=bool(n % 2)) for n in range(pairs)]
    ratios = [p99(one) / p99(other) for one, other in rounds]
    return [
        Figure(name="send, p50", value=median(p50(one) for one, _ in rounds), unit=" ms"),
        Figure(name="send, p50, on empty tables", value=median(p50(other) for _, other in rounds), unit=" ms"),
        Figure(name="send, p99", value=median(p99(one) for one, _ in rounds), unit=" ms"),
        Figure(name="send, p99, on empty tables", value=median(p99(other) for _, other in rounds), unit=" ms"),
        Figure(name="send, p99, ratio of a pair", value=median(ratios), unit=" ×", target=RATIO),
    ]


@asynccontextmanager
async def _writer(url: str) -> AsyncIterator[MessageWriter]:
    async with AsyncExitStack() as stack:
        batches = WriterConnection(url, timeout=TIMEOUT)
        database = Database(url, role="hummdesk_app", size=2, timeout=TIMEOUT)
        for resource in (batches, database):
            stack.push_async_callback(resource.close)
            await resource.open()
        yield MessageWriter(batches, database, timeout=TIMEOUT, take_published=lambda _limit: [])


async def _pair(
    filled: MessageWriter, empty: MessageWriter, chosen: list[Active], *, seconds: float, is_reversed: bool
) -> tuple[list[float], list[float]]:
    """The milliseconds of a round on each, first on the filled tables or, reversed, on the empty ones."""
    order = (empty, filled) if is_reversed else (filled, empty)
    found = {writer: await _round(writer, chosen, seconds=seconds) for writer in order}
    return found[filled], found[empty]


async def _round(writer: MessageWriter, chosen: list[Active], *, seconds: float) -> list[float]:
    """The milliseconds of sends at fixed times, each from the time when it was due."""
    loop = asyncio.get_running_loop()
    began = loop.time()

    async def send_at(number: int) -> float:
        due = began + number / PER_SECOND
        await asyncio.sleep(due - loop.time())
        await _send(writer, chosen[number % len(chosen)], number)
        return (loop.time() - due) * 1000

    return list(await asyncio.gather(*map(send_at, range(int(seconds * PER_SECOND)))))


async def _send(writer: MessageWriter, to: Active, number: int) -> None:
    message = NewMessage(conversation_id=to.id, content=f"Where is my order {number}? I have waited for two weeks now.")
    sent = await writer.send(sender=to.agent if number % 2 else to.customer, message=message)
    if not sent.created:
        raise RuntimeError("a message was stored before")
