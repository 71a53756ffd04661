"""The report about drafts: what became of them."""

from datetime import datetime, timedelta
from typing import Any

from marshmallow import Schema, ValidationError, fields, validates_schema

from hummdesk.contract.fields import AnyText, Boolean, Id, ListOf, Moment, OneOf, Time
from hummdesk.contract.payloads import Count
from hummdesk.contract.requests import Payload
from hummdesk.contract.resources.reports import MAX_DAYS
from hummdesk.contract.resources.simulations import SOURCE_KINDS


class DraftReportQuery(Payload):
    """`from` is included, `to` is not; at most 92 days lie between them."""

    class Meta:
        include = {"from": Moment(required=True), "to": Moment(required=True)}  # noqa: RUF012 - as marshmallow reads it

    @validates_schema
    def _order(self, data: dict[str, Any], **_: Any) -> None:
        since, until = data.get("from"), data.get("to")
        if not isinstance(since, datetime) or not isinstance(until, datetime):
            return
        if not timedelta() < until - since <= timedelta(days=MAX_DAYS):
            raise ValidationError(f"Must be later than `from`, by at most {MAX_DAYS} days.", "to")


class DraftCounts(Schema):
    """Of `runs`, `abstained` had no answer and `drafts` did. Of these, agents were `shown` some, and sent them as they
    were (`accepted`), `edited` them, or sent a text of their own (`ignored`). Of the `dismissed` ones, some were
    accepted or edited all the same (`sentAnyway`).
    """

    runs = Count()
    abstained = Count()
    drafts = Count()
    shown = Count()
    accepted = Count()
    edited = Count()
    ignored = Count()
    dismissed = Count()
    sentAnyway = Count()


class CategoryCounts(DraftCounts):
    """A message without a classification is `unclassified`."""

    category = AnyText(required=True)


class SourceCounts(DraftCounts):
    """By the first source of the drafts; `id` is that of the article, or of the message of a past answer."""

    kind = OneOf(*SOURCE_KINDS, required=True)
    id = Id()
    title = AnyText()


class DraftReport(Schema):
    """What became of the drafts of a range; `isPartial`: of the newest 5,000 runs only."""

    isPartial = Boolean(required=True)
    total = fields.Nested(DraftCounts, required=True)
    categories = ListOf(fields.Nested(CategoryCounts), required=True)
    sources = ListOf(fields.Nested(SourceCounts), required=True)

    class Meta:
        include = {"from": Time(required=True), "to": Time(required=True)}  # noqa: RUF012 - as marshmallow reads it
