"""The JSON Schemas of all payloads by name."""

import inspect
from collections.abc import Iterable, Iterator
from functools import cache
from typing import Any

from marshmallow import Schema, fields

from hummdesk.contract.event_schemas import instance_of
from hummdesk.contract.fields import JsonSchema, UnionOf, json_schema, reference
from hummdesk.contract.payloads import ErrorReport
from hummdesk.contract.requests import Nothing
from hummdesk.contract.table import EVENTS, REQUESTS, Request


@cache
def shapes() -> dict[str, JsonSchema]:
    """All schemas of the socket's contract by name, in the order of the tables."""
    roots: list[Schema] = [ErrorReport()]
    roots += [instance_of(event.schema) for event in EVENTS.values()]
    for request in REQUESTS.values():
        roots += [instance_of(request.schema), instance_of(request.answer)]
    return shapes_of(roots)


def shapes_of(roots: Iterable[Schema], *, with_null: bool = False) -> dict[str, JsonSchema]:
    """These schemas by name, each after those that it refers to.

    `with_null`: a field that may be null says so, as JSON Schema 2020-12 does.
    """
    found: dict[str, Schema] = {}
    for schema in roots:
        _gather(schema, found)
    return {name: _shape(schema, with_null=with_null) for name, schema in found.items()}


def _gather(schema: Schema, found: dict[str, Schema]) -> None:
    name = type(schema).__name__
    if name in found or isinstance(schema, Nothing):
        if name in found and type(found[name]) is not type(schema):
            raise ValueError(f"two schemas are called {name}")
        return
    for field in schema.fields.values():
        for inner in _inside(field):
            _gather(inner, found)
    found[name] = schema


def _inside(field: Any) -> Iterator[Schema]:
    if isinstance(field, fields.Nested):
        yield field.schema
    elif isinstance(field, UnionOf):
        yield from field.schemas
    elif isinstance(field, fields.List):
        yield from _inside(field.inner)
    elif isinstance(field, fields.Dict):
        yield from _inside(field.value_field)


def _shape(schema: Schema, *, with_null: bool) -> JsonSchema:
    required = [name for name, field in schema.fields.items() if field.required]
    return {
        "type": "object",
        **_description(schema),
        "properties": {name: json_schema(field, with_null=with_null) for name, field in schema.fields.items()},
        **({"required": required} if required else {}),
        "additionalProperties": False,
        **getattr(schema, "constraints", {}),
    }


def _description(schema: Schema) -> JsonSchema:
    own = type(schema).__dict__.get("__doc__")
    return {"description": " ".join(inspect.cleandoc(own).split())} if own else {}


def payload_of(request: Request) -> JsonSchema | None:
    """A reference to the schema of a request, or to the field that may stand for it as well; None without payload."""
    schema = instance_of(request.schema)
    if isinstance(schema, Nothing):
        return None
    whole = reference(schema)
    if request.bare is None:
        return whole
    return {"oneOf": [json_schema(schema.fields[request.bare]), whole]}
