"""The times of what an agent opens: histories, lists and searches, each in a transaction of its own.

Histories and lists are also read in the empty database, where the conversations have the messages that were sent there,
in turn with the filled one.
"""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from functools import partial

import psycopg

from bench.volume import active
from bench.volume.active import Active
from bench.volume.results import Figure
from bench.volume.times import p50, p99, times
from hummdesk.core.models import Person
from hummdesk.storage import conversations, messages
from hummdesk.storage.conversations import Filter
from hummdesk.storage.database import Database

PAIRS = 400
COLD = 300
SEARCHES = 10
OPEN = Filter(status="open")
HISTORY_MILLISECONDS = 10.0
"""A page of history takes at most so long."""

Read = Callable[["Reader", Active], Awaitable[None]]


class Reader:
    def __init__(self, database: Database) -> None:
        self._database = database

    async def history(self, one: Active) -> None:
        async with self._database.account(one.account_id) as tx:
            found, _ = await messages.page(tx, viewer=one.agent, conversation_id=one.id)
        if not found:
            raise RuntimeError("a page of history without messages")

    async def inbox(self, one: Active) -> None:
        await self.page((one.agent, OPEN))

    async def page(self, asked: tuple[Person, Filter]) -> None:
        viewer, wanted = asked
        async with self._database.account(viewer.account_id) as tx:
            await conversations.page(tx, viewer=viewer, wanted=wanted)


async def measure(url: str, empty_url: str, chosen: list[Active]) -> list[Figure]:
    async with _reader(url) as filled, _reader(empty_url) as empty:
        figures = await _pairs("history page", Reader.history, filled, empty, chosen, target=HISTORY_MILLISECONDS)
        figures += await _pairs("inbox list", Reader.inbox, filled, empty, chosen)
        return figures + await _alone(url, filled)


@asynccontextmanager
async def _reader(url: str) -> AsyncIterator[Reader]:
    database = Database(url, role="hummdesk_app", size=1, timeout=30)
    await database.open()
    yield Reader(database)
    await database.close()


async def _pairs(
    name: str, read: Read, filled: Reader, empty: Reader, chosen: list[Active], *, target: float | None = None
) -> list[Figure]:
    """Read the same in both databases, in turn."""
    found: dict[Reader, list[float]] = {filled: [], empty: []}
    for one in chosen[:PAIRS]:
        for reader in (filled, empty):
            found[reader] += await times(partial(read, reader), [one])
    ratio = p50(found[filled]) / p50(found[empty])
    return [
        Figure(name=f"{name}, p50", value=p50(found[filled]), unit=" ms", target=target),
        Figure(name=f"{name}, p99", value=p99(found[filled]), unit=" ms"),
        Figure(name=f"{name} on almost empty tables, p50", value=p50(found[empty]), unit=" ms"),
        Figure(name=f"{name}, p50, ratio", value=ratio, unit=" ×"),
    ]


async def _alone(url: str, reader: Reader) -> list[Figure]:
    """What has no counterpart in the empty database: the first time, the largest account, and searches."""
    async with await psycopg.AsyncConnection.connect(url) as connection:
        cold = await active.of_any_account(connection, statuses=["closed"], limit=COLD)
        agent = await active.agent_of_largest(connection)
        (order,) = await active.row(
            connection,
            "SELECT split_part(content, ' order ', 2) FROM messages "
            "WHERE account_id = %s AND content LIKE '%% order %%' LIMIT 1",
            agent.account_id,
        )
    first = await times(reader.history, cold)
    asked = {
        "inbox list of the largest account": OPEN,
        "list of its closed conversations": Filter(status="closed"),
        "search there for an order number": Filter(words=order),
        "search there for a part of many words": Filter(words="banan"),
    }
    found = {name: p50(await times(reader.page, [(agent, wanted)] * SEARCHES)) for name, wanted in asked.items()}
    return [
        Figure(name="history page of a closed conversation, for the first time, p50", value=p50(first), unit=" ms"),
        *(Figure(name=f"{name}, p50", value=value, unit=" ms") for name, value in found.items()),
    ]
