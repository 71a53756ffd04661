"""The kinds of fields of an event, from which its payload and its schema are derived.

A field is sent under its name in camelCase. A field whose type allows None is optional and left out while it is None.
"""

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from types import UnionType
from typing import Annotated, Any, Literal, NotRequired, TypeVar, Union, get_args, get_origin, get_type_hints
from uuid import UUID

from hummdesk.core.clock import wire_time

T = TypeVar("T")

MAX_INTEGER = 2**53 - 1
"""The largest integer that every JavaScript client reads exactly."""


@dataclass(frozen=True, slots=True)
class Range:
    """Bounds of a number, both included."""

    least: int
    most: int


class Visibility:
    """Marks a field that not every recipient receives."""


NOT_SENT = Visibility()
STAFF_ONLY = Visibility()

Routing = Annotated[T, NOT_SENT]
"""Decides the recipients or the keys of an event; not sent."""
StaffOnly = Annotated[T, STAFF_ONLY]
"""Not sent to customers."""

Id = Annotated[str, UUID]
"""A UUID that is text already, in a payload that was stored as JSON."""
Count = Annotated[int, Range(0, MAX_INTEGER)]
Share = Annotated[float, Range(0, 1)]
Rating = Annotated[int, Range(1, 5)]
"""Of a closed conversation by its customer; 5 is the best."""

SenderType = Literal["agent", "customer"]

Convert = Callable[[Any], object]


@dataclass(frozen=True, slots=True)
class Field:
    """One field as it is sent: `kind` is its type without marks, `convert` makes JSON of a value that is none yet."""

    name: str
    key: str
    kind: Any
    marks: tuple[object, ...]
    is_required: bool
    convert: Convert | None

    @property
    def is_staff_only(self) -> bool:
        return STAFF_ONLY in self.marks


def sent_fields(cls: type) -> tuple[Field, ...]:
    """The fields of a class that are sent, inherited ones first; a redeclared one stands where it was declared last."""
    declared: dict[str, None] = {}
    for base in reversed(cls.__mro__):
        for name in inspect.get_annotations(base):
            declared.pop(name, None)
            declared[name] = None
    hints = get_type_hints(cls, include_extras=True)
    fields = (_field(name, hints[name]) for name in declared if "ClassVar" not in str(hints[name]))
    return tuple(field for field in fields if NOT_SENT not in field.marks)


def unpacked(hint: Any) -> tuple[Any, tuple[object, ...], bool]:
    """A type without marks, its marks, and whether it excludes None."""
    marks: tuple[object, ...] = ()
    is_required = True
    while True:
        if get_origin(hint) is Annotated:
            hint, *found = get_args(hint)
            marks += tuple(found)
        elif get_origin(hint) in (Union, UnionType):
            (hint,) = [kind for kind in get_args(hint) if kind is not type(None)]
            is_required = False
        elif get_origin(hint) is NotRequired:
            (hint,) = get_args(hint)
            is_required = False
        else:
            return hint, marks, is_required


def camel_case(name: str) -> str:
    first, *others = name.split("_")
    return first + "".join(map(str.capitalize, others))


def _field(name: str, hint: Any) -> Field:
    kind, marks, is_required = unpacked(hint)
    return Field(name, camel_case(name), kind, marks, is_required, CONVERSIONS.get(kind))


CONVERSIONS: dict[Any, Convert] = {UUID: str, datetime: wire_time}
