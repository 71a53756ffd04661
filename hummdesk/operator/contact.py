"""The commands for the contacts of an account, and about all data of a person: export, erasure, verification."""

import asyncio
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import UUID

import click

from hummdesk.core.config import Settings
from hummdesk.core.errors import CommandError
from hummdesk.operator.options import account_option, home_option, json_option, settings_of
from hummdesk.operator.records import every, print_record, print_records

if TYPE_CHECKING:
    from hummdesk.storage.database import Transaction

contact_argument = click.argument("contact", metavar="EXTERNAL_ID_OR_EMAIL_OR_ID")
attribute_option = click.option(
    "--attribute", "attributes", multiple=True, metavar="NAME=VALUE", help="The attributes; they replace others."
)
id_argument = click.argument("contact", type=click.UUID, metavar="ID")


@click.group("contact")
def contact_command() -> None:
    """Manage the contacts of an account; export and erase the data of a person."""


@contact_command.command("list")
@home_option
@account_option
@json_option
def list_command(home: Path, account: UUID, as_json: bool) -> None:
    """List the contacts, newest first."""
    found = asyncio.run(listed(settings_of(home, needs_secret=False), account))
    print_records(found, "id", "externalId", "email", "name", "active", as_json=as_json)


@contact_command.command("show")
@home_option
@account_option
@json_option
@contact_argument
def show_command(home: Path, account: UUID, as_json: bool, contact: str) -> None:
    """Show a contact."""
    print_record(asyncio.run(shown(settings_of(home, needs_secret=False), account, contact)), as_json=as_json)


@contact_command.command("create")
@home_option
@account_option
@click.option("--external-id", help="The id of the customer in your own system.")
@click.option("--email", help="E-mail.")
@click.option("--name", help="Name.")
@attribute_option
@json_option
def create_command(home: Path, account: UUID, as_json: bool, **given: Any) -> None:
    """Create a contact with an external id, an e-mail or both.

    Of a contact that has this external id or e-mail already, only what is given is changed.
    """
    print_record(asyncio.run(create(settings_of(home, needs_secret=False), account, **given)), as_json=as_json)


@contact_command.command("update")
@home_option
@account_option
@click.option("--external-id", help="New external id.")
@click.option("--email", help="New e-mail.")
@click.option("--name", help="New name.")
@attribute_option
@json_option
@contact_argument
def update_command(home: Path, account: UUID, contact: str, as_json: bool, **given: Any) -> None:
    """Change what is given of a contact."""
    changed = asyncio.run(update(settings_of(home, needs_secret=False), account, contact, **given))
    print_record(changed, as_json=as_json)


@contact_command.command("disable")
@home_option
@account_option
@json_option
@contact_argument
def disable_command(home: Path, account: UUID, as_json: bool, contact: str) -> None:
    """Sign a contact out within a second; the conversations remain."""
    changed = asyncio.run(update(settings_of(home, needs_secret=False), account, contact, active=False))
    print_record(changed, as_json=as_json)


@contact_command.command("enable")
@home_option
@account_option
@json_option
@contact_argument
def enable_command(home: Path, account: UUID, as_json: bool, contact: str) -> None:
    """Let a disabled contact sign in again."""
    changed = asyncio.run(update(settings_of(home, needs_secret=False), account, contact, active=True))
    print_record(changed, as_json=as_json)


@contact_command.command("export")
@home_option
@id_argument
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False), required=False)
def export_command(home: Path, contact: UUID, file: Path | None) -> None:
    """Write everything that is stored about a contact to a zip file.

    It has a JSON file for each table, and index.html to read. The default for FILE is contact-ID.zip.
    """
    file = file or Path(f"contact-{contact}.zip")
    number = asyncio.run(export(settings_of(home), contact, file))
    click.echo(f"{file}: {number} rows")


@contact_command.command("erase")
@home_option
@id_argument
@click.option("--yes", is_flag=True, help="Do not ask for confirmation.")
def erase_command(home: Path, contact: UUID, yes: bool) -> None:
    """Erase a contact and the content of their conversations, also at connected clients.

    The contact is signed out and cannot return. Conversations keep their messages as erased ones, with their numbers.
    Prints a receipt; run it again if it was interrupted. It cannot be undone.
    """
    if not yes:
        click.confirm(f"Erase contact {contact} and all their conversations?", abort=True)
    show_receipt(asyncio.run(erase(settings_of(home), contact)))


