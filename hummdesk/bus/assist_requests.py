"""What agents want translated or rewritten, in Redis until the run is done.

A text is not stored in PostgreSQL: it is the agent's alone, and not sent yet.
"""

from dataclasses import asdict, dataclass
from uuid import UUID

import orjson

from hummdesk.bus.commands import Commands
from hummdesk.core.assist import Assist


@dataclass(frozen=True, slots=True, kw_only=True)
class AssistRequest:
    requested_by: UUID
    wanted: Assist
    """Without the text of a message, which the run reads."""


class AssistRequests:
    """Every method raises Unavailable while Redis is."""

    def __init__(self, commands: Commands) -> None:
        self._commands = commands

    async def close(self) -> None:
        await self._commands.close()

    async def save(self, account_id: UUID, run_id: UUID, request: AssistRequest, *, seconds: int) -> None:
        packed = orjson.dumps(asdict(request))
        await self._commands.run("SET", key_of(account_id, run_id), packed, "EX", seconds)

    async def find(self, account_id: UUID, run_id: UUID) -> AssistRequest | None:
        packed = await self._commands.run("GET", key_of(account_id, run_id))
        if packed is None:
            return None
        stored = orjson.loads(packed)
        return AssistRequest(requested_by=UUID(stored["requested_by"]), wanted=Assist(**stored["wanted"]))

    async def delete(self, account_id: UUID, run_id: UUID) -> None:
        await self._commands.run("DEL", key_of(account_id, run_id))


def key_of(account_id: UUID, run_id: UUID) -> str:
    """Return the key of a run's request. Once it is deleted, the run fails."""
    return f"hummdesk:assist:{account_id}:{run_id}"
