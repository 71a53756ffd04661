"""The commands about tokens of users and contacts, and the pages that may show an account's widget."""

import asyncio
import re
from pathlib import Path
from uuid import UUID

import click

from hummdesk.core.config import Settings
from hummdesk.core.errors import CommandError
from hummdesk.core.models import Person
from hummdesk.operator.options import home_option, settings_of

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

    async with operator(settings) as database, database.account(account_id) as tx:
        return (await accounts.update(tx, None, widget_origins=tuple(origins))).name


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