@contact_command.command("verify-erasure")
@home_option
@id_argument
def verify_command(home: Path, contact: UUID) -> None:
    """Check that nothing is left of an erased contact; fail and list what is left otherwise."""
    receipt, left = asyncio.run(verify(settings_of(home), contact))
    show_receipt(receipt)
    if left:
        places = ", ".join(f"{name}: {number}" for name, number in left.items())
        raise CommandError(f"not erased: {places}; run `contact erase` again")


async def listed(settings: Settings, account_id: UUID) -> list[dict[str, Any]]:
    """Raises NotFound for an unknown account."""
    from hummdesk.storage import accounts, contacts
    from hummdesk.storage.database import operator

    async with operator(settings) as database, database.account(account_id) as tx:
        await accounts.get(tx)
        return [contact.wire() for contact in await every(contacts.page, tx)]


async def shown(settings: Settings, account_id: UUID, contact: str) -> dict[str, Any]:
    """Raises CommandError for an unknown contact."""
    from hummdesk.storage import contacts
    from hummdesk.storage.database import operator

    async with operator(settings) as database, database.account(account_id) as tx:
        return (await contacts.get(tx, await _id_of(tx, contact))).wire()


async def create(settings: Settings, account_id: UUID, **given: Any) -> dict[str, Any]:
    """Raises NotFound for an unknown account, CommandError for an invalid value, Conflict for that of another."""
    from hummdesk.operator.values import contact_changes
    from hummdesk.storage import accounts, contacts
    from hummdesk.storage.database import operator

    changes = contact_changes(**given)
    if changes.external_id is None and changes.email is None:
        raise CommandError("give --external-id, --email or both")
    async with operator(settings) as database, database.account(account_id) as tx:
        await accounts.get(tx)
        contact, _ = await contacts.upsert(tx, None, changes)
        return contact.wire()


async def update(settings: Settings, account_id: UUID, contact: str, **given: Any) -> dict[str, Any]:
    """Raises CommandError for an unknown contact or an invalid value, Conflict for that of another contact."""
    from hummdesk.operator.values import contact_changes
    from hummdesk.storage import contacts
    from hummdesk.storage.database import operator

    changes = contact_changes(**given)
    async with operator(settings) as database, database.account(account_id) as tx:
        return (await contacts.update(tx, None, await _id_of(tx, contact), changes)).wire()


async def _id_of(tx: "Transaction", contact: str) -> UUID:
    """The id of the contact with this external id, e-mail or id. Raises CommandError."""
    from hummdesk.storage import contacts

    found = await contacts.find(tx, external_id=contact, email=contact)
    if found is not None:
        return found.id
    try:
        return UUID(contact)
    except ValueError:
        raise CommandError(f"the account has no contact {contact!r}") from None


async def export(settings: Settings, contact_id: UUID, file: Path) -> int:
    """Return the number of rows. Raises NotFound."""
    from hummdesk.operator import archive
    from hummdesk.storage.database import eraser
    from hummdesk.storage.export import contact_rows

    async with eraser(settings) as database:
        found = await contact_rows(database, contact_id)
    with archive.new_archive(file) as made:
        made.writestr("index.html", archive.contact_index(found))
        for name, rows in found.items():
            archive.add_rows(made, name, rows)
    return sum(map(len, found.values()))


async def erase(settings: Settings, contact_id: UUID) -> Mapping[str, object]:
    """Return the receipt. Raises NotFound."""
    from hummdesk.relay.erasure import open_eraser

    async with open_eraser(settings) as eraser:
        return (await eraser.erase_contact(contact_id)).wire()


async def verify(settings: Settings, contact_id: UUID) -> tuple[Mapping[str, object], Mapping[str, int]]:
    """Return the receipt and what is left by place. Raises NotFound."""
    from hummdesk.relay.erasure import open_eraser

    async with open_eraser(settings) as eraser:
        receipt, left = await eraser.verify_contact(contact_id)
    return receipt.wire(), left


def show_receipt(receipt: Mapping[str, object]) -> None:
    """Print a receipt as JSON."""
    import orjson

    click.echo(orjson.dumps(receipt, option=orjson.OPT_INDENT_2).decode())
