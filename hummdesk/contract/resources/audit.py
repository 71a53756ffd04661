"""The audit log."""

from marshmallow import Schema, fields

from hummdesk.contract.fields import AnyObject, AnyText, Id, ListOf, Matching, OneOf, Time
from hummdesk.contract.resources.lists import PageQuery


class AuditQuery(PageQuery):
    """`noun`: the first part of the action, `user` of `user.created`. `actorId`: of a user or an API key."""

    noun = Matching("[a-z_]+", what="a noun like `user`", longest=50, load_default=None)
    actorId = Id(load_default=None, attribute="actor_id")


class AuditEntry(Schema):
    """A change of the account's people, keys or settings. An operator's command has no `actorId`."""

    id = Id(required=True)
    actorType = OneOf("agent", "customer", "key", "system", required=True)
    actorId = Id()
    action = AnyText(required=True)
    subjectId = AnyText(required=True)
    details = AnyObject(required=True)
    timestamp = Time(required=True)


class AuditPage(Schema):
    entries = ListOf(fields.Nested(AuditEntry), required=True)
    nextCursor = AnyText()
