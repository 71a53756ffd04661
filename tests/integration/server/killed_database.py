"""A database of which a chosen transaction is rolled back, as if its process had been killed in the middle."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from typing import TypeVar

from hummdesk.core.config import Settings
from hummdesk.storage.database import Database, Transaction
from hummdesk.storage.logins import url_of

Result = TypeVar("Result")


class Killed(Exception):
    """The process has ended in the middle of a transaction."""


class KilledDatabase(Database):
    left = 0
    """The number of transactions until the one that is rolled back."""

    @asynccontextmanager
    async def _transaction(self, setting: str, value: str, *, durable: bool = True) -> AsyncIterator[Transaction]:
        async with super()._transaction(setting, value, durable=durable) as tx:
            yield tx
            self.left -= 1
            if not self.left:
                raise Killed

    async def repeat(self, step: Callable[[], Awaitable[Result]]) -> tuple[Result, int]:
        """Repeat a step, killed in its first transaction, in its second and so on, until it ends; count the kills."""
        kills = 0
        while True:
            self.left = kills + 1
            with suppress(Killed):
                return await step(), kills
            kills += 1


@asynccontextmanager
async def killed_eraser_database(settings: Settings) -> AsyncIterator[KilledDatabase]:
    database = KilledDatabase(
        url_of(settings, "operator"), role="hummdesk_eraser", size=1, timeout=settings.db_timeout_seconds
    )
    await database.open()
    try:
        yield database
    finally:
        await database.close()
