"""The sockets of every web process, in Redis: in all by role, and of each account.

A process reports which accounts have changed, and everything again before it expires. Reports of a dead process are not
counted. `at` in the report of a process is also its sign of life, on which recovery relies.
"""

import time
from collections.abc import Iterable, Mapping
from typing import Any
from uuid import UUID

import orjson
from redis.asyncio import Redis

from hummdesk.bus.client import raising_unavailable

NODES = "hummdesk:nodes"
BATCH = 200
"""Accounts in one write: Redis does nothing else meanwhile."""

Roles = Mapping[str, int]


class SocketCounts:
    """Every method raises Unavailable while Redis is."""

    def __init__(self, redis: Redis, *, lease_seconds: float) -> None:
        self._redis: Any = redis  # its stubs give unions over every protocol and decoding
        self._lease_seconds = lease_seconds

    async def close(self) -> None:
        await self._redis.aclose()

    async def report(self, node: str, roles: Roles) -> None:
        """Report the sockets of a web process by role."""
        async with raising_unavailable():
            await self._redis.hset(NODES, node, orjson.dumps({"at": time.time(), "connections": roles}))

    async def report_accounts(self, node: str, accounts: Mapping[UUID, Roles]) -> None:
        """Report the sockets of accounts at a web process by role."""
        reports = list(accounts.items())
        for start in range(0, len(reports), BATCH):
            async with raising_unavailable(), self._redis.pipeline(transaction=False) as pipeline:
                for account_id, roles in reports[start : start + BATCH]:
                    report = orjson.dumps({"at": time.time(), "connections": roles})
                    pipeline.hset(_key(account_id), node, report)
                    pipeline.pexpire(_key(account_id), int(self._lease_seconds * 1000))
                await pipeline.execute()

    async def remove(self, node: str) -> None:
        """Remove the report of a web process that stops."""
        async with raising_unavailable():
            await self._redis.hdel(NODES, node)

    async def of_account(self, account_id: UUID) -> dict[str, int]:
        """Return the sockets of an account by role, over all live processes."""
        return _by_role(await self._live_reports(_key(account_id)))

    async def statistics(self) -> dict[str, Any]:
        """Return `{nodes, connections, byRole: {role: n}}` over all live processes."""
        reports = await self._live_reports(NODES)
        by_role = _by_role(reports)
        return {"nodes": len(reports), "connections": sum(by_role.values()), "byRole": by_role}

    async def _live_reports(self, key: str) -> list[dict[str, Any]]:
        async with raising_unavailable():
            reports = [orjson.loads(report) for report in (await self._redis.hgetall(key)).values()]
        return [report for report in reports if time.time() - report["at"] < self._lease_seconds]


def _by_role(reports: Iterable[dict[str, Any]]) -> dict[str, int]:
    total: dict[str, int] = {}
    for report in reports:
        for role, number in report["connections"].items():
            total[role] = total.get(role, 0) + number
    return total


def _key(account_id: UUID) -> str:
    return f"hummdesk:sockets:{account_id}"
