"""API keys."""

from typing import get_args

from marshmallow import Schema, fields

from hummdesk.contract.fields import AnyText, Id, ListOf, OneOf, Text, Time
from hummdesk.contract.requests import Payload
from hummdesk.core.api_keys import Scope

MAX_NAME = 100
SCOPES = get_args(Scope)


class NewKey(Payload):
    name = Text(required=True, shortest=1, longest=MAX_NAME)
    scope = OneOf(*SCOPES, required=True)


class Key(Schema):
    """An API key, without its text."""

    id = Id(required=True)
    name = AnyText(required=True)
    scope = OneOf(*SCOPES, required=True)
    createdAt = Time(required=True)
    lastUsedAt = Time()
    revokedAt = Time()


class KeyWithText(Key):
    """`key` is the text of the API key, which is shown only once."""

    key = AnyText(required=True)


class KeyPage(Schema):
    keys = ListOf(fields.Nested(Key), required=True)
    nextCursor = AnyText()
