"""The commands for the users of an account: its admins, agents and viewers."""

import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal
from uuid import UUID

import click

from hummdesk.core.config import Settings
from hummdesk.core.errors import CommandError
from hummdesk.operator.options import account_option, home_option, json_option, settings_of
from hummdesk.operator.records import every, print_record, print_records

if TYPE_CHECKING:
    from hummdesk.storage.database import Transaction

user_argument = click.argument("user", metavar="EMAIL_OR_ID")
role_choice = click.Choice(["admin", "agent", "viewer"])
skill_option = click.option("--skill", "skills", multiple=True, help="A message category, or a language like `de`.")
team_option = click.option("--team", "teams", multiple=True, help="Name or id of a team.")


class _Capacity(click.IntRange):
    """A number, or `queue` for the capacity of the queue."""

    name = "capacity"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        return value if value == "queue" else super().convert(value, param, ctx)


capacity_option = click.option(
    "--capacity",
    type=_Capacity(0, 1000),
    metavar="N|queue",
    help="Open conversations at which routing gives the user no more; queue: as many as the queue allows.",
)


@click.group("user")
def user_command() -> None:
    """Manage the users of an account."""


@user_command.command("list")
@home_option
@account_option
@json_option
def list_command(home: Path, account: UUID, as_json: bool) -> None:
    """List the users, newest first."""
    found = asyncio.run(listed(settings_of(home, needs_secret=False), account))
    print_records(found, "id", "email", "name", "role", "active", "skills", as_json=as_json)


@user_command.command("show")
@home_option
@account_option
@json_option
@user_argument
def show_command(home: Path, account: UUID, as_json: bool, user: str) -> None:
    """Show a user."""
    print_record(asyncio.run(shown(settings_of(home, needs_secret=False), account, user)), as_json=as_json)


@user_command.command("create")
@home_option
@account_option
@click.option("--name", help="Name that customers see.  [default: the part of EMAIL before the @]")
@click.option("--role", type=role_choice, help="What the user may do.  [default: agent]")
@skill_option
@capacity_option
@team_option
@json_option
@click.argument("email")
def create_command(home: Path, account: UUID, email: str, as_json: bool, **given: Any) -> None:
    """Create a user.

    Of a user who has this e-mail already, only what is given is changed.
    """
    user = asyncio.run(create(settings_of(home, needs_secret=False), account, email, **given))
    print_record(user, as_json=as_json)


@user_command.command("update")
@home_option
@account_option
@click.option("--email", help="New e-mail.")
@click.option("--name", help="New name.")
@click.option("--role", type=role_choice, help="New role.")
@skill_option
@capacity_option
@team_option
@json_option
@user_argument
def update_command(home: Path, account: UUID, user: str, as_json: bool, **given: Any) -> None:
    """Change what is given of a user. Skills and teams replace the previous ones."""
    print_record(asyncio.run(update(settings_of(home, needs_secret=False), account, user, **given)), as_json=as_json)


@user_command.command("disable")
@home_option
@account_option
@json_option
@user_argument
def disable_command(home: Path, account: UUID, as_json: bool, user: str) -> None:
    """Sign a user out within a second; the user's conversations become unassigned."""
    changed = asyncio.run(update(settings_of(home, needs_secret=False), account, user, active=False))
    print_record(changed, as_json=as_json)


@user_command.command("enable")
@home_option
@account_option
@json_option
@user_argument
def enable_command(home: Path, account: UUID, as_json: bool, user: str) -> None:
    """Let a disabled user sign in again."""
    changed = asyncio.run(update(settings_of(home, needs_secret=False), account, user, active=True))
    print_record(changed, as_json=as_json)


@user_command.command("sign-in-link")
@home_option
@account_option
@click.option("--email", required=True, help="E-mail of the user.")
@click.option(
    "--hours", type=click.FloatRange(0, 720, min_open=True), default=24.0, show_default=True, help="Validity."
)
@json_option
def sign_in_link_command(home: Path, account: UUID, email: str, hours: float, as_json: bool) -> None:
    """Make a link with which a user signs in, once."""
    print_record(
        asyncio.run(sign_in_link(settings_of(home, needs_secret=False), account, email, hours)), as_json=as_json
    )


