"""The commands for what an account names itself, categories or tags: list, import, set and remove.

A body is that of the contract; its list of terms has the name of their plural.
"""

import asyncio
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol
from uuid import UUID

import click

from hummdesk.core.config import Settings
from hummdesk.core.errors import CommandError
from hummdesk.operator.options import account_option, home_option, json_option, settings_of
from hummdesk.operator.records import print_records

if TYPE_CHECKING:
    from hummdesk.storage.categories import Categories
    from hummdesk.storage.database import Transaction

Wire = dict[str, Any]
Change = Callable[[Wire], Wire]

key_argument = click.argument("key")


class Noun(Protocol):
    """Categories or tags."""

    @property
    def singular(self) -> str: ...

    @property
    def plural(self) -> str: ...

    def wire(self, found: "Categories") -> Wire:
        """Return the body."""

    def state(self, body: Wire) -> str:
        """Return whether they are in use."""

    async def put(self, tx: "Transaction", account_id: UUID, body: Wire) -> "Categories":
        """Raises NotFound for an unknown account, and CommandError for an invalid body."""


def add_commands(group: click.Group, noun: Noun) -> None:
    """Add the commands in the order of --help."""

    @group.command("list", help=f"List the {noun.plural}, with --json in the format that `import` reads.")
    @home_option
    @account_option
    @json_option
    def list_command(home: Path, account: UUID, as_json: bool) -> None:
        found = asyncio.run(_shown(noun, settings_of(home, needs_secret=False), account))
        if not as_json:
            click.echo(_state(noun, found))
        print_records(found[noun.plural], "key", "name", "description", "examples", as_json=as_json)

    @group.command(
        "import",
        help=f'Replace all {noun.plural} by those of a file, one {{"key", "name", "description", "examples"}} a line.',
    )
    @home_option
    @account_option
    @click.argument("file", type=click.Path(path_type=Path, dir_okay=False, exists=True))
    def import_command(home: Path, account: UUID, file: Path) -> None:
        wanted = read(file)
        change(noun, home, account, lambda old: old | {noun.plural: wanted})

    @group.command("set", help=f"Add a {noun.singular}, or change what is given of it.")
    @home_option
    @account_option
    @click.option("--name", help="Name that agents see.  [the key]")
    @click.option("--description", help="What belongs to it, in a sentence; an empty one removes it.")
    @click.option(
        "--example", "examples", multiple=True, help=f"A message of this {noun.singular}; replaces the previous ones."
    )
    @click.option("--no-examples", "is_without_examples", is_flag=True, help="Remove its examples.")
    @key_argument
    def set_command(home: Path, account: UUID, key: str, is_without_examples: bool, **given: Any) -> None:
        values = {name: value for name, value in given.items() if value is not None and name != "examples"}
        if examples := examples_of(given["examples"], is_without_examples=is_without_examples):
            values |= examples
        change(noun, home, account, lambda old: old | {noun.plural: _with(old[noun.plural], key, values)})

    @group.command(
        "remove", help=f"Remove a {noun.singular}. Messages keep the {noun.singular} that they were classified with."
    )
    @home_option
    @account_option
    @key_argument
    def remove_command(home: Path, account: UUID, key: str) -> None:
        def without(old: Wire) -> Wire:
            left = [one for one in old[noun.plural] if one["key"] != key]
            if len(left) == len(old[noun.plural]):
                raise CommandError(f"the account has no {noun.singular} {key!r}")
            return old | {noun.plural: left}

        change(noun, home, account, without)


def examples_of(examples: Sequence[str], *, is_without_examples: bool) -> dict[str, list[str]]:
    """Return the examples to set; nothing to keep the previous ones. Raises UsageError."""
    if examples and is_without_examples:
        raise click.UsageError("--example and --no-examples exclude each other")
    return {"examples": list(examples)} if examples or is_without_examples else {}


def change(noun: Noun, home: Path, account_id: UUID, changed: Change) -> None:
    """Change the body of an account, and print how many there are. Raises NotFound and CommandError."""
    settings = settings_of(home, needs_secret=False)
    click.echo(_state(noun, asyncio.run(_changed(noun, settings, account_id, changed))))


def read(file: Path) -> list[Wire]:
    """The terms of a file, not validated. Raises CommandError."""
    import orjson

    try:
        return [orjson.loads(line) for line in file.read_bytes().splitlines() if line.strip()]
    except (OSError, orjson.JSONDecodeError) as error:
        raise CommandError(f"{file}: not one JSON object a line ({error})") from None


async def _shown(noun: Noun, settings: Settings, account_id: UUID) -> Wire:
    """Raises NotFound for an unknown account."""
    from hummdesk.storage import accounts, categories
    from hummdesk.storage.database import operator

    async with operator(settings) as database, database.account(account_id) as tx:
        await accounts.get(tx)
        return noun.wire(await categories.get(tx))


async def _changed(noun: Noun, settings: Settings, account_id: UUID, changed: Change) -> Wire:
    from hummdesk.storage import categories
    from hummdesk.storage.database import operator

    async with operator(settings) as database, database.account(account_id) as tx:
        old = noun.wire(await categories.locked(tx))
        return noun.wire(await noun.put(tx, account_id, changed(old)))


def _with(terms: Sequence[Wire], key: str, values: Wire) -> list[Wire]:
    if any(one["key"] == key for one in terms):
        return [one | values if one["key"] == key else one for one in terms]
    return [*terms, {"key": key, "name": key, **values}]


def _state(noun: Noun, body: Wire) -> str:
    return f"{len(body[noun.plural])} own {noun.plural}, {noun.state(body)}"
