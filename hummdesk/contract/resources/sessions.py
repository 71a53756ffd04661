"""Sessions of staff: the browsers in which users are signed in."""

from marshmallow import Schema, fields

from hummdesk.contract.fields import AnyText, Id, ListOf, OneOf, Time
from hummdesk.contract.resources.lists import PageQuery


class SessionQuery(PageQuery):
    userId = Id(load_default=None)


class Session(Schema):
    id = Id(required=True)
    userId = Id(required=True)
    signedInBy = OneOf("link", "oidc", required=True)
    userAgent = AnyText(required=True)
    network = AnyText(required=True)
    createdAt = Time(required=True)
    lastUsedAt = Time(required=True)
    expiresAt = Time(required=True)


class SessionPage(Schema):
    sessions = ListOf(fields.Nested(Session), required=True)
    nextCursor = AnyText()
