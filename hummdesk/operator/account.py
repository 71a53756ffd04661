"""The commands about all data of an account: retention, export, erasure, and its verification."""

import asyncio
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from uuid import UUID

import click

from hummdesk.core.config import Settings
from hummdesk.core.errors import CommandError
from hummdesk.operator.contact import show_receipt
from hummdesk.operator.options import home_option, settings_of

id_argument = click.argument("account", type=click.UUID, metavar="ID")


@click.group("account")
def account_command() -> None:
    """Limit, export and erase the data of an account."""


@account_command.command("retention")
@home_option
@id_argument
@click.option("--days", type=click.IntRange(1, 36_500), help="Days without activity.")
@click.option("--off", is_flag=True, help="Keep conversations without limit.")
def retention_command(home: Path, account: UUID, days: int | None, off: bool) -> None:
    """Set after how many days without activity the content of a conversation is erased.

    The relay erases it, and it cannot be undone. Without a setting conversations are kept.
    """
    if off == (days is not None):
        raise click.UsageError("give one of --days and --off")
    name = asyncio.run(set_retention(settings_of(home), account, days))
    click.echo(f"{name}: {'unlimited' if days is None else f'{days} days'}")


@account_command.command("export")
@home_option
@id_argument
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False), required=False)
def export_command(home: Path, account: UUID, file: Path | None) -> None:
    """Write all data of an account to a zip file, without secrets and vectors.

    It has JSON files for each table, of a thousand rows each, and index.html. The default for FILE is account-ID.zip.
    """
    file = file or Path(f"account-{account}.zip")
    number = asyncio.run(export(settings_of(home), account, file))
    click.echo(f"{file}: {number} rows")


@account_command.command("erase")
@home_option
@id_argument
@click.option("--yes", is_flag=True, help="Do not ask for confirmation.")
def erase_command(home: Path, account: UUID, yes: bool) -> None:
    """Delete an account with all its data; everybody is signed out.

    Only a receipt is left, which is printed; run it again if it was interrupted. It cannot be undone.
    """
    if not yes:
        click.confirm(f"Delete account {account} with all its users, customers and conversations?", abort=True)
    show_receipt(asyncio.run(erase(settings_of(home), account)))


@account_command.command("verify-erasure")
@home_option
@id_argument
def verify_command(home: Path, account: UUID) -> None:
    """Check that nothing is left of an erased account; fail and list what is left otherwise."""
    receipt, left = asyncio.run(verify(settings_of(home), account))
    show_receipt(receipt)
    if left:
        places = ", ".join(f"{name}: {number}" for name, number in left.items())
        raise CommandError(f"not erased: {places}; run `account erase` again")


async def set_retention(settings: Settings, account_id: UUID, days: int | None) -> str:
    """Return the account's name. Raises NotFound."""
    from hummdesk.storage import retention
    from hummdesk.storage.database import operator

    async with operator(settings) as database, database.all_accounts() as tx:
        return await retention.set_days(tx, account_id=account_id, days=days)


async def export(settings: Settings, account_id: UUID, file: Path) -> int:
    """Return the number of rows. Raises NotFound."""
    from hummdesk.operator import archive
    from hummdesk.storage.database import eraser
    from hummdesk.storage.export import account_rows

    numbers: Counter[str] = Counter()
    pages: Counter[str] = Counter()
    with archive.new_archive(file) as made:
        async with eraser(settings) as database:
            async for table, rows in account_rows(database, account_id):
                pages[table.name] += 1
                archive.add_rows(made, f"{table.name}/{pages[table.name]:06}", rows)
                numbers[table.name] += len(rows)
        made.writestr("index.html", archive.account_index(str(account_id), numbers))
    return numbers.total()


async def erase(settings: Settings, account_id: UUID) -> Mapping[str, object]:
    """Return the receipt. Raises NotFound."""
    from hummdesk.relay.erasure import open_eraser
    from hummdesk.storage import erasure
    from hummdesk.storage.database import operator

    async with operator(settings) as database, database.all_accounts() as tx:
        await erasure.request_account(tx, account_id)
    async with open_eraser(settings) as eraser:
        return (await eraser.erase_account(account_id)).wire()


async def verify(settings: Settings, account_id: UUID) -> tuple[Mapping[str, object], Mapping[str, int]]:
    """Return the receipt and what is left by place. Raises NotFound."""
    from hummdesk.relay.erasure import open_eraser

    async with open_eraser(settings) as eraser:
        receipt, left = await eraser.verify_account(account_id)
    return receipt.wire(), left
