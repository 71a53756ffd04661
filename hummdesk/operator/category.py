"""The commands for the categories of messages that an account names itself."""

import asyncio
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import UUID

import click

from hummdesk.core.config import Settings
from hummdesk.core.errors import CommandError
from hummdesk.operator.options import account_option, home_option, json_option, settings_of
from hummdesk.operator.records import print_records

if TYPE_CHECKING:
    from hummdesk.storage.categories import Categories

Wire = dict[str, Any]
Change = Callable[[Wire], Wire]

key_argument = click.argument("key")


@click.group("category")
def category_command() -> None:
    """Manage the categories of messages that an account names itself.

    While they are enabled, they replace the built-in ones. The AI learns them from their examples at once."""


@category_command.command("list")
@home_option
@account_option
@json_option
def list_command(home: Path, account: UUID, as_json: bool) -> None:
    """List the categories, with --json in the format that `import` reads."""
    found = asyncio.run(shown(settings_of(home, needs_secret=False), account))
    if not as_json:
        click.echo(_state(found))
    print_records(found["categories"], "key", "name", "description", "examples", as_json=as_json)


@category_command.command("import")
@home_option
@account_option
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False, exists=True))
def import_command(home: Path, account: UUID, file: Path) -> None:
    """Replace all categories by those of a file, one {"key", "name", "description", "examples"} a line."""
    wanted = read(file)
    _change(home, account, lambda old: old | {"categories": wanted})


@category_command.command("set")
@home_option
@account_option
@click.option("--name", help="Name that agents see.  [the key]")
@click.option("--description", help="What belongs to it, in a sentence.")
@click.option("--example", "examples", multiple=True, help="A message of this category; replaces the previous ones.")
@key_argument
def set_command(home: Path, account: UUID, key: str, **given: Any) -> None:
    """Add a category, or change what is given of it."""
    values = {name: list(value) if name == "examples" else value for name, value in given.items() if value}
    _change(home, account, lambda old: old | {"categories": _with(old["categories"], key, values)})


@category_command.command("remove")
@home_option
@account_option
@key_argument
def remove_command(home: Path, account: UUID, key: str) -> None:
    """Remove a category. Messages keep the category that they were classified with."""

    def without(old: Wire) -> Wire:
        left = [one for one in old["categories"] if one["key"] != key]
        if len(left) == len(old["categories"]):
            raise CommandError(f"the account has no category {key!r}")
        return old | {"categories": left}

    _change(home, account, without)


@category_command.command("enable")
@home_option
@account_option
def enable_command(home: Path, account: UUID) -> None:
    """Use the account's own categories from the next message on."""
    _change(home, account, lambda old: old | {"enabled": True})


@category_command.command("disable")
@home_option
@account_option
def disable_command(home: Path, account: UUID) -> None:
    """Use the built-in categories; the own ones are kept."""
    _change(home, account, lambda old: old | {"enabled": False})


def read(file: Path) -> list[Wire]:
    """The categories of a file, not validated. Raises CommandError."""
    import orjson

    try:
        return [orjson.loads(line) for line in file.read_bytes().splitlines() if line.strip()]
    except (OSError, orjson.JSONDecodeError) as error:
        raise CommandError(f"{file}: not one JSON object a line ({error})") from None


def valid(body: Wire) -> "Categories":
    """The categories of a body of the contract. Raises CommandError."""
    from marshmallow import ValidationError

    from hummdesk.contract.resources.categories import NewCategories
    from hummdesk.storage.categories import Categories

    try:
        return Categories.of(NewCategories().load(body))
    except ValidationError as error:
        raise CommandError(f"the categories are not valid: {error.messages}") from error


async def shown(settings: Settings, account_id: UUID) -> Wire:
    """Raises NotFound for an unknown account."""
    from hummdesk.storage import accounts, categories
    from hummdesk.storage.database import operator

    async with operator(settings) as database, database.account(account_id) as tx:
        await accounts.get(tx)
        return (await categories.get(tx)).wire()


async def change(settings: Settings, account_id: UUID, changed: Change) -> Wire:
    """Raises NotFound for an unknown account, and CommandError."""
    from hummdesk.storage import categories
    from hummdesk.storage.database import operator

    async with operator(settings) as database, database.account(account_id) as tx:
        old = await categories.locked(tx)
        return (await categories.put(tx, None, account_id, valid(changed(old.wire())))).wire()


def _change(home: Path, account_id: UUID, changed: Change) -> None:
    click.echo(_state(asyncio.run(change(settings_of(home, needs_secret=False), account_id, changed))))


def _with(categories: Sequence[Wire], key: str, values: Wire) -> list[Wire]:
    if any(one["key"] == key for one in categories):
        return [one | values if one["key"] == key else one for one in categories]
    return [*categories, {"key": key, "name": key, **values}]


def _state(found: Wire) -> str:
    state = "in use" if found["enabled"] else "not in use"
    return f"{len(found['categories'])} own categories, {state}"
