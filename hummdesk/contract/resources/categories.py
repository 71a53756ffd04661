"""The categories and tags of messages of an account."""

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any

from marshmallow import Schema, ValidationError, fields, validates_schema

from hummdesk.contract.fields import AnyText, Boolean, BoundedList, ListOf, Matching, Text
from hummdesk.contract.requests import Payload
from hummdesk.core.categories import GENERAL, KEY, LONGEST_KEY

LEAST_CATEGORIES = 2
"""Of categories that are in use."""
MAX_CATEGORIES = 30
MAX_TAGS = 50
MAX_NAME = 60
MAX_DESCRIPTION = 300
MAX_EXAMPLE = 500
MAX_EXAMPLES = 20
MAX_ALL_EXAMPLES = 300
"""Of all categories together, and of all tags."""


class _NewTerm(Payload):
    key = Matching(KEY, what="3 or more lower-case letters, digits and `_`,", longest=LONGEST_KEY, required=True)
    name = Text(required=True, shortest=1, longest=MAX_NAME)
    description = Text(longest=MAX_DESCRIPTION, load_default="")
    examples = BoundedList(Text(shortest=1, longest=MAX_EXAMPLE), most=MAX_EXAMPLES, load_default=list)


class NewCategory(_NewTerm):
    """A category; its `key` is what events, corrections and skills name. Examples are messages of this category."""


class NewTag(_NewTerm):
    """A tag; its `key` is what events name. Examples are messages with this tag."""


class NewCategories(Payload):
    """The account's own categories as a whole. While they are `enabled`, they replace the built-in ones.

    `general` is always there beside them, for what fits none. Keys and names are unique.
    """

    enabled = Boolean(required=True)
    categories = BoundedList(fields.Nested(NewCategory), most=MAX_CATEGORIES, required=True)

    @validates_schema(skip_on_field_errors=True)
    def _check(self, data: dict[str, Any], **_: Any) -> None:
        found: list[dict[str, Any]] = data["categories"]
        if data["enabled"] and len(found) < LEAST_CATEGORIES:
            raise ValidationError(f"Must have at least {LEAST_CATEGORIES} items while they are enabled.", "categories")
        if any(one["key"] == GENERAL for one in found):
            raise ValidationError(f"Must not contain `{GENERAL}`, which is always there.", "categories")
        _check_terms(found, "categories")


class NewTags(Payload):
    """The account's own tags as a whole. If there are any, they replace the built-in ones.

    Keys and names are unique.
    """

    tags = BoundedList(fields.Nested(NewTag), most=MAX_TAGS, required=True)

    @validates_schema(skip_on_field_errors=True)
    def _check(self, data: dict[str, Any], **_: Any) -> None:
        _check_terms(data["tags"], "tags")


class AccountCategory(Schema):
    key = AnyText(required=True)
    name = AnyText(required=True)
    description = AnyText(required=True)
    examples = ListOf(AnyText(), required=True)


class AccountCategories(Schema):
    """The account's own categories; without `enabled`, the built-in ones are used."""

    enabled = Boolean(required=True)
    categories = ListOf(fields.Nested(AccountCategory), required=True)


class AccountTag(AccountCategory):
    pass


class AccountTags(Schema):
    """The account's own tags; without any, the built-in ones are used."""

    tags = ListOf(fields.Nested(AccountTag), required=True)


class CategoryName(Schema):
    key = AnyText(required=True)
    name = AnyText(required=True)
    description = AnyText(required=True)


class TagName(Schema):
    key = AnyText(required=True)
    name = AnyText(required=True)


class CategoryNames(Schema):
    """The account's own categories and tags in their order.

    If there are no categories, or not `enabled`, the built-in ones are used; without `tags` their built-in ones.
    """

    enabled = Boolean(required=True)
    categories = ListOf(fields.Nested(CategoryName), required=True)
    tags = ListOf(fields.Nested(TagName), required=True)


def _check_terms(terms: Sequence[dict[str, Any]], field: str) -> None:
    """Raises ValidationError for repeated keys and names, and for too many examples."""
    if repeated := _repeated(one["key"] for one in terms) or _repeated(one["name"].casefold() for one in terms):
        raise ValidationError(f"Must have different keys and names: {repeated!r} is repeated.", field)
    if sum(len(one["examples"]) for one in terms) > MAX_ALL_EXAMPLES:
        raise ValidationError(f"Must have at most {MAX_ALL_EXAMPLES} examples together.", field)


def _repeated(values: Iterable[str]) -> str | None:
    return next((value for value, count in Counter(values).items() if count > 1), None)
