"""Webhooks and the log of their deliveries."""

from collections.abc import Mapping
from typing import Any, get_args

from marshmallow import Schema, ValidationError, fields, validates_schema

from hummdesk.contract.fields import AnyText, Boolean, BoundedList, Id, Integer, ListOf, OneOf, Time, Url
from hummdesk.contract.requests import Payload
from hummdesk.contract.resources.lists import PageQuery
from hummdesk.core.webhooks import EVERY_EVENT, TEST_EVENT
from hummdesk.publish.fields import MAX_INTEGER
from hummdesk.storage.webhook_deliveries import Status
from hummdesk.storage.webhooks import DisabledReason

TYPES = (
    "new_message",
    "message_updated",
    "message_read",
    "conversation_created",
    "conversation_updated",
    "conversation_status_changed",
    "conversation_priority_changed",
    "conversation_labels_changed",
    "conversation_assigned",
    "conversation_unassigned",
    "conversation_rated",
    "conversation_continued",
    "conversation_merged",
    "classification_corrected",
    "draft_used",
    "ai_classification",
    "ai_draft",
    "ai_summary",
    "ai_error",
    "contact_created",
    "contact_updated",
    "contact_deleted",
    "user_created",
    "user_updated",
    "user_deleted",
    "team_created",
    "team_updated",
    "team_deleted",
)
"""The types of the feed's events."""
STATUSES = get_args(Status)


def _events(**options: Any) -> BoundedList:
    return BoundedList(OneOf(*TYPES, EVERY_EVENT), most=len(TYPES) + 1, least=1, **options)


class NewWebhook(Payload):
    """`events`: types of the feed, or `*` for all. `after`: the events after this number, by default new ones."""

    url = Url(required=True)
    events = _events(required=True)
    after = Integer(least=0, most=MAX_INTEGER, load_default=None)


class WebhookChanges(Payload):
    url = Url()
    events = _events()
    enabled = Boolean()


class Webhook(Schema):
    """A webhook, without its secret. `disabledReason` is `gone` if the receiver has answered 410."""

    id = Id(required=True)
    url = AnyText(required=True)
    events = ListOf(AnyText(), required=True)
    enabled = Boolean(required=True)
    disabledReason = OneOf(*get_args(DisabledReason))
    createdBy = Id()
    createdAt = Time(required=True)


class WebhookWithSecret(Webhook):
    """`secret` verifies signatures, and is shown only once."""

    secret = AnyText(required=True)


class WebhookPage(Schema):
    webhooks = ListOf(fields.Nested(Webhook), required=True)
    nextCursor = AnyText()


class WebhookState(Schema):
    """How far the deliveries are: up to `lastNumber` of the feed there are some. `failingSince`: no success since."""

    lastNumber = Integer(least=0, most=MAX_INTEGER, required=True)
    pending = Integer(least=0, most=MAX_INTEGER, required=True)
    setAside = Integer(least=0, most=MAX_INTEGER, required=True)
    failingSince = Time()


class WebhookSecret(Schema):
    """Deliveries are signed with both secrets until `previousSecretUntil`."""

    id = Id(required=True)
    secret = AnyText(required=True)
    previousSecretUntil = Time(required=True)


class DeliveryQuery(PageQuery):
    status = OneOf(*STATUSES, load_default=None)


class Delivery(Schema):
    """A delivery: `number` and `type` are those of the event. `error` says why the last attempt has failed."""

    number = Integer(least=0, most=MAX_INTEGER, required=True)
    type = OneOf(*TYPES, TEST_EVENT, "lost", required=True)
    status = OneOf(*STATUSES, required=True)
    attempts = Integer(least=0, most=MAX_INTEGER, required=True)
    createdAt = Time(required=True)
    conversationId = Id()
    nextAttemptAt = Time()
    lastAttemptAt = Time()
    httpStatus = Integer(least=0, most=999)
    error = AnyText()
    milliseconds = Integer(least=0, most=MAX_INTEGER)
    finishedAt = Time()


class DeliveryPage(Schema):
    deliveries = ListOf(fields.Nested(Delivery), required=True)
    nextCursor = AnyText()


class Replay(Payload):
    """Either `after`: the events after this number, or `status`: the first 1,000 deliveries that were set aside."""

    after = Integer(least=0, most=MAX_INTEGER)
    status = OneOf("set_aside")

    @validates_schema
    def _names_one(self, data: Mapping[str, Any], **_: Any) -> None:
        if len(data) != 1:
            raise ValidationError("Give one of `after` and `status`.", "after")


class Queued(Schema):
    """`queued`: how many deliveries became pending; missing for a replay after a number, which takes its time."""

    queued = Integer(least=0, most=MAX_INTEGER)
