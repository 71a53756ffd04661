"""Users: the admins, agents and viewers of an account."""

from typing import Any

from marshmallow import Schema, fields

from hummdesk.contract.fields import (
    AnyText,
    Boolean,
    BoundedList,
    Email,
    Id,
    Integer,
    ListOf,
    Matching,
    OneOf,
    Text,
    Time,
)
from hummdesk.contract.requests import Payload, Update
from hummdesk.contract.resources.lists import PageQuery
from hummdesk.core.categories import KEY, LONGEST_KEY
from hummdesk.storage.routing import MAX_CAPACITY

MAX_NAME = 100
MAX_TEAMS = 100
MAX_SKILLS = 50
ROLES = ("admin", "agent", "viewer")


def _skills(**options: Any) -> BoundedList:
    skill = Matching(f"[a-z]{{2}}|{KEY}", what="a message category, or a language like `de`,", longest=LONGEST_KEY)
    return BoundedList(skill, most=MAX_SKILLS, **options)


def _capacity(**options: Any) -> Integer:
    """Open conversations at which routing gives the user no more; null: that of the queue."""
    return Integer(least=0, most=MAX_CAPACITY, **options)


def _teams(**options: Any) -> BoundedList:
    return BoundedList(Id(), most=MAX_TEAMS, attribute="team_ids", **options)


class NewUser(Payload):
    email = Email(required=True)
    name = Text(required=True, shortest=1, longest=MAX_NAME)
    role = OneOf(*ROLES, required=True)
    skills = _skills()
    capacity = _capacity(allow_none=True)
    teamIds = _teams()


class UserUpdate(Update):
    """What is to be changed; lists replace the previous ones. `capacity` null is that of the queue."""

    email = Email()
    name = Text(shortest=1, longest=MAX_NAME)
    role = OneOf(*ROLES)
    active = Boolean()
    skills = _skills()
    capacity = _capacity(allow_none=True)
    teamIds = _teams()


class UserQuery(PageQuery):
    active = Boolean(load_default=None)
    role = OneOf(*ROLES, load_default=None)
    teamId = Id(load_default=None, attribute="team_id")


class User(Schema):
    """A user, who is signed out if not `active`."""

    id = Id(required=True)
    email = AnyText(required=True)
    name = AnyText(required=True)
    role = OneOf(*ROLES, required=True)
    active = Boolean(required=True)
    skills = ListOf(AnyText(), required=True)
    capacity = _capacity(required=True, allow_none=True)
    teamIds = ListOf(Id(), required=True)
    createdAt = Time(required=True)
    lastSeenAt = Time()


class SignInLink(Schema):
    """A link with which the user signs in once, until `expiresAt`. It is shown only once."""

    signInUrl = AnyText(required=True)
    expiresAt = Time(required=True)


class UserPage(Schema):
    users = ListOf(fields.Nested(User), required=True)
    nextCursor = AnyText()
