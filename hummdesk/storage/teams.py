"""Teams and skills of the agents of accounts."""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Self
from uuid import UUID

from hummdesk.core.clock import wire_time
from hummdesk.core.errors import Invalid, NotFound
from hummdesk.core.ids import new_id
from hummdesk.core.models import Person
from hummdesk.storage import audit, moves, page_cursor
from hummdesk.storage.changes import changed_fields, first_page, unique
from hummdesk.storage.database import Transaction
from hummdesk.storage.moves import LoggedChange
from hummdesk.storage.queries import load

queries = load("teams")

MAX_TEXTS = 300
"""Descriptions and examples of all teams of an account."""


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
    """The active teams of these accounts that the transaction can see, by name."""
    return [Team.from_row(row) async for row in queries.teams(tx, account_ids=list(account_ids))]


@dataclass(frozen=True, slots=True, kw_only=True)
class TeamTexts:
    """What a team handles, in words and in examples."""

    description: str
    examples: tuple[str, ...]
    """Messages that it answers."""


async def described(tx: Transaction, account_ids: Iterable[UUID]) -> dict[UUID, TeamTexts]:
    """The texts of the active teams of these accounts, by team, without those that have none."""
    return {
        row["id"]: TeamTexts(description=row["description"], examples=tuple(row["examples"]))
        async for row in queries.described(tx, account_ids=list(account_ids))
    }


async def skills(tx: Transaction, account_ids: Iterable[UUID]) -> dict[UUID, dict[UUID, frozenset[str]]]:
    """The skills of agents by account and agent; agents without skills are left out."""
    found: dict[UUID, dict[UUID, frozenset[str]]] = {}
    async for row in queries.skilled(tx, account_ids=list(account_ids)):
        found.setdefault(row["account_id"], {})[row["id"]] = frozenset(row["skills"])
    return found


# As admins manage them -----------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class ManagedTeam:
    """A team, active or not, with all its members."""

    id: UUID
    name: str
    active: bool
    member_ids: tuple[UUID, ...]
    description: str
    examples: tuple[str, ...]
    created_at: datetime

    @classmethod
    def from_row(cls, row: dict[str, Any]) -> Self:
        values = {name: row[name] for name in cls.__dataclass_fields__}
        return cls(**values | {"member_ids": tuple(row["member_ids"]), "examples": tuple(row["examples"])})

    def wire(self) -> dict[str, Any]:
        return {
            "id": str(self.id),
            "name": self.name,
            "active": self.active,
            "memberIds": [str(member_id) for member_id in self.member_ids],
            "description": self.description,
            "examples": list(self.examples),
            "createdAt": wire_time(self.created_at),
        }


async def create(
    tx: Transaction,
    actor: Person | None,
    *,
    name: str,
    member_ids: Collection[UUID] = (),
    description: str = "",
    examples: Sequence[str] = (),
    team_id: UUID | None = None,
) -> tuple[ManagedTeam, bool]:
    """Add a team; return it, and False for one that has this name already, which is not changed.

    Raises Invalid for an unknown user.
    """
    team_id = team_id or new_id()
    await _check_texts(tx, team_id, description, examples)
    if await queries.add(tx, id=team_id, name=name, description=description, examples=list(examples)) is None:
        known = await queries.id_of(tx, name=name)
        return await get(tx, known["id"]), False
    await _add_members(tx, team_id, member_ids)
    await audit.record(tx, actor, "team.created", team_id)
    return await get(tx, team_id), True


async def find(tx: Transaction, *, name: str) -> ManagedTeam | None:
    row = await queries.id_of(tx, name=name)
    return None if row is None else await get(tx, row["id"])


async def get(tx: Transaction, team_id: UUID) -> ManagedTeam:
    """Raises NotFound."""
    row = await queries.get(tx, team_id=team_id)
    if row is None:
        raise NotFound
    return ManagedTeam.from_row(row)


async def locked(tx: Transaction, team_id: UUID) -> ManagedTeam:
    """The team, locked until the transaction ends. Raises NotFound."""
    await queries.lock(tx, team_id=team_id)
    return await get(tx, team_id)


