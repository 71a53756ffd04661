"""How many sockets each account has at each web process, and how many tasks wait: for operators, in Redis.

A process tells what has changed, and everything again before it would be forgotten; one that died is not counted.
"""

import time
from collections.abc import Iterable, Mapping
from typing import Any
from uuid import UUID

import orjson
from redis.asyncio import Redis

from hummdesk.bus.client import raising_unavailable

BATCH = 200
"""Accounts in one write: Redis does nothing else meanwhile."""

Roles = Mapping[str, int]


class SocketCounts:
    def __init__(self, redis: Redis, *, node: str, lease_seconds: float) -> None:
        self._redis: Any = redis  # its stubs give unions over every protocol and decoding
        self._node = node
        self._lease_seconds = lease_seconds

    async def close(self) -> None:
        await self._redis.aclose()

    async def tell(self, accounts: Mapping[UUID, Roles]) -> None:
        """How many sockets of each role these accounts have at this process."""
        reports = list(accounts.items())
        for start in range(0, len(reports), BATCH):
            async with raising_unavailable(), self._redis.pipeline(transaction=False) as pipeline:
                for account_id, roles in reports[start : start + BATCH]:
                    report = orjson.dumps({"at": time.time(), "roles": roles})
                    pipeline.hset(_key(account_id), self._node, report)
                    pipeline.pexpire(_key(account_id), int(self._lease_seconds * 1000))
                await pipeline.execute()

    async def of(self, account_id: UUID) -> dict[str, int]:
        """The sockets of an account by role, over all processes that live."""
        async with raising_unavailable():
            reports = [orjson.loads(report) for report in (await self._redis.hgetall(_key(account_id))).values()]
        total: dict[str, int] = {}
        for report in reports:
            if time.time() - report["at"] < self._lease_seconds:
                for role, number in report["roles"].items():
                    total[role] = total.get(role, 0) + number
        return total

    async def waiting(self, lists: Iterable[str]) -> int:
        """The entries of lists of the broker."""
        async with raising_unavailable(), self._redis.pipeline(transaction=False) as pipeline:
            for name in lists:
                pipeline.llen(name)
            return sum(await pipeline.execute())


def _key(account_id: UUID) -> str:
    return f"hummdesk:census:{account_id}"
