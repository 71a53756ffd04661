"""Recoverable sessions in Redis: saved while a socket is connected, since its process may be killed, and after it.

A session is claimed once. A client that disconnects again before it has received its recovered session claims it again,
as soon as the process that was recovering it notices. Sessions of a killed process can be claimed within the recovery
window after its last report.
"""

import asyncio
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import orjson

from hummdesk.bus.commands import Commands, Script
from hummdesk.bus.socket_counts import NODES

CONNECTED_SECONDS = 3600
"""Expiry of the session of a connected socket; it is saved again before."""

CLAIM_ATTEMPTS = 20
CLAIM_RETRY_SECONDS = 0.05
"""How often, and at what distance, a claim is retried while another one is in progress."""

IS_TAKEN = 0
IS_OF_ANOTHER = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class RecoverableSession:
    """A socket's person and rooms; each room with the position in the event stream at which the socket entered it."""

    sid: str
    account_id: UUID
    person_id: UUID
    rooms: dict[str, str]
    joined: list[UUID]

    @classmethod
    def from_json(cls, packed: bytes) -> "RecoverableSession":
        fields = orjson.loads(packed)
        ids = {name: UUID(fields[name]) for name in ("account_id", "person_id")}
        return cls(**(fields | ids | {"joined": [UUID(one) for one in fields["joined"]]}))


class NotOwner(Exception):
    """The session is that of another person. It was not claimed."""


class RecoveryStore:
    """Every method raises Unavailable while Redis is."""

    def __init__(self, commands: Commands, *, node: str, window_seconds: float, report_seconds: float) -> None:
        """`report_seconds`: the interval at which a live node reports itself."""
        self._commands = commands
        self._node = node
        self._window_seconds = window_seconds
        self._window_milliseconds = int(window_seconds * 1000)
        self._report_seconds = report_seconds
        self._save = Script(commands, "recovery_save")
        self._disconnect = Script(commands, "recovery_disconnect")
        self._claim = Script(commands, "recovery_claim")

    async def close(self) -> None:
        await self._commands.close()

    async def save(self, pid: str, session: RecoverableSession) -> None:
        """Save the state that the session has when it is sent: none waits in its packed form.

        A session that another node has is left as it is.
        """
        await self._save.run_built([_key(pid)], lambda: [self._node, orjson.dumps(session), CONNECTED_SECONDS])

    async def disconnect(self, pid: str) -> bool:
        """Begin the recovery window of a closed socket. Returns False if another node has the session already."""
        return bool(await self._disconnect(keys=[_key(pid)], args=[self._node, self._window_milliseconds]))

    async def delete(self, pid: str) -> None:
        await self._commands.run("DEL", _key(pid))

    async def claim(self, pid: str, *, account_id: UUID, person_id: UUID) -> RecoverableSession | None:
        """Return the session to the one caller that may have it; None if there is none or it has expired.

        Raises NotOwner.
        """
        owner = (str(account_id), str(person_id))
        found = await self._take(pid, owner, even_if_connected=True)
        attempts = 0
        while found == IS_TAKEN and attempts < CLAIM_ATTEMPTS:
            await asyncio.sleep(CLAIM_RETRY_SECONDS)
            found = await self._take(pid, owner, even_if_connected=False)
            attempts += 1
        if found == IS_OF_ANOTHER:
            raise NotOwner
        if found in (None, IS_TAKEN):
            return None
        node, _, packed = found.partition(b" ")
        if node and not await self._was_alive(node.decode()):
            return None
        return RecoverableSession.from_json(packed)

    async def _take(self, pid: str, owner: tuple[str, str], *, even_if_connected: bool) -> Any:
        arguments: list[str | int] = [self._node, self._window_milliseconds, int(even_if_connected), *owner]
        return await self._claim(keys=[_key(pid)], args=arguments)

    async def _was_alive(self, node: str) -> bool:
        """Whether a node that never recorded the disconnect has reported itself within the recovery window."""
        report = await self._commands.run("HGET", NODES, node)
        return (
            report is not None
            and time.time() - orjson.loads(report)["at"] < self._window_seconds + self._report_seconds
        )


class SessionEraser:
    """Deletes saved sessions before they expire. Every method raises Unavailable while Redis is."""

    def __init__(self, commands: Commands) -> None:
        self._commands = commands

    async def close(self) -> None:
        await self._commands.close()

    async def delete(self, account_id: UUID, person_id: UUID | None = None) -> int:
        """Delete the sessions of a person, or of all persons of an account; return their number."""
        return sum([await self._commands.run("DEL", key) async for key in self._of(account_id, person_id)])

    async def count(self, account_id: UUID, person_id: UUID | None = None) -> int:
        return len([key async for key in self._of(account_id, person_id)])

    async def _of(self, account_id: UUID, person_id: UUID | None) -> AsyncIterator[bytes]:
        wanted = {"account_id": str(account_id)} | ({} if person_id is None else {"person_id": str(person_id)})
        async for key in self._commands.scan(_key("*")):
            saved = await self._commands.run("GET", key)
            if saved is not None and wanted.items() <= orjson.loads(saved.partition(b" ")[2]).items():
                yield key


def _key(pid: str) -> str:
    return f"hummdesk:recovery:{pid}"