async def page(
    tx: Transaction, *, limit: int, cursor: str | None = None, active: bool | None = None
) -> tuple[list[ManagedTeam], str | None]:
    """A page of the teams, newest first, and the cursor of the next one. Raises Invalid for a bad cursor."""
    rows = queries.page(tx, before_id=page_cursor.id_of(cursor), active=active, limit=limit + 1)
    return first_page([ManagedTeam.from_row(row) async for row in rows], limit)


async def update(
    tx: Transaction,
    actor: Person | None,
    team_id: UUID,
    *,
    name: str | None = None,
    active: bool | None = None,
    member_ids: Collection[UUID] | None = None,
    description: str | None = None,
    examples: Sequence[str] | None = None,
) -> tuple[ManagedTeam, list[LoggedChange]]:
    """Change what is given of a team; return it, and the conversations that it loses.

    An inactive team keeps its members, and cannot be assigned a conversation. Those that wait in its queue go to the
    queue of the account, as when the last member who can answer leaves; those of agents remain.
    Raises NotFound, Invalid for an unknown user, Conflict for the name of another team.
    """
    old = await locked(tx, team_id)
    new = replace(
        old,
        name=old.name if name is None else name,
        active=old.active if active is None else active,
        description=old.description if description is None else description,
        examples=old.examples if examples is None else tuple(examples),
    )
    if member_ids is not None:
        new = replace(new, member_ids=tuple(sorted(set(member_ids))))
        await _remove_members(tx, team_id, set(old.member_ids) - set(member_ids))
        await _add_members(tx, team_id, member_ids)
    fields = changed_fields(old, new)
    if not fields:
        return old, []
    if (new.description, new.examples) != (old.description, old.examples):
        await _check_texts(tx, team_id, new.description, new.examples)
    with unique("Another team has this name"):
        await queries.change(
            tx,
            team_id=team_id,
            name=new.name,
            active=new.active,
            description=new.description,
            examples=list(new.examples),
        )
    action = "team.updated" if old.active == new.active else "team.enabled" if new.active else "team.disabled"
    await audit.record(tx, actor, action, team_id, {"fields": fields})
    if old.active and not new.active:
        return new, await moves.leave_team(tx, actor, team_id)
    has_left = set(old.member_ids) - set(new.member_ids)
    return new, await moves.leave_deserted(tx, actor, [team_id]) if has_left else []


async def _check_texts(tx: Transaction, team_id: UUID, description: str, examples: Sequence[str]) -> None:
    """Raises Invalid if the account would have too many: workers learn them all."""
    own = len(examples) + bool(description)
    if own and (await queries.count_texts(tx, team_id=team_id))["texts"] + own > MAX_TEXTS:
        fault = f"The teams of an account have at most {MAX_TEXTS} examples and descriptions together."
        raise Invalid(details={"examples": [fault]})


async def add_members(tx: Transaction, actor: Person | None, team_id: UUID, user_ids: Collection[UUID]) -> ManagedTeam:
    """Add users to a team. Raises NotFound, and Invalid for an unknown user."""
    team = await locked(tx, team_id)
    return (await update(tx, actor, team_id, member_ids={*team.member_ids, *user_ids}))[0]


async def remove_members(
    tx: Transaction, actor: Person | None, team_id: UUID, user_ids: Collection[UUID]
) -> ManagedTeam:
    """Remove users from a team; those who are not in it are ignored. Raises NotFound."""
    team = await locked(tx, team_id)
    return (await update(tx, actor, team_id, member_ids=set(team.member_ids) - set(user_ids)))[0]


async def _add_members(tx: Transaction, team_id: UUID, user_ids: Collection[UUID]) -> None:
    wanted = list(user_ids)
    [_ async for _ in queries.add_members(tx, team_id=team_id, user_ids=wanted)]
    if missing := set(wanted) - set((await get(tx, team_id)).member_ids):
        raise Invalid(details={"memberIds": [f"No user has the id {one}." for one in sorted(missing)]})


async def _remove_members(tx: Transaction, team_id: UUID, user_ids: Collection[UUID]) -> None:
    [_ async for _ in queries.remove_members(tx, team_id=team_id, user_ids=list(user_ids))]
