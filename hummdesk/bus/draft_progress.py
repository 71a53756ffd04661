"""The drafts that are being generated, in Redis: as far as they are shown, for agents who join meanwhile.

A conversation has one entry, of the run that began last. A run stops the display when its entry is missing (it was
erased) or belongs to another run.
"""

from dataclasses import dataclass
from typing import Any
from uuid import UUID

import orjson

from hummdesk.bus.commands import Commands, Script

LIFETIME_SECONDS = 60
"""Of an entry whose process has died, from its last change."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """The draft of an attempt as far as it is shown, after `index` chunks."""

    run_id: UUID
    attempt: int
    index: int = 0
    text: str = ""

    def wire(self) -> dict[str, Any]:
        """The field `ai.streaming` of the answer to `join_conversation`."""
        return {"runId": str(self.run_id), "attempt": self.attempt, "index": self.index, "text": self.text}


class DraftProgress:
    """Every method raises Unavailable while Redis is."""

    def __init__(self, commands: Commands) -> None:
        self._commands = commands
        self._script = Script(commands, "draft_progress")

    async def close(self) -> None:
        await self._commands.close()

    async def begin(self, account_id: UUID, conversation_id: UUID, progress: Progress) -> None:
        await self._step("begin", account_id, conversation_id, progress)

    async def save(self, account_id: UUID, conversation_id: UUID, progress: Progress) -> bool:
        """Store how far the draft is; return whether it is still to be shown."""
        return await self._step("save", account_id, conversation_id, progress)

    async def end(self, account_id: UUID, conversation_id: UUID, progress: Progress) -> None:
        await self._step("end", account_id, conversation_id, progress)

    async def of_conversation(self, account_id: UUID, conversation_id: UUID) -> Progress | None:
        stored = await self._commands.run("HGET", key_of(account_id, conversation_id), "state")
        if stored is None:
            return None
        state = orjson.loads(stored)
        return Progress(run_id=UUID(state["runId"]), attempt=state["attempt"], index=state["index"], text=state["text"])

    async def _step(self, step: str, account_id: UUID, conversation_id: UUID, progress: Progress) -> bool:
        state = orjson.dumps(progress.wire())
        arguments: list[str | int | bytes] = [step, str(progress.run_id), LIFETIME_SECONDS, state]
        return bool(await self._script(keys=[key_of(account_id, conversation_id)], args=arguments))


def key_of(account_id: UUID, conversation_id: UUID) -> str:
    """Return the key of a conversation's draft. Once it is deleted, the run shows no more of the draft."""
    return f"hummdesk:drafting:{account_id}:{conversation_id}"
