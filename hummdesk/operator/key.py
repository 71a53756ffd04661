"""The commands for the API keys of an account."""

import asyncio
import secrets
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import UUID

import click

from hummdesk.core.config import Settings
from hummdesk.core.errors import CommandError
from hummdesk.operator.options import account_option, home_option, json_option, settings_of
from hummdesk.operator.records import every, print_record, print_records

if TYPE_CHECKING:
    from hummdesk.storage.api_keys import ApiKey
    from hummdesk.storage.database import Transaction

key_argument = click.argument("key", metavar="NAME_OR_ID")


@click.group("key")
def key_command() -> None:
    """Manage the API keys of an account, with which other systems call the REST API."""


@key_command.command("list")
@home_option
@account_option
@json_option
def list_command(home: Path, account: UUID, as_json: bool) -> None:
    """List the keys without their texts, newest first, also revoked ones."""
    found = asyncio.run(listed(settings_of(home, needs_secret=False), account))
    print_records(found, "id", "name", "scope", "createdAt", "lastUsedAt", "revokedAt", as_json=as_json)


@key_command.command("show")
@home_option
@account_option
@json_option
@key_argument
def show_command(home: Path, account: UUID, as_json: bool, key: str) -> None:
    """Show a key without its text."""
    print_record(asyncio.run(shown(settings_of(home, needs_secret=False), account, key)), as_json=as_json)


@key_command.command("create")
@home_option
@account_option
@click.option("--scope", type=click.Choice(["read", "write", "admin"]), required=True, help="What the key may do.")
@click.option("--name", help="Name; an active key of this name is shown without its text.  [default: random]")
@json_option
def create_command(home: Path, account: UUID, scope: Any, name: str | None, as_json: bool) -> None:
    """Create a key and print its text, which cannot be read again."""
    print_record(asyncio.run(create(settings_of(home, needs_secret=False), account, scope, name)), as_json=as_json)


@key_command.command("rotate")
@home_option
@account_option
@json_option
@key_argument
def rotate_command(home: Path, account: UUID, as_json: bool, key: str) -> None:
    """Print a new text for a key; the old one is refused within a second."""
    print_record(asyncio.run(rotate(settings_of(home, needs_secret=False), account, key)), as_json=as_json)


@key_command.command("disable")
@home_option
@account_option
@json_option
@key_argument
def disable_command(home: Path, account: UUID, as_json: bool, key: str) -> None:
    """Revoke a key: it is refused within a second, and cannot be restored."""
    print_record(asyncio.run(revoke(settings_of(home, needs_secret=False), account, key)), as_json=as_json)


async def listed(settings: Settings, account_id: UUID) -> list[dict[str, Any]]:
    """Raises NotFound for an unknown account."""
    from hummdesk.storage import accounts, api_keys
    from hummdesk.storage.database import operator

    async with operator(settings) as database, database.account(account_id) as tx:
        await accounts.get(tx)
        return [key.wire() for key in await every(api_keys.page, tx)]


async def shown(settings: Settings, account_id: UUID, key: str) -> dict[str, Any]:
    """Raises CommandError for an unknown key."""
    from hummdesk.storage.database import operator

    async with operator(settings) as database, database.account(account_id) as tx:
        return (await _find(tx, key)).wire()


async def create(settings: Settings, account_id: UUID, scope: Any, name: str | None) -> dict[str, Any]:
    """Return the key with its text; without it if an active key has this name. Raises NotFound, and CommandError."""
    from hummdesk.operator.values import checked_name
    from hummdesk.storage import accounts, api_keys
    from hummdesk.storage.database import operator

    name = checked_name(name or f"key {secrets.token_hex(4)}")
    async with operator(settings) as database, database.account(account_id) as tx:
        await accounts.get(tx)
        key, text = await api_keys.create(tx, None, account_id, name=name, scope=scope)
    return key.wire() if text is None else key.wire() | {"key": text}


async def rotate(settings: Settings, account_id: UUID, key: str) -> dict[str, Any]:
    """Raises CommandError for an unknown key, and NotFound for a revoked one."""
    from hummdesk.storage import api_keys
    from hummdesk.storage.database import operator

    async with operator(settings) as database, database.account(account_id) as tx:
        rotated, text = await api_keys.rotate(tx, None, account_id, (await _find(tx, key)).id)
    return rotated.wire() | {"key": text}


async def revoke(settings: Settings, account_id: UUID, key: str) -> dict[str, Any]:
    """Raises CommandError for an unknown key."""
    from hummdesk.storage import api_keys
    from hummdesk.storage.database import operator

    async with operator(settings) as database, database.account(account_id) as tx:
        return (await api_keys.revoke(tx, None, (await _find(tx, key)).id)).wire()


async def _find(tx: "Transaction", key: str) -> "ApiKey":
    """The key of this id, or the newest one of this name. Raises CommandError."""
    from hummdesk.storage import api_keys

    found = next((one for one in await every(api_keys.page, tx) if key in (str(one.id), one.name)), None)
    if found is None:
        raise CommandError(f"the account has no key {key!r}: `key list` shows its keys")
    return found
