"""The commands for the teams of an account and their members."""

import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import UUID

import click

from hummdesk.core.config import Settings
from hummdesk.core.errors import CommandError
from hummdesk.operator.options import account_option, home_option, json_option, settings_of
from hummdesk.operator.records import every, print_record, print_records
from hummdesk.operator.terms import examples_of

if TYPE_CHECKING:
    from hummdesk.storage.database import Transaction

team_argument = click.argument("team", metavar="NAME_OR_ID")
member_option = click.option("--member", "members", multiple=True, help="E-mail or id of a user.")
description_option = click.option(
    "--description", help="What the team handles, in a sentence. The AI suggests it by this; an empty one removes it."
)
example_option = click.option(
    "--example",
    "examples",
    multiple=True,
    help="A message that the team answers, for the AI; replaces the previous ones.",
)


@click.group("team")
def team_command() -> None:
    """Manage the teams of an account."""


@team_command.command("list")
@home_option
@account_option
@json_option
def list_command(home: Path, account: UUID, as_json: bool) -> None:
    """List the teams, newest first."""
    found = asyncio.run(listed(settings_of(home, needs_secret=False), account))
    print_records(found, "id", "name", "active", "memberIds", as_json=as_json)


@team_command.command("show")
@home_option
@account_option
@json_option
@team_argument
def show_command(home: Path, account: UUID, as_json: bool, team: str) -> None:
    """Show a team."""
    print_record(asyncio.run(shown(settings_of(home, needs_secret=False), account, team)), as_json=as_json)


@team_command.command("create")
@home_option
@account_option
@member_option
@description_option
@example_option
@json_option
@click.argument("name")
def create_command(home: Path, account: UUID, as_json: bool, name: str, **given: Any) -> None:
    """Create a team. A team of this name that exists gets what is given."""
    print_record(asyncio.run(create(settings_of(home, needs_secret=False), account, name, **given)), as_json=as_json)


@team_command.command("update")
@home_option
@account_option
@click.option("--name", help="New name.")
@click.option("--add", "added", multiple=True, help="E-mail or id of a user who becomes a member.")
@click.option("--remove", "removed", multiple=True, help="E-mail or id of a member who leaves the team.")
@description_option
@example_option
@click.option("--no-examples", "is_without_examples", is_flag=True, help="Remove the examples.")
@json_option
@team_argument
def update_command(
    home: Path,
    account: UUID,
    team: str,
    as_json: bool,
    is_without_examples: bool,
    examples: Sequence[str],
    **given: Any,
) -> None:
    """Change what is given of a team."""
    given |= examples_of(examples, is_without_examples=is_without_examples)
    print_record(asyncio.run(update(settings_of(home, needs_secret=False), account, team, **given)), as_json=as_json)


@team_command.command("disable")
@home_option
@account_option
@json_option
@team_argument
def disable_command(home: Path, account: UUID, as_json: bool, team: str) -> None:
    """Hide a team: it cannot be assigned conversations any more."""
    changed = asyncio.run(update(settings_of(home, needs_secret=False), account, team, active=False))
    print_record(changed, as_json=as_json)


@team_command.command("enable")
@home_option
@account_option
@json_option
@team_argument
def enable_command(home: Path, account: UUID, as_json: bool, team: str) -> None:
    """Show a disabled team again."""
    changed = asyncio.run(update(settings_of(home, needs_secret=False), account, team, active=True))
    print_record(changed, as_json=as_json)


async def listed(settings: Settings, account_id: UUID) -> list[dict[str, Any]]:
    """Raises NotFound for an unknown account."""
    from hummdesk.storage import accounts, teams
    from hummdesk.storage.database import operator

    async with operator(settings) as database, database.account(account_id) as tx:
        await accounts.get(tx)
        return [team.wire() for team in await every(teams.page, tx)]


async def shown(settings: Settings, account_id: UUID, team: str) -> dict[str, Any]:
    """Raises CommandError for an unknown team."""
    from hummdesk.storage import teams
    from hummdesk.storage.database import operator

    async with operator(settings) as database, database.account(account_id) as tx:
        return (await teams.get(tx, await id_of(tx, team))).wire()


async def create(
    settings: Settings,
    account_id: UUID,
    name: str,
    members: Sequence[str] = (),
    description: str | None = None,
    examples: Sequence[str] = (),
) -> dict[str, Any]:
    """Raises NotFound for an unknown account, CommandError for an unknown user or an invalid value."""
    from hummdesk.operator.user import id_of as user_id_of
    from hummdesk.operator.values import checked_name
    from hummdesk.storage import accounts, teams
    from hummdesk.storage.database import operator

    async with operator(settings) as database, database.account(account_id) as tx:
        await accounts.get(tx)
        member_ids = [await user_id_of(tx, member) for member in members]
        texts = _checked_texts(description, examples or None)
        team, is_new = await teams.create(tx, None, name=checked_name(name), member_ids=member_ids, **texts)
        if not is_new:
            team, _ = await teams.update(tx, None, team.id, member_ids={*team.member_ids, *member_ids}, **texts)
        return team.wire()


async def update(
    settings: Settings,
    account_id: UUID,
    team: str,
    *,
    name: str | None = None,
    active: bool | None = None,
    added: Sequence[str] = (),
    removed: Sequence[str] = (),
    description: str | None = None,
    examples: Sequence[str] | None = None,
) -> dict[str, Any]:
    """Raises CommandError for an unknown team or user or an invalid value, Conflict for the name of another team."""
    from hummdesk.operator.user import id_of as user_id_of
    from hummdesk.operator.values import checked_name
    from hummdesk.storage import teams
    from hummdesk.storage.database import operator

    async with operator(settings) as database, database.account(account_id) as tx:
        found = await teams.locked(tx, await id_of(tx, team))
        leaving = {await user_id_of(tx, member) for member in removed}
        joining = {await user_id_of(tx, member) for member in added}
        changed, _ = await teams.update(
            tx,
            None,
            found.id,
            name=name and checked_name(name),
            active=active,
            member_ids=set(found.member_ids) - leaving | joining,
            **_checked_texts(description, examples),
        )
        return changed.wire()


def _checked_texts(description: str | None, examples: Sequence[str] | None) -> dict[str, Any]:
    """Return what is given of both. Raises CommandError."""
    from marshmallow import ValidationError

    from hummdesk.contract.resources.teams import TeamUpdate

    given: dict[str, Any] = {} if description is None else {"description": description}
    if examples is not None:
        given["examples"] = list(examples)
    try:
        return dict(TeamUpdate().load(given)) if given else {}
    except ValidationError as error:
        raise CommandError(f"the texts of the team are not valid: {error.messages}") from error


async def id_of(tx: "Transaction", team: str) -> UUID:
    """The id of the team of this name or id. Raises CommandError."""
    from hummdesk.storage import teams

    try:
        return UUID(team)
    except ValueError:
        found = await teams.find(tx, name=team)
    if found is None:
        raise CommandError(f"the account has no team {team!r}")
    return found.id
