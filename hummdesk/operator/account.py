"""The commands for accounts, and about all data of an account: retention, export, erasure, and its verification."""

import asyncio
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import UUID

import click

from hummdesk.core.config import Settings
from hummdesk.core.errors import CommandError
from hummdesk.operator.contact import show_receipt
from hummdesk.operator.options import home_option, json_option, settings_of
from hummdesk.operator.records import print_record, print_records

if TYPE_CHECKING:
    from hummdesk.storage.database import Transaction

MIB = 1 << 20

id_argument = click.argument("account", type=click.UUID, metavar="ID")


@click.group("account")
def account_command() -> None:
    """Manage accounts; limit, export and erase the data of an account."""


@account_command.command("list")
@home_option
@json_option
def list_command(home: Path, as_json: bool) -> None:
    """List the accounts by name."""
    found = asyncio.run(listed(settings_of(home, needs_secret=False)))
    print_records(found, "id", "name", "createdAt", "disabledAt", as_json=as_json)


@account_command.command("show")
@home_option
@json_option
@id_argument
def show_command(home: Path, account: UUID, as_json: bool) -> None:
    """Show an account with its settings."""
    print_record(asyncio.run(shown(settings_of(home, needs_secret=False), account)), as_json=as_json)


@account_command.command("create")
@home_option
@click.option("--admin", metavar="EMAIL", help="E-mail of a user who becomes an admin.")
@click.option("--admin-name", help="Name of a new admin.  [default: the part of EMAIL before the @]")
@click.option("--new-link", is_flag=True, help="Print a sign-in link also for an admin who exists.")
@json_option
@click.argument("name")
def create_command(
    home: Path, admin: str | None, admin_name: str | None, new_link: bool, as_json: bool, name: str
) -> None:
    """Create an account with an admin, and print a link with which the admin signs in, once, within a day.

    An account of this name that exists is shown, and gets the admin.
    """
    settings = settings_of(home, needs_secret=False)
    made = asyncio.run(create(settings, name, admin=admin, admin_name=admin_name, new_link=new_link))
    if as_json:
        print_record(made, as_json=True)
        return
    for noun, record in made.items():
        if isinstance(record, str):
            click.echo(f"{noun}: {record}")
        else:
            click.echo(f"{noun}:")
            print_record(record, as_json=False, indent="  ")


@account_command.command("update")
@home_option
@click.option("--name", required=True, help="New name.")
@json_option
@id_argument
def update_command(home: Path, account: UUID, name: str, as_json: bool) -> None:
    """Rename an account. `ai`, `widget` and `account retention` change its settings."""
    print_record(asyncio.run(rename(settings_of(home, needs_secret=False), account, name)), as_json=as_json)


@account_command.command("disable")
@home_option
@json_option
@id_argument
def disable_command(home: Path, account: UUID, as_json: bool) -> None:
    """Sign everybody of an account out within a second; nobody can sign in. Its data remain."""
    changed = asyncio.run(set_disabled(settings_of(home, needs_secret=False), account, is_disabled=True))
    print_record(changed, as_json=as_json)


@account_command.command("enable")
@home_option
@json_option
@id_argument
def enable_command(home: Path, account: UUID, as_json: bool) -> None:
    """Let the people of a disabled account sign in again."""
    changed = asyncio.run(set_disabled(settings_of(home, needs_secret=False), account, is_disabled=False))
    print_record(changed, as_json=as_json)


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


@account_command.command("files")
@home_option
@click.option("--quota", type=click.IntRange(1, 10**9), metavar="MIB", help="Own quota, in MiB (1,048,576 bytes).")
@click.option("--unlimited", is_flag=True, help="No quota.")
@click.option("--default", "is_default", is_flag=True, help="The server's quota, FILE_QUOTA_BYTES.")
@json_option
@id_argument
def files_command(
    home: Path, account: UUID, quota: int | None, unlimited: bool, is_default: bool, as_json: bool
) -> None:
    """Show how much space the files of an account use, after setting its quota if one is given.

    Files beyond a lower quota remain; further ones are refused.
    """
    if (quota is not None) + unlimited + is_default > 1:
        raise click.UsageError("give one of --quota, --unlimited and --default")
    settings = settings_of(home, needs_secret=False)
    if quota is not None or unlimited or is_default:
        own = None if is_default else (quota or 0) * MIB
        asyncio.run(set_file_quota(settings, account, own))
    print_record(asyncio.run(file_usage(settings, account)), as_json=as_json)


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


async def listed(settings: Settings) -> list[dict[str, Any]]:
    from hummdesk.storage import accounts
    from hummdesk.storage.database import operator

    async with operator(settings) as database, database.all_accounts() as tx:
        return [account.wire() for account in await accounts.accounts(tx)]


