"""The positions that customers were sent, in Redis, so that only changed ones are published.

A relay takes the lock of an account, compares, publishes, and records what it has published. If it is killed before
that, the next one publishes the same positions once more.
"""

import secrets
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from uuid import UUID

from hummdesk.bus.commands import Commands, Script

LOCK_MS = 10_000
KEPT_SECONDS = 86_400


def positions_key(account_id: UUID) -> str:
    return f"hummdesk:queues:{account_id}"


def lock_key(account_id: UUID) -> str:
    return f"hummdesk:queues:{account_id}:lock"


class PublishedPositions:
    def __init__(self, commands: Commands) -> None:
        self._commands = commands
        self._unlock = Script(commands, "queue_positions_unlock")
        self._write = Script(commands, "queue_positions_write")

    async def close(self) -> None:
        await self._commands.close()

    @asynccontextmanager
    async def locked(self, account_id: UUID) -> AsyncIterator[bool]:
        """Whether the lock of an account was free; it is held until the end, at most 10 s. Raises Unavailable."""
        token = secrets.token_hex(8)
        is_free = await self._commands.run("SET", lock_key(account_id), token, "NX", "PX", LOCK_MS)
        try:
            yield bool(is_free)
        finally:
            if is_free:
                await self._unlock(keys=[lock_key(account_id)], args=[token])

    async def read(self, account_id: UUID) -> dict[UUID, int]:
        """The positions of the account that were published, by conversation. Raises Unavailable."""
        found = await self._commands.run("HGETALL", positions_key(account_id))
        return {UUID(name.decode()): int(place) for name, place in zip(found[::2], found[1::2], strict=True)}

    async def write(self, account_id: UUID, positions: Mapping[UUID, int]) -> None:
        """Record the positions of the account in place of the ones before. Raises Unavailable."""
        pairs = [part for one, position in positions.items() for part in (str(one), position)]
        await self._write(keys=[positions_key(account_id)], args=[KEPT_SECONDS, *pairs])
