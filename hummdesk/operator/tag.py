"""The commands for the tags of messages that an account names itself."""

from typing import TYPE_CHECKING
from uuid import UUID

import click

from hummdesk.core.categories import OwnTag
from hummdesk.core.errors import CommandError
from hummdesk.operator import terms
from hummdesk.operator.terms import Wire

if TYPE_CHECKING:
    from hummdesk.storage.categories import Categories
    from hummdesk.storage.database import Transaction


class TagNoun:
    singular = "tag"
    plural = "tags"

    def wire(self, found: "Categories") -> Wire:
        return found.tags_wire()

    def state(self, body: Wire) -> str:
        return "in use" if body["tags"] else "the built-in ones are used"

    async def put(self, tx: "Transaction", account_id: UUID, body: Wire) -> "Categories":
        from hummdesk.storage import categories

        return await categories.put_tags(tx, None, account_id, valid(body))


@click.group("tag")
def tag_command() -> None:
    """Manage the tags of messages that an account names itself.

    As soon as there is one, they replace the built-in ones. The AI learns them from their examples at once."""


terms.add_commands(tag_command, TagNoun())


def valid(body: Wire) -> tuple[OwnTag, ...]:
    """The tags of a body of the contract. Raises CommandError."""
    from marshmallow import ValidationError

    from hummdesk.contract.resources.categories import NewTags
    from hummdesk.storage.categories import tags_of

    try:
        return tags_of(NewTags().load(body))
    except ValidationError as error:
        raise CommandError(f"the tags are not valid: {error.messages}") from error
