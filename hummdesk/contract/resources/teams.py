"""Teams and their members."""

from typing import Any

from marshmallow import Schema, fields

from hummdesk.contract.fields import AnyText, Boolean, BoundedList, Id, ListOf, Text, Time
from hummdesk.contract.requests import Payload, Update
from hummdesk.contract.resources.lists import PageQuery

MAX_NAME = 100
MAX_MEMBERS = 1000
MAX_DESCRIPTION = 300
MAX_EXAMPLE = 500
MAX_EXAMPLES = 20


def _members(**options: Any) -> BoundedList:
    return BoundedList(Id(), most=MAX_MEMBERS, **options)


def _examples() -> BoundedList:
    return BoundedList(Text(shortest=1, longest=MAX_EXAMPLE), most=MAX_EXAMPLES)


class NewTeam(Payload):
    """A team. The AI suggests it for messages that are like its `description` and `examples`, which are messages."""

    name = Text(required=True, shortest=1, longest=MAX_NAME)
    memberIds = _members(attribute="member_ids")
    description = Text(longest=MAX_DESCRIPTION)
    examples = _examples()


class TeamUpdate(Update):
    """What is to be changed; `memberIds` and `examples` replace the previous ones."""

    name = Text(shortest=1, longest=MAX_NAME)
    active = Boolean()
    memberIds = _members(attribute="member_ids")
    description = Text(longest=MAX_DESCRIPTION)
    examples = _examples()


class NewMembers(Payload):
    userIds = _members(required=True, attribute="user_ids")


class TeamQuery(PageQuery):
    active = Boolean(load_default=None)


class ManagedTeam(Schema):
    """A team; one that is not `active` is hidden, and cannot be assigned conversations."""

    id = Id(required=True)
    name = AnyText(required=True)
    active = Boolean(required=True)
    memberIds = ListOf(Id(), required=True)
    description = AnyText(required=True)
    examples = ListOf(AnyText(), required=True)
    createdAt = Time(required=True)


class TeamPage(Schema):
    teams = ListOf(fields.Nested(ManagedTeam), required=True)
    nextCursor = AnyText()
