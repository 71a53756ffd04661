"""The lengths of Celery's queues in Redis."""

from typing import Any

from redis.asyncio import Redis

from hummdesk.bus.client import raising_unavailable


class TaskQueues:
    def __init__(self, redis: Redis) -> None:
        self._redis: Any = redis  # its stubs give unions over every protocol and decoding

    async def length(self, key: str) -> int:
        """The number of tasks that no worker has taken. Raises Unavailable."""
        async with raising_unavailable():
            return int(await self._redis.llen(key))

    async def close(self) -> None:
        await self._redis.aclose()
