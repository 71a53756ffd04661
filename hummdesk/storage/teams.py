"""Teams and skills of the agents of accounts."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Self
from uuid import UUID

from hummdesk.storage.database import Transaction
from hummdesk.storage.queries import load

queries = load("teams")


@dataclass(frozen=True, slots=True, kw_only=True)
class Team:
    account_id: UUID
    id: UUID
    name: str
    agent_ids: tuple[UUID, ...]
    """The active agents and admins of the team, by name."""

    @classmethod
    def from_row(cls, row: dict[str, Any]) -> Self:
        return cls(account_id=row["account_id"], id=row["id"], name=row["name"], agent_ids=tuple(row["agent_ids"]))

    def wire(self) -> dict[str, Any]:
        return {"teamId": str(self.id), "name": self.name, "agentIds": [str(agent_id) for agent_id in self.agent_ids]}


async def teams(tx: Transaction, account_ids: Iterable[UUID]) -> list[Team]:
    """All teams of these accounts that the transaction can see, by name."""
    return [Team.from_row(row) async for row in queries.teams(tx, account_ids=list(account_ids))]


async def skills(tx: Transaction, account_ids: Iterable[UUID]) -> dict[UUID, dict[UUID, frozenset[str]]]:
    """The skills of agents by account and agent; agents without skills are left out."""
    found: dict[UUID, dict[UUID, frozenset[str]]] = {}
    async for row in queries.skilled(tx, account_ids=list(account_ids)):
        found.setdefault(row["account_id"], {})[row["id"]] = frozenset(row["skills"])
    return found