async def shown(settings: Settings, account_id: UUID) -> dict[str, Any]:
    """Raises NotFound."""
    from hummdesk.storage import accounts
    from hummdesk.storage.database import operator

    async with operator(settings) as database, database.account(account_id) as tx:
        return (await accounts.get(tx)).wire()


async def create(
    settings: Settings, name: str, *, admin: str | None, admin_name: str | None = None, new_link: bool = False
) -> dict[str, Any]:
    """Return the account, the admin, and a sign-in link for a new admin. Concurrent calls make one account.

    `new_link`: a link for the admin in any case. Raises CommandError for invalid values.
    """
    from hummdesk.core.ids import new_id
    from hummdesk.operator.values import checked_email, checked_name
    from hummdesk.storage import accounts
    from hummdesk.storage.database import operator

    name, account_id = checked_name(name), new_id()
    email = admin and checked_email(admin)
    async with operator(settings) as database:
        while True:
            async with database.account(account_id) as tx:
                known_id = await accounts.create(tx, None, name=name)
                if known_id == account_id:
                    made: dict[str, Any] = {"account": (await accounts.get(tx)).wire()}
                    if email:
                        made |= await _admin(tx, settings, email, admin_name, new_link=new_link)
                    return made
            account_id = known_id


async def _admin(
    tx: "Transaction", settings: Settings, email: str, name: str | None, *, new_link: bool
) -> dict[str, Any]:
    """Create an admin, or make the user with this e-mail one who can sign in."""
    from hummdesk.operator.values import checked_name
    from hummdesk.storage import sign_in_links, users

    shown_name = checked_name(name or email.partition("@")[0])
    user, is_new = await users.create(tx, None, email=email, name=shown_name, role="admin")
    if not is_new:
        changes = users.UserChanges(role="admin", active=True, name=name and shown_name)
        user, _ = await users.update(tx, None, user.id, changes)
    admin: dict[str, Any] = {"admin": user.wire()}
    if is_new or new_link:
        admin["signInUrl"] = sign_in_links.url_of(settings, await sign_in_links.create_link(tx, user.id))
    return admin


async def rename(settings: Settings, account_id: UUID, name: str) -> dict[str, Any]:
    """Raises NotFound, and CommandError for an invalid name."""
    from hummdesk.operator.values import checked_name
    from hummdesk.storage import accounts
    from hummdesk.storage.database import operator

    async with operator(settings) as database, database.account(account_id) as tx:
        return (await accounts.update(tx, None, name=checked_name(name))).wire()


async def set_disabled(settings: Settings, account_id: UUID, *, is_disabled: bool) -> dict[str, Any]:
    """Raises NotFound."""
    from hummdesk.storage import accounts
    from hummdesk.storage.database import operator

    async with operator(settings) as database, database.account(account_id) as tx:
        return (await (accounts.disable(tx, None) if is_disabled else accounts.enable(tx, None))).wire()


async def set_retention(settings: Settings, account_id: UUID, days: int | None) -> str:
    """Return the account's name. Raises NotFound."""
    from hummdesk.storage import accounts
    from hummdesk.storage.database import operator

    async with operator(settings) as database, database.account(account_id) as tx:
        return (await accounts.update(tx, None, retention_days=days)).name


async def set_file_quota(settings: Settings, account_id: UUID, quota: int | None) -> None:
    """Raises NotFound."""
    from hummdesk.storage import files
    from hummdesk.storage.database import operator

    async with operator(settings) as database, database.account(account_id) as tx:
        await files.set_quota(tx, None, quota)


async def file_usage(settings: Settings, account_id: UUID) -> dict[str, Any]:
    """Raises NotFound."""
    from hummdesk.storage import accounts, files
    from hummdesk.storage.database import operator

    async with operator(settings) as database, database.account(account_id) as tx:
        await accounts.get(tx)
        return (await files.usage(tx)).wire(settings.file_quota_bytes)


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
    from hummdesk.operator.simulations import cancel_batches
    from hummdesk.relay.erasure import open_eraser
    from hummdesk.storage import erasure
    from hummdesk.storage.database import operator

    async with operator(settings) as database:
        async with database.all_accounts() as tx:
            await erasure.request_account(tx, account_id)
        await cancel_batches(database, account_id)
    async with open_eraser(settings) as eraser:
        return (await eraser.erase_account(account_id)).wire()


async def verify(settings: Settings, account_id: UUID) -> tuple[Mapping[str, object], Mapping[str, int]]:
    """Return the receipt and what is left by place. Raises NotFound."""
    from hummdesk.relay.erasure import open_eraser

    async with open_eraser(settings) as eraser:
        receipt, left = await eraser.verify_account(account_id)
    return receipt.wire(), left
