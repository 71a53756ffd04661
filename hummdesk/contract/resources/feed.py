"""The feed."""

from marshmallow import Schema, fields

from hummdesk.contract.fields import AnyObject, AnyText, Id, Integer, ListOf, Time
from hummdesk.contract.payloads import Count
from hummdesk.contract.requests import Payload
from hummdesk.publish.feed import LIMIT, MAX_LIMIT
from hummdesk.publish.fields import MAX_INTEGER

MAX_WAIT_SECONDS = 30


class FeedQuery(Payload):
    """Without `after` the answer has no events, only the last number. `wait` is in seconds."""

    after = Integer(least=0, most=MAX_INTEGER, load_default=None)
    wait = Integer(least=0, most=MAX_WAIT_SECONDS, load_default=0)
    limit = Integer(least=1, most=MAX_LIMIT, load_default=LIMIT)


class FeedEvent(Schema):
    """A change under its number. `data` is its subject as it is now, `subjectId` what the type is about."""

    number = Count()
    type = AnyText(required=True)
    at = Time(required=True)
    conversationId = Id()
    subjectId = Id(required=True)
    data = AnyObject(required=True)


class FeedPage(Schema):
    """All events after `after` up to `completeTo`; `digest` is that of the event with this number, in hexadecimal."""

    events = ListOf(fields.Nested(FeedEvent), required=True)
    completeTo = Count()
    epoch = Id(required=True)
    digest = AnyText(required=True)
