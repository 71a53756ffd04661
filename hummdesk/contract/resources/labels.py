"""Labels of conversations."""

from typing import Any

from marshmallow import Schema, fields

from hummdesk.contract.fields import AnyText, Boolean, Id, ListOf, Matching, Text, Time
from hummdesk.contract.requests import Payload, Update
from hummdesk.contract.resources.lists import PageQuery

MAX_NAME = 50


def _color(**options: Any) -> Matching:
    return Matching("#[0-9a-f]{6}", what="a color like `#0b5f59`", longest=7, **options)


class NewLabel(Payload):
    name = Text(required=True, shortest=1, longest=MAX_NAME)
    color = _color(required=True)


class LabelUpdate(Update):
    """What is to be changed."""

    name = Text(shortest=1, longest=MAX_NAME)
    color = _color()
    active = Boolean()


class LabelQuery(PageQuery):
    active = Boolean(load_default=None)


class Label(Schema):
    """A label; one that is not `active` is hidden, and cannot be put on a conversation."""

    id = Id(required=True)
    name = AnyText(required=True)
    color = AnyText(required=True)
    active = Boolean(required=True)
    createdAt = Time(required=True)


class LabelPage(Schema):
    labels = ListOf(fields.Nested(Label), required=True)
    nextCursor = AnyText()
