"""The presence of agents, in Redis: a lease for each socket of an agent, renewed by its process.

An agent is present while one of its leases is valid. The lease of a closed socket ends after the grace period, those of
a dead process expire. Any process removes expired leases, and the one that removes an agent's last lease publishes the
departure. So a reload, a second tab or a rolling restart within the grace period publishes nothing.

The process that changes a status publishes it. Redis keeps the change as unpublished until that is confirmed: if the
process dies, or loses the answer that names the change, another process publishes it.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import compress
from typing import Any, Literal, TypeVar, cast
from uuid import UUID

from hummdesk.bus.commands import Commands, Script
from hummdesk.bus.shards import SHARDS, Shard, shard_of
from hummdesk.bus.unavailable import is_unavailable
from hummdesk.core.batching import Batcher
from hummdesk.core.config import Settings
from hummdesk.core.errors import Unavailable
from hummdesk.core.redis_address import RedisAddress

Result = TypeVar("Result")
Status = Literal["online", "away", "busy", "offline"]

OVERDUE_SECONDS = 1.5
"""A change that its process has not confirmed as published by then is published by the relay."""
BATCH = 200
"""Leases in one call of the script: Redis does nothing else meanwhile."""


@dataclass(frozen=True, slots=True)
class Lease:
    """One socket of an agent."""

    account_id: UUID
    agent_id: UUID
    sid: str

    @classmethod
    def from_member(cls, member: bytes) -> "Lease":
        account_id, agent_id, sid = member.decode().split("/", 2)
        return cls(UUID(account_id), UUID(agent_id), sid)

    @property
    def member(self) -> str:
        return f"{self.account_id}/{self.agent_id}/{self.sid}"


@dataclass(frozen=True, slots=True)
class Group:
    """Accounts whose presence is together in Redis: in a cluster, those of a shard, in its slot; else all."""

    prefix: str
    """What the names of the keys begin with."""

    @property
    def leases(self) -> str:
        return f"{self.prefix}:presence:leases"

    @property
    def unpublished(self) -> str:
        return f"{self.prefix}:presence:unpublished"

    def statuses(self, account_id: UUID) -> str:
        return f"{self.prefix}:presence:{account_id}"

    def sockets(self, account_id: UUID, agent_id: UUID) -> str:
        return f"{self.prefix}:presence:{account_id}:{agent_id}"


def groups(settings: Settings) -> tuple[Group, ...]:
    """Return the groups: one, whose keys have the names of earlier versions, or in a cluster one for each shard.

    They remain those of the first shards when shards are split: nobody goes offline by it.
    """
    if RedisAddress.parse(settings.redis).topology != "cluster":
        return (Group("hummdesk"),)
    return tuple(Group(Shard(number).stream) for number in range(SHARDS))


def available(statuses: Mapping[UUID, Status]) -> frozenset[UUID]:
    """Return the agents who are online, neither away nor busy."""
    return frozenset(agent_id for agent_id, status in statuses.items() if status == "online")


class Presence:
    """Every method raises Unavailable while Redis is. A group that fails alone affects no account of another one."""

    def __init__(self, commands: Commands, settings: Settings) -> None:
        self._commands = commands
        self._settings = settings
        self._groups = groups(settings)
        self._script = Script(commands, "presence")
        join = partial(self._step, "join", settings.presence_lease_seconds)
        leave = partial(self._step, "leave", settings.presence_grace_seconds)
        self._joining = _batcher(join)
        self._leaving = _batcher(leave)
        self._confirming = _batcher(partial(self._step, "confirm", 0))

    async def close(self) -> None:
        await self._commands.close()

    async def check(self) -> None:
        """Raise Unavailable unless Redis answers."""
        await self._commands.run("PING")

    async def join(self, lease: Lease) -> bool:
        """Begin a lease; return whether the agent came online by it."""
        return bool(await self._joining.submit(lease))

    async def renew(self, leases: list[Lease]) -> list[Lease]:
        """Renew leases, also those that Redis has lost; return those whose agent came online by it."""
        parts: dict[Group, list[Lease]] = {}
        for lease in leases:
            parts.setdefault(self._group(lease.account_id), []).append(lease)
        renewals = (self._renew(group, part) for group, part in parts.items())
        found = await asyncio.gather(*renewals, return_exceptions=True)
        return [lease for online in _raising(found) for lease in online]

    async def _renew(self, group: Group, leases: list[Lease]) -> list[Lease]:
        seconds = self._settings.presence_lease_seconds
        online: list[Lease] = []
        for start in range(0, len(leases), BATCH):
            batch = leases[start : start + BATCH]
            if not await self._extend(seconds, group, batch):
                online += compress(batch, await self._call("renew", seconds, group, batch))
        return online

    async def _extend(self, seconds: float, group: Group, leases: list[Lease]) -> bool:
        """Extend leases of one group; return False if Redis has lost one of their keys, which a renewal repairs."""
        statuses = [group.statuses(account_id) for account_id in {lease.account_id for lease in leases}]
        sockets = [group.sockets(*agent) for agent in {(lease.account_id, lease.agent_id) for lease in leases}]
        members = [lease.member for lease in leases]
        [is_complete] = await self._run("extend", seconds, group, [*statuses, *sockets], members)
        return bool(is_complete)

    async def leave(self, lease: Lease) -> None:
        """Let a lease expire after the grace period."""
        await self._leaving.submit(lease)

    async def expire(self) -> list[Lease]:
        """Remove expired leases; return those whose agent went offline by it, each to one caller."""
        found = await self._of_all_groups("ended", 0, BATCH)
        leases = [Lease.from_member(member) for member in found]
        answers = await self._step("expire", 0, leases)
        return [one for one, answer in zip(leases, answers, strict=True) if isinstance(answer, bytes)]

    async def seconds_until_end(self) -> float | None:
        """Return the seconds until the next lease ends, negative if one has ended; None without leases."""
        found = await self._of_all_groups("next", 0, 1)
        return min(map(int, found)) / 1000 if found else None

    async def overdue(self, limit: int) -> list[tuple[UUID, UUID]]:
        """Return agents, as (account, agent), whose change was not confirmed in time; each to one caller."""
        found = await self._of_all_groups("overdue", OVERDUE_SECONDS, limit)
        return [(UUID(account), UUID(agent)) for account, agent in (member.decode().split("/") for member in found)]

    async def confirm(self, account_id: UUID, agent_id: UUID) -> Status:
        """Confirm that an agent's change was published. Return the status after that."""
        status = await self._confirming.submit(Lease(account_id, agent_id, ""))
        return cast(Status, status.decode()) if status else "offline"

    async def change(self, account_id: UUID, agent_id: UUID, status: Status) -> Status:
        """Set an agent's status by hand; return the one before."""
        [before] = await self._call("change", 0, self._group(account_id), [Lease(account_id, agent_id, status)])
        return cast(Status, before.decode()) if before else "offline"

    async def statuses(self, account_id: UUID, agents: Sequence[UUID] | None = None) -> dict[UUID, Status]:
        """Return the status of each agent, of these or of the account, that has a socket. All others are offline."""
        key = self._group(account_id).statuses(account_id)
        if agents is None:
            flat = await self._commands.run("HGETALL", key)
            found = zip(flat[::2], flat[1::2], strict=True)
        else:
            names = [str(agent).encode() for agent in agents]
            found = zip(names, await self._commands.run("HMGET", key, *names) if names else [], strict=True)
        return {UUID(agent.decode()): status.decode() for agent, status in found if status is not None}

    async def _step(self, step: str, seconds: float, leases: list[Lease]) -> list[bytes | Exception | None]:
        """Run a step of the script for each lease. Return for each the agent's status if the step has changed it.

        `confirm` returns the current status. The answers of a group that failed are its error; raises it if all failed.
        """
        by_group: dict[Group, list[int]] = {}
        for index, lease in enumerate(leases):
            by_group.setdefault(self._group(lease.account_id), []).append(index)
        calls = [self._call(step, seconds, group, [leases[one] for one in part]) for group, part in by_group.items()]
        answers: list[bytes | Exception | None] = [None] * len(leases)
        for part, of_part in zip(by_group.values(), await _of_any(calls), strict=True):
            for number, index in enumerate(part):
                answers[index] = of_part if isinstance(of_part, Unavailable) else of_part[number]
        return answers

    def _group(self, account_id: UUID) -> Group:
        return self._groups[0] if len(self._groups) == 1 else self._groups[shard_of(account_id).number]

    async def _call(self, step: str, seconds: float, group: Group, leases: list[Lease]) -> list[Any]:
        """As `_step`, for leases of one group; `change` returns the status before."""
        keys, arguments = list[str](), list[str]()
        for lease in leases:
            keys += (group.statuses(lease.account_id), group.sockets(lease.account_id, lease.agent_id))
            arguments += (str(lease.account_id), str(lease.agent_id), lease.sid)
        return await self._run(step, seconds, group, keys, arguments)

    async def _of_all_groups(self, step: str, seconds: float, limit: int) -> list[bytes]:
        """Run a step that returns members of a sorted set, at most `limit` of each group."""
        calls = [self._run(step, seconds, group, [], [str(limit)]) for group in self._groups]
        return [member for found in await _of_any(calls) if not isinstance(found, Unavailable) for member in found]

    async def _run(self, step: str, seconds: float, group: Group, keys: list[str], arguments: list[str]) -> list[Any]:
        args: list[str | int] = [step, int(seconds * 1000), self._settings.presence_ttl_seconds, *arguments]
        return list(await self._script(keys=[group.leases, group.unpublished, *keys], args=args))


async def _of_any(calls: Iterable[Awaitable[list[Any]]]) -> list[list[Any] | Unavailable]:
    """Return what each call returns or that it failed with Unavailable. Raises Unavailable if all failed with it."""
    found = await asyncio.gather(*calls, return_exceptions=True)
    results = [one for one in found if isinstance(one, list | Unavailable)]
    if len(results) < len(found) or (results and all(isinstance(one, Unavailable) for one in results)):
        _raising(found)
    return results


def _raising(found: Iterable[Result | BaseException]) -> list[Result]:
    """Return the results. Raises the first error among them."""
    results: list[Result] = []
    for one in found:
        if isinstance(one, BaseException):
            raise one
        results.append(one)
    return results


def _batcher(
    step: Callable[[list[Lease]], Awaitable[list[bytes | Exception | None]]],
) -> Batcher[Lease, bytes | None]:
    return Batcher(step, max_items=BATCH, fails_waiting=is_unavailable)
