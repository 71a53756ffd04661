"""The commands about the data of a person: export, erasure, and its verification."""

import asyncio
from collections.abc import Mapping
from pathlib import Path
from uuid import UUID

import click

from hummdesk.core.config import Settings
from hummdesk.core.errors import CommandError
from hummdesk.operator.options import home_option, settings_of

id_argument = click.argument("contact", type=click.UUID, metavar="ID")


@click.group("contact")
def contact_command() -> None:
    """Export and erase the data of a person."""


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
