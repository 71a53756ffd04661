"""The bytes of a message, and the time of VACUUM."""

import time

import psycopg

from bench.volume import active
from bench.volume.active import Connection
from bench.volume.results import Figure


async def measure(url: str) -> list[Figure]:
    """The bytes of a message in its table and in each of its indexes that has entries."""
    async with await psycopg.AsyncConnection.connect(url) as connection:
        (count,) = await active.row(connection, "SELECT count(*) FROM messages")
        (total,) = await active.row(connection, "SELECT pg_total_relation_size('messages')")
        cursor = await connection.execute(
            "SELECT indexrelid::regclass::text, pg_relation_size(indexrelid) FROM pg_index "
            "WHERE indrelid = 'messages'::regclass ORDER BY 2 DESC"
        )
        indexes = await cursor.fetchall()
    return [
        Figure(name="a message with its indexes", value=total / count, unit=" B"),
        *(
            Figure(name=f"index `{name}`, a message", value=size / count, unit=" B")
            for name, size in indexes
            if size >= count
        ),
    ]


async def vacuum(url: str) -> list[Figure]:
    """The first VACUUM, one that finds nothing, and one of conversations of which some have changed."""
    async with await psycopg.AsyncConnection.connect(url, autocommit=True) as connection:
        first = await _seconds(connection, "VACUUM (ANALYZE) messages")
        await connection.execute("VACUUM (ANALYZE)")
        again = await _seconds(connection, "VACUUM messages")
        await connection.execute("SET session_replication_role = replica")
        await connection.execute(
            "UPDATE conversations SET updated_at = updated_at + interval '1 second' "
            "WHERE get_byte(uuid_send(id), 15) < 3"
        )
        changed = await _seconds(connection, "VACUUM conversations")
    return [
        Figure(name="first `VACUUM (ANALYZE) messages`", value=first, unit=" s"),
        Figure(name="`VACUUM messages` that finds nothing", value=again, unit=" s"),
        Figure(name="`VACUUM conversations`, one in a hundred has changed", value=changed, unit=" s"),
    ]


async def _seconds(connection: Connection, statement: str) -> float:
    began = time.monotonic()
    await connection.execute(statement.encode())
    return time.monotonic() - began
