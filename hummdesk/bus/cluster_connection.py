"""A connection to a Redis Cluster: each command goes to the master that has its key.

Redis answers MOVED when a slot has another master, ASK while the key has already moved, TRYAGAIN while some keys of a
script have moved, and CLUSTERDOWN while a slot has no master. See the specification of Redis Cluster.
"""

import asyncio
from collections import defaultdict
from collections.abc import Sequence
from functools import partial
from time import monotonic
from typing import Any

from redis import exceptions

from hummdesk.bus.dialing import dial
from hummdesk.bus.link import ProtocolLink
from hummdesk.bus.own_connection import COMMAND_SECONDS, Command, Connection, Key, OwnConnection, pack, raise_first
from hummdesk.bus.slots import SlotMap, key_of, slot_of
from hummdesk.bus.unavailable import REDIS_ERRORS
from hummdesk.core.redis_address import Host, RedisAddress

DIAL_SECONDS = 1.0
"""Timeout of a connect to a node, so that a dead one does not delay the commands to others for long."""
SUSPECT_SECONDS = 1.0
"""How long commands to a node that failed fail at once."""
RETRY_SECONDS = 0.05
REDIRECTIONS = 5
ASKING = pack(("ASKING",))


class ClusterConnection:
    """A connection to each master that is needed. A command to a master that failed has the error as its answer."""

    def __init__(self, address: RedisAddress, *, timeout: float = COMMAND_SECONDS) -> None:
        """`timeout`, in seconds, limits each attempt, and how long a script waits for its keys to have moved."""
        self._address = address
        self._timeout = timeout
        self._nodes: dict[Host, OwnConnection] = {}
        self._suspects: dict[Host, float] = {}
        """Until when nodes that failed are not asked."""
        self._keyless: Host | None = None
        """The master that commands without a key go to."""
        self._closed_opened = 0
        self._slots = SlotMap()
        self._is_stale = True

    @property
    def opened(self) -> int:
        return self._closed_opened + sum(node.opened for node in self._nodes.values())

    async def request(self, *commands: Command) -> list[Any]:
        packed, keys = [pack(command) for command in commands], [key_of(command) for command in commands]
        return raise_first(await self.exchange(packed, keys))

    async def exchange(self, packed: Sequence[bytes], keys: Sequence[Key]) -> list[Any]:
        """As `Connection.exchange`; an answer may also be the error of the connection to its master.

        Repeats what is redirected, and commands to a failed master once, with a new map of the slots. Raises
        ConnectionError if no node of the cluster answers.
        """
        answers: list[Any] = [None] * len(packed)
        waiting = list(range(len(packed)))
        slots = [None if key is None else slot_of(key) for key in keys]
        deadline, moves, has_failed = monotonic() + self._timeout, 0, False
        while waiting:
            if self._is_stale:
                await self._refresh()
            await self._send(packed, slots, waiting, answers)
            asked = [index for index in waiting if type(answers[index]) is exceptions.AskError]
            await self._ask(packed, asked, answers)
            moved = [index for index in waiting if isinstance(answers[index], exceptions.MovedError)]
            early = [index for index in waiting if isinstance(answers[index], exceptions.TryAgainError)]
            lost = [index for index in waiting if _is_lost(answers[index])]
            self._is_stale = bool(moved or lost)
            waiting = sorted([*(moved if moves < REDIRECTIONS else ()), *(() if has_failed else lost), *early])
            moves, has_failed = moves + bool(moved), has_failed or bool(lost)
            if early and monotonic() > deadline:
                return answers
            if early:
                await asyncio.sleep(RETRY_SECONDS)
        return answers

    async def masters(self) -> list[Connection]:
        await self._refresh()
        return [self._node(host) for host in self._slots.masters]

    def another(self) -> "ClusterConnection":
        return ClusterConnection(self._address, timeout=self._timeout)

    async def close(self) -> None:
        for host in list(self._nodes):
            await self._drop(host)
        self._is_stale = True

    async def _send(
        self, packed: Sequence[bytes], slots: Sequence[int | None], indices: Sequence[int], answers: list[Any]
    ) -> None:
        """Send some of the commands, each to the owner of its slot, and put their answers into `answers`."""
        groups: dict[Host | None, list[int]] = defaultdict(list)
        for index in indices:
            slot = slots[index]
            groups[self._any_master() if slot is None else self._slots.owner(slot)].append(index)
        sending = [self._send_to(host, [packed[index] for index in group]) for host, group in groups.items()]
        received = [await sending[0]] if len(sending) == 1 else await asyncio.gather(*sending)
        for group, of_group in zip(groups.values(), received, strict=True):
            for index, answer in zip(group, of_group, strict=True):
                answers[index] = answer

    def _any_master(self) -> Host:
        """Return the master for commands without a key: the same one until it fails, so that a dead one delays few."""
        now, masters = monotonic(), self._slots.masters
        usable = [host for host in masters if self._suspects.get(host, 0.0) <= now] or masters
        if self._keyless not in usable:
            self._keyless = usable[0]
        return self._keyless

    async def _send_to(self, host: Host | None, packed: list[bytes]) -> list[Any]:
        """Return the answers of a node; if it failed, the error for each command."""
        if host is None:
            return [exceptions.ClusterDownError("a slot of the cluster has no master")] * len(packed)
        if self._suspects.get(host, 0.0) > monotonic():
            return [exceptions.ConnectionError(f"{host[0]}:{host[1]} has just failed")] * len(packed)
        try:
            return await self._node(host).exchange(packed)
        except REDIS_ERRORS as error:
            self._suspects[host] = monotonic() + SUSPECT_SECONDS
            await self._drop(host)
            lost = error if isinstance(error, exceptions.RedisError) else exceptions.ConnectionError(str(error))
            return [lost] * len(packed)

    async def _ask(self, packed: Sequence[bytes], asked: Sequence[int], answers: list[Any]) -> None:
        """Send commands whose keys have already moved to the next owner of the slot."""
        for index in asked:
            error = answers[index]
            _, answers[index] = await self._send_to((error.host, error.port), [ASKING, packed[index]])

    async def _refresh(self) -> None:
        """Ask the nodes for the map of the slots until one answers. Raises ConnectionError."""
        now = monotonic()
        known = [*self._slots.masters, *self._address.hosts]
        hosts = sorted(dict.fromkeys(known), key=lambda host: self._suspects.get(host, 0.0) > now)
        problems = []
        for host in hosts:
            try:
                async with asyncio.timeout(DIAL_SECONDS):
                    [answer] = await self._node(host).request(("CLUSTER", "SLOTS"))
            except (*REDIS_ERRORS, TimeoutError) as error:
                problems.append(f"{host[0]}:{host[1]}: {error}")
                await self._drop(host)
                continue
            self._slots = SlotMap.from_redis(answer, asked=host)
            if self._slots.owners:
                self._is_stale = False
                return
            problems.append(f"{host[0]}:{host[1]} knows no slots")
        raise exceptions.ConnectionError(f"no node of the Redis Cluster answers: {'; '.join(problems)}")

    def _node(self, host: Host) -> OwnConnection:
        if host not in self._nodes:
            dial_node = partial(dial, self._address, host, timeout=DIAL_SECONDS)
            self._nodes[host] = OwnConnection(partial(ProtocolLink.open, dial_node), timeout=self._timeout, attempts=1)
        return self._nodes[host]

    async def _drop(self, host: Host) -> None:
        if (node := self._nodes.pop(host, None)) is not None:
            self._closed_opened += node.opened
            await node.close()


def _is_lost(answer: Any) -> bool:
    """Whether a command failed with its master, rather than having been answered."""
    failed = isinstance(answer, exceptions.RedisError) and not isinstance(answer, exceptions.ResponseError)
    return failed or isinstance(answer, exceptions.ClusterDownError)
