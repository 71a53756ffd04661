"""Answers that the AI sends by itself, and the report about them."""

from collections import Counter
from typing import Any

from marshmallow import Schema, ValidationError, fields, validates_schema

from hummdesk.contract.fields import AnyText, Boolean, BoundedList, ListOf, Matching, Number, Text, Time
from hummdesk.contract.payloads import Count
from hummdesk.contract.requests import Payload
from hummdesk.core.categories import LONGEST_KEY

MAX_CATEGORIES = 50
UUID = "[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}"


class NewThreshold(Payload):
    """A category that the AI answers by itself from this confidence on, chosen from a simulation that is done."""

    category = Text(shortest=1, longest=LONGEST_KEY, required=True)
    minConfidence = Number(most=1, required=True)
    simulationId = Matching(UUID, what="the id of a simulation", longest=36, required=True)


class NewAutomaticAnswers(Payload):
    """What the AI answers by itself, as a whole. Unless it is `enabled`: nothing."""

    enabled = Boolean(required=True)
    categories = BoundedList(fields.Nested(NewThreshold), most=MAX_CATEGORIES, required=True)

    @validates_schema(skip_on_field_errors=True)
    def _check(self, data: dict[str, Any], **_: Any) -> None:
        counts = Counter(one["category"] for one in data["categories"])
        if repeated := next((name for name, count in counts.items() if count > 1), None):
            raise ValidationError(f"Must have different categories: {repeated!r} is repeated.", "categories")


class AutomaticThreshold(Schema):
    category = AnyText(required=True)
    minConfidence = Number(most=1, required=True)
    simulationId = AnyText(required=True)


class AutomaticAnswers(Schema):
    """What the AI answers by itself."""

    enabled = Boolean(required=True)
    categories = ListOf(fields.Nested(AutomaticThreshold), required=True)


class AutomaticCounts(Schema):
    """Of the `conversations` that the AI has answered, those are `resolved` in which for 72 hours after its last answer
    neither the customer nor a person wrote and that were not handed over; in `waiting` ones, that time is not over.
    `yes` and `no` are the customers' verdicts about the last answers; `lowScore` to `asked` are reasons of hand-overs.
    """

    conversations = Count()
    answers = Count()
    resolved = Count()
    waiting = Count()
    handedOver = Count()
    lowScore = Count()
    anger = Count()
    secondFailure = Count()
    asked = Count()
    answeredByPerson = Count()
    yes = Count()
    no = Count()


class AutomaticCategory(AutomaticCounts):
    category = AnyText(required=True)


class AutomaticReport(Schema):
    """The conversations whose first automatic answer is in a range; `isPartial`: the newest 5,000 only."""

    isPartial = Boolean(required=True)
    total = fields.Nested(AutomaticCounts, required=True)
    categories = ListOf(fields.Nested(AutomaticCategory), required=True)

    class Meta:
        include = {"from": Time(required=True), "to": Time(required=True)}  # noqa: RUF012 - as marshmallow reads it
