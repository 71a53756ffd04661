"""The viewers of conversations, in Redis: a lease for each socket of staff that has joined one, renewed by its process.

The lease of a closed socket is removed, those of a dead process expire. The process that then renews a lease of the
same conversation publishes the change.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import UUID

from redis.asyncio import Redis

from hummdesk.bus.client import raising_unavailable

BATCH = 500
"""Leases in one pipeline."""


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
    def __init__(self, redis: Redis, *, lease_seconds: float) -> None:
        self._redis: Any = redis  # its stubs give unions over every protocol and decoding
        self._lease_ms = int(lease_seconds * 1000)
        self._script = redis.register_script(Path(__file__).with_suffix(".lua").read_text())

    async def close(self) -> None:
        await self._redis.aclose()

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
        batches = (views[start : start + BATCH] for start in range(0, len(views), BATCH))
        return [found for batch in batches for found in await self._step_batch(step, batch)]

    async def _step_batch(self, step: str, views: list[View]) -> list[Viewers]:
        async with raising_unavailable(), self._redis.pipeline(transaction=False) as pipeline:
            for view in views:
                key = f"hummdesk:viewers:{view.conversation_id}"
                await self._script(keys=[key], args=[step, view.member(), self._lease_ms], client=pipeline)
            answers = await pipeline.execute()
        return [_viewers(view, *answer) for view, answer in zip(views, answers, strict=True)]


def _viewers(view: View, changed: int, members: list[bytes]) -> Viewers:
    found = (member.decode().split("/", 2) for member in members)
    return Viewers(
        view.account_id, view.conversation_id, {UUID(agent_id): name for agent_id, _, name in found}, bool(changed)
    )
