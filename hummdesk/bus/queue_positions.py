"""The positions that customers were sent, in Redis, so that only changed ones are published.

A relay takes the lock of an account, compares, publishes, and records what it has published. If it is killed before
that, the next one publishes the same positions once more.
"""

import secrets
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any
from uuid import UUID

from redis.asyncio import Redis

from hummdesk.bus.client import raising_unavailable

LOCK_MS = 10_000
KEPT_SECONDS = 86_400
UNLOCK = "if redis.call('get', KEYS[1]) == ARGV[1] then redis.call('del', KEYS[1]) end"


def positions_key(account_id: UUID) -> str:
    return f"hummdesk:queues:{account_id}"


def lock_key(account_id: UUID) -> str:
    return f"hummdesk:queues:{account_id}:lock"


class PublishedPositions:
    def __init__(self, redis: Redis) -> None:
        self._redis: Any = redis  # its stubs give unions over every protocol and decoding
        self._unlock = redis.register_script(UNLOCK)

    async def close(self) -> None:
        await self._redis.aclose()

    @asynccontextmanager
    async def locked(self, account_id: UUID) -> AsyncIterator[bool]:
        """Whether the lock of an account was free; it is held until the end, at most 10 s. Raises Unavailable."""
        token = secrets.token_hex(8)
        async with raising_unavailable():
            is_free = await self._redis.set(lock_key(account_id), token, nx=True, px=LOCK_MS)
        try:
            yield bool(is_free)
        finally:
            if is_free:
                async with raising_unavailable():
                    await self._unlock(keys=[lock_key(account_id)], args=[token])

    async def read(self, account_id: UUID) -> dict[UUID, int]:
        """The positions of the account that were published, by conversation. Raises Unavailable."""
        async with raising_unavailable():
            found = await self._redis.hgetall(positions_key(account_id))
        return {UUID(conversation.decode()): int(position) for conversation, position in found.items()}

    async def write(self, account_id: UUID, positions: Mapping[UUID, int]) -> None:
        """Record the positions of the account in place of the ones before. Raises Unavailable."""
        key = positions_key(account_id)
        async with raising_unavailable(), self._redis.pipeline() as pipeline:
            pipeline.delete(key)
            if positions:
                pipeline.hset(key, mapping={str(one): position for one, position in positions.items()})
                pipeline.expire(key, KEPT_SECONDS)
            await pipeline.execute()
