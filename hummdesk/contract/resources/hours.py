"""The business hours of an account."""

from datetime import date
from typing import Any

from marshmallow import Schema, ValidationError, fields, validates_schema

from hummdesk.contract.fields import AnyText, Boolean, BoundedList, ListOf, Matching, OneOf, Text
from hummdesk.contract.requests import Payload
from hummdesk.storage.hours import DAY_MINUTES, DAYS, Interval

MAX_INTERVALS = 50
MAX_CLOSED_DATES = 400
MAX_TEXT = 500
OUTSIDE = ("announce", "queue")


class ClosedDate(fields.Field[date]):
    """A date like `2026-12-24`."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **_: Any) -> date:
        try:
            if len(value) != len("2026-12-24"):
                raise ValueError
            return date.fromisoformat(value)
        except (TypeError, ValueError):
            raise ValidationError("Must be a date like 2026-12-24.") from None

    def json_schema(self) -> dict[str, Any]:
        return {"type": "string", "format": "date"}


class NewInterval(Payload):
    """Local times. A closing that is not after the opening is on the next day; `24:00` is the end of the day."""

    day = OneOf(*DAYS, required=True)
    opens = Matching("([01][0-9]|2[0-3]):[0-5][0-9]", what="a time like 09:30", longest=5, required=True)
    closes = Matching(
        "(([01][0-9]|2[0-3]):[0-5][0-9]|24:00)", what="a time like 17:30, up to 24:00,", longest=5, required=True
    )


class ClosedTexts(Payload):
    """By the languages of the widget."""

    en = Text(shortest=1, longest=MAX_TEXT)
    de = Text(shortest=1, longest=MAX_TEXT)


class NewHours(Payload):
    """The business hours as a whole. Public holidays of `country` and `subdivision` (ISO 3166) are closed.

    Not `enabled`: always open. `outside` is what customers are shown outside the hours: `announce` when the desk opens,
    and the text of their language; `queue` nothing. Their messages are queued in any case.
    """

    enabled = Boolean(load_default=True)
    timeZone = Text(required=True, shortest=1, longest=64)
    weekly = BoundedList(fields.Nested(NewInterval), most=MAX_INTERVALS, required=True)
    country = Matching("[A-Z]{2}", what="a country like `DE`", longest=2, allow_none=True, load_default=None)
    subdivision = Text(shortest=1, longest=64, allow_none=True, load_default=None)
    closedDates = BoundedList(ClosedDate(), most=MAX_CLOSED_DATES, load_default=list)
    outside = OneOf(*OUTSIDE, load_default="announce")
    texts = fields.Nested(ClosedTexts(), load_default=dict)
    routeOutsideHours = Boolean(load_default=True)

    @validates_schema(skip_on_field_errors=True)
    def _check(self, data: dict[str, Any], **_: Any) -> None:
        overlap = _overlap(sorted(Interval.of(one) for one in data["weekly"]))
        if overlap is not None:
            first, second = (one.wire() for one in overlap)
            shown = " and ".join(f"{one['day']} {one['opens']}–{one['closes']}" for one in (first, second))
            raise ValidationError(f"Must not overlap: {shown}.", "weekly")


class HoursInterval(Schema):
    day = OneOf(*DAYS, required=True)
    opens = AnyText(required=True)
    closes = AnyText(required=True)


class Hours(Schema):
    """The business hours of an account, the default if it has not set any."""

    enabled = Boolean(required=True)
    timeZone = AnyText(required=True)
    weekly = ListOf(fields.Nested(HoursInterval), required=True)
    country = AnyText(required=True, allow_none=True)
    subdivision = AnyText(required=True, allow_none=True)
    closedDates = ListOf(AnyText(), required=True)
    outside = OneOf(*OUTSIDE, required=True)
    texts = fields.Nested(ClosedTexts(), required=True)
    routeOutsideHours = Boolean(required=True)


def _overlap(weekly: list[Interval]) -> tuple[Interval, Interval] | None:
    """Two intervals that overlap, in the week without end; they may touch."""
    starts = [(one.weekday * DAY_MINUTES + one.opens, one.weekday * DAY_MINUTES + one.closes, one) for one in weekly]
    for index, (_, end, one) in enumerate(starts):
        is_last = index == len(starts) - 1
        begins, _, following = starts[0] if is_last else starts[index + 1]
        if end > begins + (7 * DAY_MINUTES if is_last else 0):
            return one, following
    return None
