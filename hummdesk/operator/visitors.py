"""The commands for anonymous visitors of the widget."""

import asyncio
from pathlib import Path
from uuid import UUID

import click
import orjson

from hummdesk.core.config import Settings
from hummdesk.core.errors import CommandError
from hummdesk.operator.options import account_option, home_option, json_option, settings_of


@click.group("visitor")
def visitor_command() -> None:
    """Manage anonymous visitors of the widget."""


@visitor_command.command("revoke")
@home_option
@account_option
@click.option("--all", "everyone", is_flag=True, help="Revoke the credentials of all visitors of the account.")
@json_option
@click.argument("visitor", type=click.UUID, required=False)
def revoke_command(home: Path, account: UUID, everyone: bool, as_json: bool, visitor: UUID | None) -> None:
    """Revoke the credentials of a visitor, by the id of the contact.

    A browser with a revoked credential becomes a new visitor. A token that it has already is valid for at most 15
    minutes.
    """
    if everyone == (visitor is not None):
        raise click.UsageError("give one of VISITOR and --all")
    asyncio.run(revoke_credentials(settings_of(home, needs_secret=False), account_id=account, visitor_id=visitor))
    shown = {"account": str(account), "visitor": str(visitor) if visitor else "all", "revoked": True}
    click.echo(orjson.dumps(shown).decode() if as_json else f"revoked the credentials of {visitor or 'all visitors'}")


async def revoke_credentials(settings: Settings, *, account_id: UUID, visitor_id: UUID | None) -> None:
    """Raises CommandError for an unknown account or visitor."""
    from hummdesk.storage import visitors
    from hummdesk.storage.database import operator

    async with operator(settings) as database, database.all_accounts() as tx:
        if not await visitors.revoke_credentials(tx, account_id=account_id, visitor_id=visitor_id):
            raise CommandError(f"the account {account_id} does not exist, or has no contact {visitor_id}")