async def listed(settings: Settings, account_id: UUID) -> list[dict[str, Any]]:
    """Raises NotFound for an unknown account."""
    from hummdesk.storage import accounts, users
    from hummdesk.storage.database import operator

    async with operator(settings) as database, database.account(account_id) as tx:
        await accounts.get(tx)
        return [user.wire() for user in await every(users.page, tx)]


async def shown(settings: Settings, account_id: UUID, user: str) -> dict[str, Any]:
    """Raises CommandError for an unknown user."""
    from hummdesk.storage import users
    from hummdesk.storage.database import operator

    async with operator(settings) as database, database.account(account_id) as tx:
        return (await users.get(tx, await id_of(tx, user))).wire()


async def create(
    settings: Settings,
    account_id: UUID,
    email: str,
    *,
    name: str | None = None,
    role: Any = None,
    skills: Sequence[str] = (),
    capacity: int | Literal["queue"] | None = None,
    teams: Sequence[str] = (),
) -> dict[str, Any]:
    """Raises NotFound for an unknown account, CommandError for an invalid value."""
    from hummdesk.operator.values import checked_email, checked_name, checked_skills
    from hummdesk.storage import accounts, users
    from hummdesk.storage.database import operator

    email = checked_email(email)
    async with operator(settings) as database, database.account(account_id) as tx:
        await accounts.get(tx)
        team_ids = [await _team_id(tx, team) for team in teams]
        user, is_new = await users.create(
            tx,
            None,
            email=email,
            name=checked_name(name or email.partition("@")[0]),
            role=role or "agent",
            skills=checked_skills(skills),
            capacity=None if capacity == "queue" else capacity,
            team_ids=team_ids,
        )
        if not is_new:
            changes = users.UserChanges(
                name=name and checked_name(name),
                role=role,
                skills=checked_skills(skills) or None,
                capacity=capacity,
                team_ids=team_ids or None,
            )
            user, _ = await users.update(tx, None, user.id, changes)
        return user.wire()


async def update(
    settings: Settings,
    account_id: UUID,
    user: str,
    *,
    email: str | None = None,
    name: str | None = None,
    role: Any = None,
    active: bool | None = None,
    skills: Sequence[str] = (),
    capacity: int | Literal["queue"] | None = None,
    teams: Sequence[str] = (),
) -> dict[str, Any]:
    """Raises CommandError for an unknown user or an invalid value, Conflict for the e-mail of another user."""
    from hummdesk.operator.values import checked_email, checked_name, checked_skills
    from hummdesk.storage import users
    from hummdesk.storage.database import operator

    async with operator(settings) as database, database.account(account_id) as tx:
        team_ids = [await _team_id(tx, team) for team in teams]
        changes = users.UserChanges(
            email=email and checked_email(email),
            name=name and checked_name(name),
            role=role,
            active=active,
            skills=checked_skills(skills) or None,
            capacity=capacity,
            team_ids=team_ids or None,
        )
        changed, _ = await users.update(tx, None, await id_of(tx, user), changes)
        return changed.wire()


async def sign_in_link(settings: Settings, account_id: UUID, email: str, hours: float = 24.0) -> dict[str, Any]:
    """Raises CommandError for an unknown user, NotFound for a disabled one."""
    from hummdesk.storage import sign_in_links
    from hummdesk.storage.database import operator

    async with operator(settings) as database, database.account(account_id) as tx:
        user_id = await id_of(tx, email)
        secret = await sign_in_links.create_link(tx, user_id, hours * 3600)
    return {"id": str(user_id), "signInUrl": sign_in_links.url_of(settings, secret)}


async def id_of(tx: "Transaction", user: str) -> UUID:
    """The id of the user with this e-mail or id. Raises CommandError."""
    from hummdesk.storage import users

    try:
        return UUID(user)
    except ValueError:
        found = await users.find(tx, email=user)
    if found is None:
        raise CommandError(f"the account has no user with the e-mail {user!r}")
    return found.id


async def _team_id(tx: "Transaction", team: str) -> UUID:
    from hummdesk.operator.team import id_of as team_id_of

    return await team_id_of(tx, team)
