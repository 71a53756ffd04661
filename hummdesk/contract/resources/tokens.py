"""Tokens of users and contacts, and who the caller is."""

from typing import Any, ClassVar, get_args

from marshmallow import Schema, ValidationError, validates_schema

from hummdesk.contract.fields import AnyText, Id, Integer, JsonSchema, OneOf, Time
from hummdesk.contract.requests import Payload
from hummdesk.core.models import Role

MAX_SECONDS = 366 * 24 * 3600


class NewToken(Payload):
    """A token for a contact or for a user. `seconds` is at most JWT_MAX_HOURS."""

    contactId = Id()
    userId = Id()
    seconds = Integer(least=1, most=MAX_SECONDS, load_default=3600)

    constraints: ClassVar[JsonSchema] = {"oneOf": [{"required": ["contactId"]}, {"required": ["userId"]}]}

    @validates_schema
    def _one_person(self, data: dict[str, Any], **_: Any) -> None:
        if ("contactId" in data) == ("userId" in data):
            raise ValidationError("Give contactId or userId, not both.", "contactId")


class Token(Schema):
    token = AnyText(required=True)
    expiresAt = Time(required=True)


class Caller(Schema):
    """An API key, or the user of a token. `role` is what it may do."""

    id = Id(required=True)
    accountId = Id(required=True)
    type = OneOf("key", "user", required=True)
    name = AnyText(required=True)
    email = AnyText()
    role = OneOf(*get_args(Role), required=True)
