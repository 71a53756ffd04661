"""The commands about users, contacts and an account's widget: tokens, skills, allowed origins."""

import asyncio
import re
from pathlib import Path
from typing import get_args
from uuid import UUID

import click

from hummdesk.core.config import Settings
from hummdesk.core.errors import CommandError
from hummdesk.core.models import Person
from hummdesk.operator.options import account_option, home_option, settings_of

LONGEST_HOURS = 100_000


@click.command("token")
@home_option
@click.option("--email", help="E-mail of a user.")
@click.option("--contact", help="E-mail or id of a contact, to sign in as that customer.")
@click.option("--account", type=click.UUID, help="Id of the account, if the e-mail exists in several.")
@click.option("--hours", type=click.FloatRange(0, min_open=True), default=1.0, show_default=True, help="Validity.")
def token_command(home: Path, email: str | None, contact: str | None, account: UUID | None, hours: float) -> None:
    """Print an access token of a user or contact."""
    from hummdesk.core import tokens

    if (email is None) == (contact is None):
        raise click.UsageError("give one of --email and --contact")
    if not hours < LONGEST_HOURS:  # refuses NaN as well
        raise click.UsageError(f"--hours must be below {LONGEST_HOURS}")
    settings = settings_of(home)
    if settings.jwt_max_hours and hours > settings.jwt_max_hours:
        raise CommandError(f"--hours is above JWT_MAX_HOURS, {settings.jwt_max_hours:g}: the token would be refused")
    person = asyncio.run(find(settings, email=email, contact=contact, account_id=account))
    click.echo(tokens.issue(settings, person, hours=hours))


@click.command("widget")
@home_option
@click.argument("account", type=click.UUID)
@click.argument("origins", nargs=-1, metavar="[ORIGIN]...")
def widget_command(home: Path, account: UUID, origins: tuple[str, ...]) -> None:
    """Set which pages may embed an account's widget.

    An origin is like https://shop.example, or `self`. The given ones replace the previous ones; without any, no
    page may embed the widget.
    """
    for origin in origins:
        if origin != "self" and not re.fullmatch(r"https?://[^/\s]+", origin):
            raise click.UsageError(f"{origin!r} is not an origin like https://shop.example")
    name = asyncio.run(set_widget_origins(settings_of(home), account_id=account, origins=list(origins)))
    click.echo(f"{name}: {', '.join(origins) or 'no page'}")
    click.echo(f'<script src="https://your.desk/widget.js" data-account="{account}" defer></script>')


@click.command("skills")
@home_option
@account_option
@click.option("--email", required=True, help="E-mail of a user.")
@click.argument("skills", nargs=-1, metavar="[SKILL]...")
def skills_command(home: Path, account: UUID, email: str, skills: tuple[str, ...]) -> None:
    """Set an agent's skills, by which the AI suggests an assignee.

    A skill is a message category, or a language like `de`. The given ones replace the previous ones.
    """
    name = asyncio.run(set_skills(settings_of(home), account_id=account, email=email, skills=list(skills)))
    click.echo(f"{name}: {', '.join(skills) or 'no skills'}")


async def find(settings: Settings, *, email: str | None, contact: str | None, account_id: UUID | None) -> Person:
    """Return the user with this e-mail, or the contact with this e-mail or id.

    Raises CommandError if there is none, or several.
    """
    from hummdesk.storage import directory
    from hummdesk.storage.database import operator

    async with operator(settings) as database, database.all_accounts() as tx:
        if contact is not None:
            found = await directory.find_contacts(tx, email_or_id=contact)
        else:
            found = await directory.find_users(tx, email=email or "")
    return _the_one([person for person in found if account_id in (None, person.account_id)], email, contact)


async def set_widget_origins(settings: Settings, *, account_id: UUID, origins: list[str]) -> str:
    """Return the account's name. Raises NotFound for an unknown account."""
    from hummdesk.storage import accounts
    from hummdesk.storage.database import operator

    async with operator(settings) as database, database.all_accounts() as tx:
        return await accounts.set_widget_origins(tx, account_id=account_id, origins=origins)


async def set_skills(settings: Settings, *, account_id: UUID, email: str, skills: list[str]) -> str:
    """Return the user's name. Raises CommandError for an unknown user or skill."""
    from hummdesk.ai.protocol import Category
    from hummdesk.storage import directory
    from hummdesk.storage.database import operator

    known = get_args(Category)
    for skill in skills:
        if skill not in known and not re.fullmatch("[a-z]{2}", skill):
            raise CommandError(f"{skill!r} is not a skill: give a two-letter language, or one of {', '.join(known)}")
    async with operator(settings) as database, database.all_accounts() as tx:
        name = await directory.set_skills(tx, account_id=account_id, email=email, skills=skills)
    if name is None:
        raise CommandError(f"the account has no user with the e-mail {email!r}")
    return name


def _the_one(found: list[Person], email: str | None, contact: str | None) -> Person:
    if not found and contact is not None:
        raise CommandError(f"no active contact {contact!r}; for a user give --email; `demo` lists the demo users")
    if not found:
        raise CommandError(
            f"no active user has the e-mail {email!r}; for a customer give --contact; `demo` lists the demo users"
        )
    if len(found) > 1:
        accounts = ", ".join(str(person.account_id) for person in found)
        raise CommandError(f"{found[0].email} exists in {len(found)} accounts, choose one with --account: {accounts}")
    return found[0]
