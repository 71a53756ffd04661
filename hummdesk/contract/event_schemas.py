"""The schema of an event's payload, derived from the fields of its definition."""

import inspect
from datetime import datetime
from typing import Any, Literal, get_args, get_origin, is_typeddict
from uuid import UUID

from marshmallow import Schema, fields

from hummdesk.contract.fields import AnyText, Boolean, Id, Integer, ListOf, Number, OneOf, Time
from hummdesk.publish.events import SocketEvent
from hummdesk.publish.fields import Field, Range, sent_fields, unpacked

FIELDS: dict[Any, type[fields.Field[Any]]] = {UUID: Id, datetime: Time, str: AnyText, bool: Boolean}

SchemaOrEvent = type[Schema] | type[SocketEvent]
"""A schema, or an event that stands for the schema of its payload."""

_derived: dict[str, type[Schema]] = {}
_instances: dict[SchemaOrEvent, Schema] = {}


def instance_of(described: SchemaOrEvent) -> Schema:
    """Return the one instance of a schema, made at its first use: a process needs few of those in the tables."""
    if described not in _instances:
        schema = described if issubclass(described, Schema) else schema_of(described)
        _instances[described] = schema()
    return _instances[described]


def schema_of(event: type[SocketEvent]) -> type[Schema]:
    """The derived schema of an event; events that share its name share the schema."""
    if event.schema not in _derived:
        described = next((cls for cls in event.__mro__ if cls.__name__ == event.schema), event)
        staff_only = [f"`{field.key}` is for staff only." for field in event.sent if field.is_staff_only]
        description = " ".join([inspect.getdoc(described) or "", *staff_only])
        _derived[event.schema] = _schema(event.schema, event.sent, description=description, module=event.__module__)
    return _derived[event.schema]


def _schema(name: str, sent: tuple[Field, ...], *, description: str | None, module: str) -> type[Schema]:
    schema = Schema.from_dict({field.key: _field(field) for field in sent}, name=name)
    schema.__doc__, schema.__module__ = description, module
    return schema


def _field(field: Field) -> fields.Field[Any]:
    return _of_kind(field.kind, field.marks, required=field.is_required)


def _of_kind(kind: Any, marks: tuple[object, ...] = (), *, required: bool = False) -> fields.Field[Any]:
    if is_typeddict(kind):
        return fields.Nested(nested_schema(kind), required=required)
    if get_origin(kind) is list:
        item, item_marks, _ = unpacked(get_args(kind)[0])
        return ListOf(_of_kind(item, item_marks), required=required)
    if get_origin(kind) is Literal:
        return OneOf(*get_args(kind), required=required)
    for mark in marks:
        if isinstance(mark, Range):
            number = Integer(least=mark.least, most=mark.most, required=required)
            return number if kind is int else Number(most=mark.most, required=required)
    return FIELDS[UUID if UUID in marks else kind](required=required)


def nested_schema(kind: type) -> type[Schema]:
    """The schema of a part of a payload. Its keys are as they are sent, since the part is stored as it is sent."""
    if kind.__name__ not in _derived:
        _derived[kind.__name__] = _schema(
            kind.__name__, sent_fields(kind), description=vars(kind).get("__doc__"), module=kind.__module__
        )
    return _derived[kind.__name__]
