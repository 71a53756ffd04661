"""The categories of messages of an account."""

from collections import Counter
from collections.abc import Iterable
from typing import Any

from marshmallow import Schema, ValidationError, fields, validates_schema

from hummdesk.contract.fields import AnyText, Boolean, BoundedList, ListOf, Matching, Text
from hummdesk.contract.requests import Payload
from hummdesk.core.categories import GENERAL, KEY, LONGEST_KEY

LEAST_CATEGORIES = 2
"""Of categories that are in use."""
MAX_CATEGORIES = 30
MAX_NAME = 60
MAX_DESCRIPTION = 300
MAX_EXAMPLE = 500
MAX_EXAMPLES = 20
MAX_ALL_EXAMPLES = 300
"""Of all categories together."""


class NewCategory(Payload):
    """A category; its `key` is what events, corrections and skills name. Examples are messages of this category."""

    key = Matching(KEY, what="3 or more lower-case letters, digits and `_`,", longest=LONGEST_KEY, required=True)
    name = Text(required=True, shortest=1, longest=MAX_NAME)
    description = Text(longest=MAX_DESCRIPTION, load_default="")
    examples = BoundedList(Text(shortest=1, longest=MAX_EXAMPLE), most=MAX_EXAMPLES, load_default=list)


class NewCategories(Payload):
    """The account's own categories as a whole. While they are `enabled`, they replace the built-in ones.

    `general` is always there beside them, for what fits none. Keys and names are unique.
    """

    enabled = Boolean(required=True)
    categories = BoundedList(fields.Nested(NewCategory), most=MAX_CATEGORIES, required=True)

    @validates_schema(skip_on_field_errors=True)
    def _check(self, data: dict[str, Any], **_: Any) -> None:
        found: list[dict[str, Any]] = data["categories"]
        keys = [one["key"] for one in found]
        if data["enabled"] and len(found) < LEAST_CATEGORIES:
            raise ValidationError(f"Must have at least {LEAST_CATEGORIES} items while they are enabled.", "categories")
        if GENERAL in keys:
            raise ValidationError(f"Must not contain `{GENERAL}`, which is always there.", "categories")
        if repeated := _repeated(keys) or _repeated(one["name"].casefold() for one in found):
            raise ValidationError(f"Must have different keys and names: {repeated!r} is repeated.", "categories")
        if sum(len(one["examples"]) for one in found) > MAX_ALL_EXAMPLES:
            raise ValidationError(f"Must have at most {MAX_ALL_EXAMPLES} examples together.", "categories")


class AccountCategory(Schema):
    key = AnyText(required=True)
    name = AnyText(required=True)
    description = AnyText(required=True)
    examples = ListOf(AnyText(), required=True)


class AccountCategories(Schema):
    """The account's own categories; without `enabled`, the built-in ones are used."""

    enabled = Boolean(required=True)
    categories = ListOf(fields.Nested(AccountCategory), required=True)


class CategoryName(Schema):
    key = AnyText(required=True)
    name = AnyText(required=True)
    description = AnyText(required=True)


class CategoryNames(Schema):
    """The account's own categories in their order. If there are none, or not `enabled`, the built-in ones are used."""

    enabled = Boolean(required=True)
    categories = ListOf(fields.Nested(CategoryName), required=True)


def _repeated(values: Iterable[str]) -> str | None:
    return next((value for value, count in Counter(values).items() if count > 1), None)
