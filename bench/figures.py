"""`python -m bench.figures [CONVERSATIONS]`: how long reports over that many conversations of 90 days take, 100,000 by
default. Each has six messages, a team, a first response, a closing, and every fourth one a draft and a rating.
"""

import asyncio
import shutil
import sys
import time
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from functools import partial
from statistics import median
from typing import get_args
from uuid import UUID

import click
import psutil
import psycopg

from hummdesk.core import temporary
from hummdesk.dev import postgres
from hummdesk.storage import reports
from hummdesk.storage.database import Database, Transaction
from hummdesk.storage.migrations import migrate
from hummdesk.storage.reports import By, Choice, Scope

ACCOUNT = UUID(int=1)
CONVERSATIONS = 100_000
DAYS = 90
REPEATS = 3

SEED = """
SET session_replication_role = replica;
INSERT INTO accounts (account_id, name) VALUES (%(account)s, 'Account');
INSERT INTO users (account_id, id, email, name, role)
SELECT %(account)s, md5('user' || n)::uuid, n || '@example.com', 'User ' || n, 'agent' FROM generate_series(0, 99) AS n;
INSERT INTO teams (account_id, id, name)
SELECT %(account)s, md5('team' || n)::uuid, 'Team ' || n FROM generate_series(0, 9) AS n;
INSERT INTO contacts (account_id, id, email, name)
SELECT %(account)s, md5('contact' || n)::uuid, n || '@example.com', 'Contact ' || n FROM generate_series(0, 9999) AS n;
CREATE TEMP TABLE opened AS
SELECT
    n,
    md5('conversation' || n)::uuid AS id,
    md5('user' || n %% 100)::uuid AS agent,
    md5('team' || n %% 10)::uuid AS team,
    md5('contact' || n %% 10000)::uuid AS contact,
    now() - %(days)s * interval '1 day' * random() AS at
FROM generate_series(1, %(conversations)s) AS n;
INSERT INTO conversations (account_id, id, contact_id, status, assigned_to, assigned_team, last_seq, last_public_seq,
    created_at, updated_at)
SELECT %(account)s, id, contact, 'closed', agent, team, 6, 6, at, at + interval '2 hours' FROM opened ORDER BY at;
INSERT INTO messages (account_id, id, conversation_id, seq, sender_id, sender_type, sender_name, content, content_type,
    created_at)
SELECT %(account)s, gen_random_uuid(), id, seq, CASE WHEN seq %% 2 = 1 THEN contact ELSE agent END,
    CASE WHEN seq %% 2 = 1 THEN 'customer' ELSE 'agent' END, 'Somebody', repeat('What is said. ', 15), 'text',
    at + seq * (1 + n %% 50) * interval '10 seconds'
FROM opened, generate_series(1, 6) AS seq ORDER BY at, seq;
INSERT INTO conversation_events (account_id, conversation_id, id, kind, actor_id, actor_type, details, created_at)
SELECT %(account)s, id, gen_random_uuid(), kind, agent, 'agent', details, at + after
FROM opened, LATERAL (VALUES
    ('created', '{}'::jsonb, interval '0'),
    ('assigned', jsonb_build_object('toAgent', agent, 'toTeam', team), '5 seconds'),
    ('draft_used', '{"use": "edited"}', '30 minutes'),
    ('status_changed', '{"from": "open", "to": "closed"}', (n %% 90) * interval '1 minute' + interval '1 hour')
) AS logged (kind, details, after)
WHERE kind <> 'draft_used' OR n %% 4 = 0 ORDER BY at;
INSERT INTO conversation_ratings (account_id, conversation_id, closing_id, rating, agent_id, team_id, rated_at)
SELECT %(account)s, id, id, 1 + n %% 5, agent, team, at + interval '3 hours' FROM opened WHERE n %% 4 = 0;
"""


async def main(conversations: int) -> None:
    folder = temporary.make("figures")
    folder.chmod(0o711)
    cluster = await postgres.prepare(folder)
    server = await postgres.start(cluster, folder, durable=False)
    try:
        await _measure(cluster.url(), conversations)
    finally:
        await server.stop()
        cluster.tidy()
        shutil.rmtree(folder)


async def _measure(url: str, conversations: int) -> None:
    await migrate(url)
    async with await psycopg.AsyncConnection.connect(url, autocommit=True) as connection:
        values = {"account": ACCOUNT, "conversations": conversations, "days": DAYS}
        async with psycopg.AsyncClientCursor(connection) as cursor:
            await cursor.execute(SEED.encode(), values)
        await connection.execute("VACUUM ANALYZE")
    database = Database(url, role="hummdesk_app", size=1, timeout=60)
    await database.open()
    until = datetime.now(UTC) + timedelta(hours=3)
    for days in (1, 7, DAYS):
        scope = Scope(since=until - timedelta(days=days), until=until, time_zone="Europe/Berlin")
        for by in get_args(By):
            await _show(f"{days:3} days by {by:6}", database, partial(reports.report, scope=scope, by=by))
        page = partial(reports.items, scope=scope, choice=Choice(figure="answered"), limit=50, cursor=None)
        await _show(f"{days:3} days, a page ", database, page)
    await database.close()


async def _show(name: str, database: Database, read: Callable[[Transaction], Awaitable[object]]) -> None:
    """Print the median time, and that of the processor, which does not depend on what else the machine does."""
    taken, used = [], []
    for _ in range(REPEATS):
        async with database.account(ACCOUNT) as tx:
            backend = psutil.Process(tx.info.backend_pid)
            before, started = sum(backend.cpu_times()[:2]), time.perf_counter()
            await read(tx)
            taken.append(time.perf_counter() - started)
            used.append(sum(backend.cpu_times()[:2]) - before)
    click.echo(f"{name} {median(taken) * 1000:8.0f} ms, {median(used) * 1000:8.0f} ms of CPU")


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]) if len(sys.argv) > 1 else CONVERSATIONS))
