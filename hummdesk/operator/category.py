"""The commands for the categories of messages that an account names itself."""

from pathlib import Path
from typing import TYPE_CHECKING
from uuid import UUID

import click

from hummdesk.core.errors import CommandError
from hummdesk.operator import terms
from hummdesk.operator.options import account_option, home_option
from hummdesk.operator.terms import Wire

if TYPE_CHECKING:
    from hummdesk.storage.categories import Categories
    from hummdesk.storage.database import Transaction


class CategoryNoun:
    singular = "category"
    plural = "categories"

    def wire(self, found: "Categories") -> Wire:
        return found.wire()

    def state(self, body: Wire) -> str:
        return "in use" if body["enabled"] else "not in use"

    async def put(self, tx: "Transaction", account_id: UUID, body: Wire) -> "Categories":
        from hummdesk.storage import categories

        return await categories.put(tx, None, account_id, valid(body))


CATEGORIES = CategoryNoun()


@click.group("category")
def category_command() -> None:
    """Manage the categories of messages that an account names itself.

    While they are enabled, they replace the built-in ones. The AI learns them from their examples at once."""


terms.add_commands(category_command, CATEGORIES)


@category_command.command("enable")
@home_option
@account_option
def enable_command(home: Path, account: UUID) -> None:
    """Use the account's own categories from the next message on."""
    terms.change(CATEGORIES, home, account, lambda old: old | {"enabled": True})


@category_command.command("disable")
@home_option
@account_option
def disable_command(home: Path, account: UUID) -> None:
    """Use the built-in categories; the own ones are kept."""
    terms.change(CATEGORIES, home, account, lambda old: old | {"enabled": False})


def valid(body: Wire) -> "Categories":
    """The categories of a body of the contract. Raises CommandError."""
    from marshmallow import ValidationError

    from hummdesk.contract.resources.categories import NewCategories
    from hummdesk.storage.categories import Categories

    try:
        return Categories.of(NewCategories().load(body))
    except ValidationError as error:
        raise CommandError(f"the categories are not valid: {error.messages}") from error
