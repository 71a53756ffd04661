"""The sockets of every web process, in Redis: in all by role, and of each account.

A process reports which accounts have changed, and everything again before it expires. Reports of a dead process are not
counted. `at` in the report of a process is also its sign of life, on which recovery relies.
"""

import time
from collections.abc import Iterable, Mapping
from typing import Any
from uuid import UUID

import orjson

from hummdesk.bus.commands import Commands

NODES = "hummdesk:nodes"
Roles = Mapping[str, int]


class SocketCounts:
    """Every method raises Unavailable while Redis is."""

    def __init__(self, commands: Commands, *, lease_seconds: float) -> None:
        self._commands = commands
        self._lease_seconds = lease_seconds

    async def close(self) -> None:
        await self._commands.close()

    async def report(self, node: str, roles: Roles) -> None:
        """Report the sockets of a web process by role."""
        await self._commands.run("HSET", NODES, node, _report(roles))

    async def report_accounts(self, node: str, accounts: Mapping[UUID, Roles]) -> None:
        """Report the sockets of accounts at a web process by role."""
        expiry = int(self._lease_seconds * 1000)
        await self._commands.run_all(
            command
            for account_id, roles in accounts.items()
            for command in (
                ("HSET", _key(account_id), node, _report(roles)),
                ("PEXPIRE", _key(account_id), expiry),
            )
        )

    async def remove(self, node: str) -> None:
        """Remove the report of a web process that stops."""
        await self._commands.run("HDEL", NODES, node)

    async def of_account(self, account_id: UUID) -> dict[str, int]:
        """Return the sockets of an account by role, over all live processes."""
        return _by_role(await self._live_reports(_key(account_id)))

    async def statistics(self) -> dict[str, Any]:
        """Return `{nodes, connections, byRole: {role: n}}` over all live processes."""
        reports = await self._live_reports(NODES)
        by_role = _by_role(reports)
        return {"nodes": len(reports), "connections": sum(by_role.values()), "byRole": by_role}

    async def _live_reports(self, key: str) -> list[dict[str, Any]]:
        reports = [orjson.loads(report) for report in (await self._commands.run("HGETALL", key))[1::2]]
        return [report for report in reports if time.time() - report["at"] < self._lease_seconds]


def _report(roles: Roles) -> bytes:
    return orjson.dumps({"at": time.time(), "connections": roles})


def _by_role(reports: Iterable[dict[str, Any]]) -> dict[str, int]:
    total: dict[str, int] = {}
    for report in reports:
        for role, number in report["connections"].items():
            total[role] = total.get(role, 0) + number
    return total


def _key(account_id: UUID) -> str:
    return f"hummdesk:sockets:{account_id}"
