"""The users of an account as its admins manage them: created once for each e-mail address, changed, disabled.

A user who cannot answer any more loses the assigned conversations in the same transaction; the outbox has the events.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Literal, Self
from uuid import UUID

from hummdesk.core.clock import wire_time
from hummdesk.core.errors import Conflict, Invalid, NotFound
from hummdesk.core.ids import new_id
from hummdesk.core.models import ANSWERING, Person, Role
from hummdesk.storage import audit, categories, moves, page_cursor, staff_sessions
from hummdesk.storage.changes import changed_fields, first_page, unique
from hummdesk.storage.database import Transaction
from hummdesk.storage.moves import LoggedChange
from hummdesk.storage.queries import load

queries = load("users")

UNASSIGNED_BATCH = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class User:
    id: UUID
    email: str
    name: str
    role: Role
    active: bool
    skills: tuple[str, ...]
    capacity: int | None
    """Open conversations at which routing gives the user no more; None: that of the queue."""
    team_ids: tuple[UUID, ...]
    last_seen_at: datetime | None
    created_at: datetime

    @classmethod
    def from_row(cls, row: dict[str, Any]) -> Self:
        values = {name: row[name] for name in cls.__dataclass_fields__}
        return cls(**values | {"skills": tuple(row["skills"]), "team_ids": tuple(row["team_ids"])})

    @property
    def can_answer(self) -> bool:
        return self.active and self.role in ANSWERING

    @property
    def is_admin(self) -> bool:
        return self.active and self.role == "admin"

    def wire(self) -> dict[str, Any]:
        shown: dict[str, Any] = {
            "id": str(self.id),
            "email": self.email,
            "name": self.name,
            "role": self.role,
            "active": self.active,
            "skills": list(self.skills),
            "capacity": self.capacity,
            "teamIds": [str(team_id) for team_id in self.team_ids],
            "createdAt": wire_time(self.created_at),
        }
        return shown if self.last_seen_at is None else shown | {"lastSeenAt": wire_time(self.last_seen_at)}


@dataclass(frozen=True, slots=True, kw_only=True)
class UserChanges:
    """What is to be changed of a user; None: nothing."""

    email: str | None = None
    name: str | None = None
    role: Role | None = None
    active: bool | None = None
    skills: Sequence[str] | None = None
    capacity: int | Literal["queue"] | None = None
    """`queue`: that of the queue."""
    team_ids: Collection[UUID] | None = None

    def given(self) -> dict[str, Any]:
        """By field of a user."""
        found = {name: getattr(self, name) for name in self.__dataclass_fields__}
        given: dict[str, Any] = {name: value for name, value in found.items() if value is not None}
        if self.skills is not None:
            given["skills"] = tuple(self.skills)
        if self.capacity == "queue":
            given["capacity"] = None
        return given


async def create(
    tx: Transaction,
    actor: Person | None,
    *,
    email: str,
    name: str,
    role: Role,
    skills: Sequence[str] = (),
    capacity: int | None = None,
    team_ids: Collection[UUID] = (),
    user_id: UUID | None = None,
) -> tuple[User, bool]:
    """Add a user; return the user, and False for one that has this e-mail address already, who is not changed.

    Raises Invalid for an unknown team or skill.
    """
    await categories.require_skills(tx, skills)
    user_id = user_id or new_id()
    row = await queries.add(tx, id=user_id, email=email, name=name, role=role, skills=list(skills), capacity=capacity)
    if row is None:
        known = await queries.id_of(tx, email=email)
        return await get(tx, known["id"]), False
    await _set_teams(tx, user_id, team_ids)
    await audit.record(tx, actor, "user.created", user_id, {"role": role})
    return await get(tx, user_id), True


async def find(tx: Transaction, *, email: str) -> User | None:
    """The user with this e-mail address."""
    row = await queries.id_of(tx, email=email)
    return None if row is None else await get(tx, row["id"])


async def get(tx: Transaction, user_id: UUID) -> User:
    """Raises NotFound."""
    row = await queries.get(tx, user_id=user_id)
    if row is None:
        raise NotFound
    return User.from_row(row)


async def locked(tx: Transaction, user_id: UUID) -> User:
    """The user, locked until the transaction ends. Raises NotFound."""
    await queries.lock(tx, user_id=user_id)
    return await get(tx, user_id)


async def page(
    tx: Transaction,
    *,
    limit: int,
    cursor: str | None = None,
    active: bool | None = None,
    role: Role | None = None,
    team_id: UUID | None = None,
) -> tuple[list[User], str | None]:
    """A page of the users, newest first, and the cursor of the next one. Raises Invalid for a bad cursor."""
    rows = queries.page(
        tx, before_id=page_cursor.id_of(cursor), active=active, role=role, team_id=team_id, limit=limit + 1
    )
    return first_page([User.from_row(row) async for row in rows], limit)


async def update(
    tx: Transaction, actor: Person | None, user_id: UUID, changes: UserChanges
) -> tuple[User, list[LoggedChange]]:
    """Change a user; return the user and the conversations that are moved by it.

    Nothing is written if nothing changes. Raises NotFound, Invalid for an unknown team or skill, Conflict for the
    e-mail address of another user, for users who disable themselves, and for the last active admin, whom only a command
    changes.
    """
    old = await locked(tx, user_id)
    new = replace(old, **changes.given())
    if actor is not None:
        await _require_admin_left(tx, actor, old, new)
    await categories.require_skills(tx, new.skills, kept=old.skills)
    if changes.team_ids is not None:
        new = replace(new, team_ids=tuple(sorted(set(changes.team_ids))))
    left = _teams_left(old, new)
    await moves.lock_teams(tx, left)
    if changes.team_ids is not None:
        await _set_teams(tx, user_id, changes.team_ids)
    fields = changed_fields(old, new)
    if not fields:
        return old, []
    with unique("Another user has this e-mail address"):
        await queries.change(
            tx,
            user_id=user_id,
            email=new.email,
            name=new.name,
            role=new.role,
            active=new.active,
            skills=list(new.skills),
            capacity=new.capacity,
        )
    await audit.record(tx, actor, _action(old, new), user_id, {"fields": fields})
    if old.active and not new.active:
        await staff_sessions.revoke_all(tx, user_id)  # they do not revive when the user is enabled again
    unassigned = await _unassign_all(tx, actor, user_id) if _is_out(old, new) else []
    return new, unassigned + await moves.leave_deserted(tx, actor, left)


async def _require_admin_left(tx: Transaction, actor: Person, old: User, new: User) -> None:
    if actor.id == old.id and old.active and not new.active:
        raise Conflict("You cannot disable yourself: ask another admin")
    if old.is_admin and not new.is_admin and not await _has_other_admin(tx, old.id):
        raise Conflict("This is the only admin of the account: make another user an admin first")


async def _has_other_admin(tx: Transaction, user_id: UUID) -> bool:
    await queries.lock_admins(tx)
    row = await queries.has_other_admin(tx, user_id=user_id)
    found: bool = row["found"]
    return found


def _action(old: User, new: User) -> str:
    if old.active == new.active:
        return "user.updated"
    return "user.enabled" if new.active else "user.disabled"


def _is_out(old: User, new: User) -> bool:
    """Whether the user can no longer answer."""
    return old.can_answer and not new.can_answer


def _teams_left(old: User, new: User) -> set[UUID]:
    """The teams in which the user can no longer answer."""
    return set(old.team_ids) if _is_out(old, new) else set(old.team_ids) - set(new.team_ids)


async def _unassign_all(tx: Transaction, actor: Person | None, user_id: UUID) -> list[LoggedChange]:
    keys: list[tuple[UUID, UUID]] = []
    while True:
        rows = queries.unassign_some(
            tx,
            user_id=user_id,
            actor_id=actor and actor.id,
            actor_type="system" if actor is None else actor.actor_type,
            limit=UNASSIGNED_BATCH,
        )
        batch = [(row["conversation_id"], row["id"]) async for row in rows]
        keys += batch
        if len(batch) < UNASSIGNED_BATCH:
            return await moves.logged(tx, keys)


async def _set_teams(tx: Transaction, user_id: UUID, team_ids: Collection[UUID]) -> None:
    wanted = list(set(team_ids))
    [_ async for _ in queries.leave_teams(tx, user_id=user_id, team_ids=wanted)]
    [_ async for _ in queries.join_teams(tx, user_id=user_id, team_ids=wanted)]
    joined = (await get(tx, user_id)).team_ids
    if missing := set(wanted) - set(joined):
        raise Invalid(details={"teamIds": [f"No team has the id {one}." for one in sorted(missing)]})
