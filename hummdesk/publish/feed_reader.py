"""The feed for scripts and Celery tasks: an iterator over the events of an account, from PostgreSQL."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing, asynccontextmanager, suppress
from uuid import UUID

from hummdesk.core import config
from hummdesk.core.background import end
from hummdesk.core.config import Settings
from hummdesk.publish.feed import MAX_LIMIT, FeedEvent, page
from hummdesk.storage.database import Database
from hummdesk.storage.logins import listen_url_of, url_of

CHANNEL = "hummdesk_feed"
POLL_SECONDS = 5.0
"""Without a relay, which notifies of changes, the feed is read at this interval."""


async def feed(
    account_id: UUID, *, after: int = 0, follows: bool = True, settings: Settings | None = None
) -> AsyncGenerator[FeedEvent, None]:
    """Yield the events of an account after a number, in order and without gaps, each at least once.

    `follows`: wait for further events without end. Store the number of an event once it is processed, and continue
    after it. Without `settings` they are read from the environment. Raises storage.feed.Gone for numbers that are no
    longer kept, and Unavailable.
    """
    settings = settings or config.read(config.collect())
    async with _opened(settings) as database, _changes(database, account_id, follows=follows) as changed:
        while True:
            changed.clear()
            async with database.account(account_id) as tx:
                found = await page(tx, after=after, limit=MAX_LIMIT)
            for event in found.events:
                yield event
            if found.events:
                after = found.complete_to
            elif not follows:
                return
            else:
                with suppress(TimeoutError):
                    async with asyncio.timeout(POLL_SECONDS):
                        await changed.wait()


@asynccontextmanager
async def _opened(settings: Settings) -> AsyncIterator[Database]:
    url = url_of(settings, "worker")
    listen_url = listen_url_of(settings, "worker")
    database = Database(url, role="hummdesk_worker", size=1, timeout=settings.db_timeout_seconds, listen_url=listen_url)
    await database.open()
    try:
        yield database
    finally:
        await database.close()


@asynccontextmanager
async def _changes(database: Database, account_id: UUID, *, follows: bool) -> AsyncIterator[asyncio.Event]:
    """An event that is set when the account may have changed."""
    changed = asyncio.Event()

    async def listen() -> None:
        async with aclosing(database.listen(CHANNEL)) as notices:
            async for _, payload in notices:
                if payload in ("", str(account_id)):
                    changed.set()

    task = asyncio.create_task(listen()) if follows else None
    try:
        yield changed
    finally:
        if task is not None:
            await end(task)
