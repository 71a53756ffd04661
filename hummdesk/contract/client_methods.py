"""What the generated methods of the client libraries have in common, in each language."""

from dataclasses import dataclass
from typing import NamedTuple

from marshmallow import Schema, fields

from hummdesk.contract.fields import JsonSchema, ListOf
from hummdesk.contract.json_schema import shapes_of
from hummdesk.contract.rest import ROUTES, Route


class Items(NamedTuple):
    """What a list's pages contain."""

    field: str
    schema: Schema
    iterator: str
    """The name of the method that iterates over them."""


@dataclass(frozen=True)
class Method:
    route: Route

    @property
    def items(self) -> Items | None:
        """The items of an answer with a cursor; None for another answer."""
        answer, query = self.route.answer, self.route.query
        if answer is None or query is None or "nextCursor" not in answer.fields or "cursor" not in query.fields:
            return None
        lists = [(name, field) for name, field in answer.fields.items() if isinstance(field, ListOf)]
        if len(lists) != 1 or not isinstance(lists[0][1].inner, fields.Nested):
            raise ValueError(f"{self.route.name}: a page has one list of objects")
        return Items(lists[0][0], lists[0][1].inner.schema, f"all_{self.route.name.removeprefix('list_')}")


def shapes() -> dict[str, JsonSchema]:
    """The schemas of all bodies, queries and answers by name, each after those that it refers to."""
    used = [schema for route in ROUTES.values() for schema in (route.body, route.query, route.answer) if schema]
    return shapes_of(used)


def is_required(schema: Schema) -> bool:
    """Whether a payload of this schema has a required field, so that it cannot be left out."""
    return any(field.required for field in schema.fields.values())
