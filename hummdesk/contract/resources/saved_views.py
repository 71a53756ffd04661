"""Saved views of the inbox."""

from typing import Any

from marshmallow import Schema, ValidationError, fields, post_load, validates_schema

from hummdesk.contract.event_schemas import nested_schema
from hummdesk.contract.fields import AnyText, Boolean, Id, ListOf, OneOf, Text, Time
from hummdesk.contract.payloads import PRIORITIES, STATUSES
from hummdesk.contract.requests import MAX_SEARCH, Payload, Update, category
from hummdesk.publish.events.inbox import SavedFilter

MAX_NAME = 50
ASSIGNEES = ("mine", "unassigned", "assignedTo")


class NewSavedFilter(Payload):
    """What the view shows; what is not given does not matter. `mine`: of the agent who looks at it.

    `snoozed`: whether there is a time at which it is reopened. `sort` `waiting`: only conversations whose customers
    wait for an answer, the longest wait first.
    """

    status = OneOf(*STATUSES)
    mine = Boolean()
    unassigned = Boolean()
    assignedTo = Id()
    teamId = Id()
    labelId = Id()
    priority = OneOf(*PRIORITIES)
    category = category()
    snoozed = Boolean()
    search = Text(shortest=1, longest=MAX_SEARCH)
    sort = OneOf("activity", "waiting")

    @validates_schema
    def _one_assignment(self, data: dict[str, Any], **_: Any) -> None:
        if len([name for name in ASSIGNEES if data.get(name)]) > 1:
            raise ValidationError("Give only one of mine, unassigned and assignedTo.", "mine")
        if data.get("search") is not None and data.get("sort") == "waiting":
            raise ValidationError("A search is sorted by activity.", "sort")

    @post_load
    def _stored(self, data: dict[str, Any], **_: Any) -> dict[str, Any]:
        """As JSON, as it is stored and sent."""
        return {name: value if isinstance(value, str | bool) else str(value) for name, value in data.items()}


class NewView(Payload):
    """`shared`: with all staff, by an admin; else the view is the user's own."""

    name = Text(required=True, shortest=1, longest=MAX_NAME)
    shared = Boolean(load_default=False)
    filter = fields.Nested(NewSavedFilter, required=True)


class ViewUpdate(Update):
    """What is to be changed. A `filter` replaces the previous one."""

    name = Text(shortest=1, longest=MAX_NAME)
    filter = fields.Nested(NewSavedFilter)


class View(Schema):
    """A saved view of the inbox."""

    id = Id(required=True)
    name = AnyText(required=True)
    shared = Boolean(required=True)
    filter = fields.Nested(nested_schema(SavedFilter), required=True)
    createdAt = Time(required=True)


class ViewList(Schema):
    views = ListOf(fields.Nested(View), required=True)
