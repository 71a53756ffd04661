"""The viewers of conversations, in Redis: a lease for each socket of staff that has joined one, renewed by its process.

The lease of a closed socket is removed, those of a dead process expire. The process that then renews a lease of the
same conversation publishes the change.
"""

import asyncio
from dataclasses import dataclass
from uuid import UUID

from hummdesk.bus.commands import BATCH, Commands, Script


@dataclass(frozen=True, slots=True)
class View:
    """One socket of a staff member in one conversation."""

    account_id: UUID
    conversation_id: UUID
    agent_id: UUID
    sid: str
    name: str

    def member(self) -> str:
        return f"{self.agent_id}/{self.sid}/{self.name}"


@dataclass(frozen=True, slots=True)
class Viewers:
    """The viewers of a conversation by name, and whether they have changed since the last step."""

    account_id: UUID
    conversation_id: UUID
    names: dict[UUID, str]
    changed: bool


class ViewerLeases:
    def __init__(self, commands: Commands, *, lease_seconds: float) -> None:
        self._commands = commands
        self._lease_ms = int(lease_seconds * 1000)
        self._script = Script(commands, "viewers")

    async def close(self) -> None:
        await self._commands.close()

    async def enter(self, views: list[View]) -> list[Viewers]:
        """Begin or renew leases; return the viewers. Raises Unavailable."""
        return await self._step("enter", views)

    async def renew(self, views: list[View]) -> list[Viewers]:
        """Renew leases, also expired ones; return the viewers of changed conversations. Raises Unavailable."""
        return [found for found in await self._step("renew", views) if found.changed]

    async def leave(self, views: list[View]) -> list[Viewers]:
        """End leases; return the remaining viewers. Raises Unavailable."""
        return await self._step("leave", views)

    async def _step(self, step: str, views: list[View]) -> list[Viewers]:
        """Run a step of the script for each view, a batch at a time: while Redis does not answer, few wait for it."""
        found: list[Viewers] = []
        for start in range(0, len(views), BATCH):
            found += await asyncio.gather(*(self._step_of(step, view) for view in views[start : start + BATCH]))
        return found

    async def _step_of(self, step: str, view: View) -> Viewers:
        key = f"hummdesk:viewers:{view.conversation_id}"
        changed, members = await self._script(keys=[key], args=[step, view.member(), self._lease_ms])
        return _viewers(view, changed, members)


def _viewers(view: View, changed: int, members: list[bytes]) -> Viewers:
    found = (member.decode().split("/", 2) for member in members)
    return Viewers(
        view.account_id, view.conversation_id, {UUID(agent_id): name for agent_id, _, name in found}, bool(changed)
    )
