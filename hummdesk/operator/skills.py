"""The commands for the skills of agents, by which the AI suggests an assignee."""

import asyncio
from pathlib import Path
from typing import Any
from uuid import UUID

import click

from hummdesk.core.config import Settings
from hummdesk.core.errors import CommandError
from hummdesk.operator.options import account_option, home_option, json_option, settings_of
from hummdesk.operator.records import every, print_record, print_records

email_option = click.option("--email", required=True, help="E-mail of a user.")


class DefaultGroup(click.Group):
    """Runs `update` for arguments that name no command, as `skills --account ID --email EMAIL SKILL` did."""

    def parse_args(self, context: click.Context, args: list[str]) -> list[str]:
        if args and args[0] not in self.commands and args[0] not in self.get_help_option_names(context):
            args = ["update", *args]
        return super().parse_args(context, args)


@click.group("skills", cls=DefaultGroup)
def skills_command() -> None:
    """Manage the skills of agents, by which the AI suggests an assignee."""


@skills_command.command("list")
@home_option
@account_option
@json_option
def list_command(home: Path, account: UUID, as_json: bool) -> None:
    """List the users who have skills."""
    found = asyncio.run(listed(settings_of(home, needs_secret=False), account))
    print_records(found, "email", "skills", as_json=as_json)


@skills_command.command("show")
@home_option
@account_option
@email_option
@json_option
def show_command(home: Path, account: UUID, email: str, as_json: bool) -> None:
    """Show the skills of a user."""
    print_record(asyncio.run(shown(settings_of(home, needs_secret=False), account, email)), as_json=as_json)


@skills_command.command("update")
@home_option
@account_option
@email_option
@json_option
@click.argument("skills", nargs=-1, metavar="[SKILL]...")
def update_command(home: Path, account: UUID, email: str, as_json: bool, skills: tuple[str, ...]) -> None:
    """Set the skills of a user.

    A skill is a message category, or a language like `de`. The given ones replace the previous ones.
    """
    settings = settings_of(home, needs_secret=False)
    name = asyncio.run(set_skills(settings, account_id=account, email=email, skills=list(skills)))
    if as_json:
        print_record({"email": email, "skills": list(skills)}, as_json=True)
    else:
        click.echo(f"{name}: {', '.join(skills) or 'no skills'}")


async def listed(settings: Settings, account_id: UUID) -> list[dict[str, Any]]:
    """Raises NotFound for an unknown account."""
    from hummdesk.storage import accounts, users
    from hummdesk.storage.database import operator

    async with operator(settings) as database, database.account(account_id) as tx:
        await accounts.get(tx)
        found = [user for user in await every(users.page, tx) if user.skills]
    return [{"email": user.email, "skills": list(user.skills)} for user in found]


async def shown(settings: Settings, account_id: UUID, email: str) -> dict[str, Any]:
    """Raises CommandError for an unknown user."""
    from hummdesk.storage import users
    from hummdesk.storage.database import operator

    async with operator(settings) as database, database.account(account_id) as tx:
        user = await users.find(tx, email=email)
    if user is None:
        raise CommandError(f"the account has no user with the e-mail {email!r}")
    return {"email": user.email, "skills": list(user.skills)}


async def set_skills(settings: Settings, *, account_id: UUID, email: str, skills: list[str]) -> str:
    """Return the user's name. Raises CommandError for an unknown user, and Invalid for an unknown skill."""
    from hummdesk.operator.values import checked_skills
    from hummdesk.storage import users
    from hummdesk.storage.database import operator

    wanted = checked_skills(skills)
    async with operator(settings) as database, database.account(account_id) as tx:
        user = await users.find(tx, email=email)
        if user is None:
            raise CommandError(f"the account has no user with the e-mail {email!r}")
        await users.update(tx, None, user.id, users.UserChanges(skills=wanted))
    return user.name
