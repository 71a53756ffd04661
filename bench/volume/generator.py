"""Fills a database with the messages of years, in the order in which they would have arrived.

Accounts have skewed sizes: the largest one has a twentieth of all messages, the smallest ones a few hundred. As in
production, the rows of a table are stored by time, so that those of an account, and of a conversation, are far apart.
The indexes are built at the end, which takes less time than to maintain them.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import psycopg

from bench.volume.active import Connection, row

PER_CONVERSATION = 20
"""Messages of each conversation, of the customer and an agent in turn."""
CONVERSATIONS_BETWEEN = 50
"""Conversations that are opened between two messages of one."""
DAYS = 730
LAST_DAYS_AGO = 4
"""Older than the conversations of the seed of the plans."""
BATCH = 500_000
"""Messages in one transaction."""
WITH_RUNS = 8
"""The newest messages, one in so many, have AI runs and past answers, as if older ones had been deleted."""
TABLES = ["contacts", "conversations", "messages", "conversation_events", "ai_runs", "ai_results", "past_answers"]

SKIP_INDEXES = """
UPDATE pg_index
SET indisready = false, indisvalid = false
WHERE indrelid = ANY (SELECT name::regclass FROM unnest(%s::text[]) AS name)
"""
COUNTS = """
SELECT
    (SELECT count(*) FROM accounts),
    (SELECT count(*) FROM conversations),
    (SELECT sum(last_seq)::bigint FROM conversations),
    (SELECT sum(last_seq)::bigint FROM conversations GROUP BY account_id ORDER BY 1 DESC LIMIT 1),
    (SELECT count(*) FROM ai_runs)
"""


@dataclass(frozen=True, kw_only=True)
class Generated:
    accounts: int
    conversations: int
    messages: int
    largest: int
    """Messages of the largest account."""
    runs: int
    seconds: float


async def generate(url: str, *, messages: int, accounts: int, show: Callable[[str], None]) -> Generated:
    """Add about so many messages to a migrated database, which is empty or has the seed of the plans.

    Foreign keys are not checked. Needs a superuser.
    """
    began = time.monotonic()
    cursors = psycopg.AsyncClientCursor  # numbers become literals, whose products do not overflow
    async with await psycopg.AsyncConnection.connect(url, autocommit=True, cursor_factory=cursors) as connection:
        wanted = {"conversations": messages // PER_CONVERSATION, "accounts": accounts}
        await connection.execute(SKIP_INDEXES, (TABLES,))
        await connection.execute(_text("prepare"), wanted)
        (conversations,) = await row(connection, "SELECT count(*) FROM opened")
        await _insert(connection, conversations, show)
        for table in TABLES:
            show(f"indexes of {table}")
            await connection.execute(b"REINDEX TABLE " + table.encode())
        counts = await row(connection, COUNTS)
    names = ("accounts", "conversations", "messages", "largest", "runs")
    return Generated(**dict(zip(names, counts, strict=True)), seconds=time.monotonic() - began)


async def _insert(connection: Connection, conversations: int, show: Callable[[str], None]) -> None:
    """Insert conversations and messages by time; messages go on after the last conversation was opened."""
    per = PER_CONVERSATION
    end = conversations + per * CONVERSATIONS_BETWEEN
    day = 86_400_000
    values = {
        "start": int(time.time() * 1000) - (DAYS + LAST_DAYS_AGO) * day,
        "step": DAYS * day / (end * per),
        "per": per,
        "between": CONVERSATIONS_BETWEEN,
        "conversations": conversations,
    }
    step = BATCH // per
    with_runs = b"WITH message AS (" + _text("messages")
    with_runs += b"RETURNING account_id, id, conversation_id, seq, sender_type, created_at)" + _text("runs")
    for first in range(0, end, step):
        batch = values | {"first": first, "last": min(first + step, end) - 1}
        await connection.execute(_text("conversations"), batch)
        is_new = first + step > end - end // WITH_RUNS
        await connection.execute(with_runs if is_new else _text("messages"), batch)
        show(f"{min(first + step, conversations) * per:,} messages of {conversations * per:,}")


def _text(name: str) -> bytes:
    return Path(__file__).with_name(f"{name}.sql").read_bytes()
