"""Fault 45: whatever writes or numbers changes is killed under load; the feed stays whole."""

import asyncio
import random
import time
from contextlib import suppress
from typing import Any
from uuid import UUID

import pytest

from hummdesk.core.errors import CommandError, Unavailable
from hummdesk.publish import feed
from hummdesk.publish.feed import FeedEvent
from hummdesk.storage.database import Database
from tests.integration.api.test_feed_mirror import example
from tests.system.chaos.deployment import Deployment
from tests.system.chaos.load import load
from tests.system.chaos.report import row, size

pytestmark = pytest.mark.timeout(size(240, 900))

BACKENDS = """
    SELECT pg_terminate_backend(pid)
    FROM pg_stat_activity
    WHERE datname = current_database()
      AND pid <> pg_backend_pid()
      AND application_name LIKE 'hummdesk_%%'
      AND (%s OR query ~ 'sequence_feed')
"""
MISSING = """
    SELECT count(*)
    FROM (
        SELECT account_id, 'new_message' AS type, id FROM messages
        UNION ALL
        SELECT account_id, 'conversation_created', id FROM conversations
        UNION ALL
        SELECT account_id, 'conversation_' || kind, id FROM conversation_events WHERE kind = 'status_changed'
    ) AS stored
    FULL JOIN (
        SELECT account_id, type, subject_id AS id
        FROM feed_events
        WHERE type IN ('new_message', 'conversation_created', 'conversation_status_changed')
    ) AS numbered USING (account_id, type, id)
    WHERE account_id = ANY (%s)
      AND (stored.id IS NULL OR numbered.id IS NULL)
"""


class Reader:
    """Follows the feed of an account, and checks each page."""

    def __init__(self, database: Database, account_id: UUID) -> None:
        self.database, self.account_id = database, account_id
        self.number, self.digest = 0, example().NO_DIGEST
        self.events: list[FeedEvent] = []

    async def read(self) -> int:
        async with self.database.account(self.account_id) as tx:
            page = await feed.page(tx, after=self.number, limit=500)
        found = [event.wire() for event in page.events]
        assert [event["number"] for event in found] == list(range(self.number + 1, page.complete_to + 1))
        self.digest = example().digest_after(self.digest, found)
        assert self.digest == page.digest.hex()
        self.number = page.complete_to
        self.events += page.events
        return len(found)

    async def follow(self, is_over: asyncio.Event) -> None:
        while not is_over.is_set():
            with suppress(Unavailable):
                await self.read()
            await asyncio.sleep(random.uniform(0, 0.1))

    def out_of_order(self) -> int:
        """Messages that do not follow the one before in their conversation."""
        last: dict[Any, int] = {}
        faults = 0
        for event in self.events:
            if event.type == "new_message":
                faults += event.data["seq"] != last.get(event.conversation_id, 0) + 1
                last[event.conversation_id] = event.data["seq"]
        return faults


async def test_killed_writers_and_sequencers_leave_the_feed_whole(deployment: Deployment) -> None:
    seconds = size(6, 120)
    database = Database(deployment.settings.postgres, role="hummdesk_app", size=3, timeout=15)
    await database.open()
    with row("45", f"web process, relay and backends that number killed at random for {seconds} s") as found:
        async with load(deployment, accounts=2) as traffic:
            sending = list({UUID(conversation) for _, conversation in traffic.senders})
            rows = await deployment.rows("SELECT DISTINCT account_id FROM conversations WHERE id = ANY (%s)", sending)
            accounts = [account_id for (account_id,) in rows]
            readers = [Reader(database, account_id) for account_id in accounts]
            is_over = asyncio.Event()
            followers = [asyncio.create_task(reader.follow(is_over)) for reader in readers]
            async with traffic.sending():
                until = time.monotonic() + seconds
                killed, ended = await asyncio.gather(
                    kill_processes(deployment, until), terminate_backends(deployment, until)
                )
            is_over.set()
            await asyncio.gather(*followers)
            await traffic.compare(found)
            for reader in readers:
                while await reader.read():
                    pass
            [(missing,)] = await deployment.rows(MISSING, accounts)
            found.note(
                f"{killed} processes and {ended} backends killed, {sum(reader.number for reader in readers):,} events"
            )
            found.measure("missing or surplus events", missing)
            found.measure("messages out of order", sum(reader.out_of_order() for reader in readers))
    await database.close()


async def kill_processes(deployment: Deployment, until: float) -> int:
    """Kill and restart a web process and the relay in turn."""
    kills = 0
    while time.monotonic() < until:
        await deployment.kill("web-1")
        await deployment.kill("relay")
        await deployment.start_relay()
        await start_supervised(deployment)
        kills += 2
    return kills


async def start_supervised(deployment: Deployment) -> None:
    """Start a web process as a supervisor does: again, if its first connection to PostgreSQL was terminated."""
    while True:
        with suppress(CommandError):
            return await deployment.start_web(1)


async def terminate_backends(deployment: Deployment, until: float) -> int:
    """Terminate the backends that are numbering changes, and sometimes all those of HummDesk."""
    kills = 0
    while time.monotonic() < until:
        await asyncio.sleep(random.uniform(0.02, 0.2))
        kills += len(await deployment.rows(BACKENDS, random.random() < 0.1))
    return kills
