"""What the generated methods of the client libraries have in common, in each language."""

import re
from dataclasses import dataclass
from typing import Literal

from marshmallow import Schema, fields

from hummdesk.contract import json_schema
from hummdesk.contract.event_schemas import instance_of
from hummdesk.contract.fields import JsonSchema, ListOf
from hummdesk.contract.json_schema import shapes_of
from hummdesk.contract.rest import ROUTES, Route

Paging = Literal["cursor", "seq"]


@dataclass(frozen=True, slots=True)
class Items:
    """What a list's pages contain."""

    field: str
    schema: type[Schema]
    iterator: str
    """The name of the method that iterates over them."""
    paging: Paging
    """How the next page is named: by `nextCursor`, or by the `seq` of the last item."""


def items_of(route: Route) -> Items | None:
    """The items of a list; None for another route."""
    paging = _paging(route)
    if paging is None or route.answer is None:
        return None
    lists = [
        (name, field.inner) for name, field in instance_of(route.answer).fields.items() if isinstance(field, ListOf)
    ]
    field, item = lists[0]
    if len(lists) > 1 or not isinstance(item, fields.Nested):
        raise ValueError(f"{route.name}: a page has one list of objects")
    return Items(field, type(item.schema), f"all_{route.name.removeprefix('list_')}", paging)


def _paging(route: Route) -> Paging | None:
    query, answer = (set(instance_of(schema).fields) if schema else set() for schema in (route.query, route.answer))
    if "cursor" in query and "nextCursor" in answer:
        return "cursor"
    return "seq" if "afterSeq" in query and "hasMore" in answer else None


def shapes() -> dict[str, JsonSchema]:
    """The schemas of all bodies, queries and answers by name, each after those that it refers to."""
    used = [schema for route in ROUTES.values() for schema in (route.body, route.query, route.answer) if schema]
    return shapes_of(map(instance_of, used))


def shared() -> list[str]:
    """The names of the schemas that the socket has, too, with the same fields."""
    found: dict[str, JsonSchema] = {}
    socket = json_schema.shapes()
    for name, shape in shapes().items():
        if socket.get(name) == shape and set(_references(shape)) <= found.keys():
            found[name] = shape
    return sorted(found)


def _references(shape: object) -> list[str]:
    return re.findall(r"#/components/schemas/(\w+)", str(shape))


def is_required(schema: type[Schema]) -> bool:
    """Whether a payload of this schema has a required field, so that it cannot be left out."""
    return any(field.required for field in instance_of(schema).fields.values())
