"""The schemas of queues and reports, which supervisors see."""

from datetime import datetime, timedelta
from typing import Any, get_args

from marshmallow import Schema, ValidationError, fields, validates_schema

from hummdesk.contract.fields import AnyText, Id, Integer, ListOf, Moment, Number, OneOf, Text, Time
from hummdesk.contract.payloads import PRESENCES, STATUSES, Count, Rating
from hummdesk.contract.requests import Payload
from hummdesk.contract.resources.lists import PageQuery
from hummdesk.publish.fields import MAX_INTEGER
from hummdesk.storage.reports import FIGURES, By

MAX_DAYS = 92
MAX_TIME_ZONE = 64
BY = get_args(By)


class Range(Payload):
    """`from` is included, `to` is not; at most 92 days lie between them. `timeZone`, such as `Europe/Berlin`, decides
    the hours of the day.
    """

    timeZone = Text(shortest=1, longest=MAX_TIME_ZONE, load_default="UTC")
    teamId = Id(load_default=None)
    agentId = Id(load_default=None)

    class Meta:
        include = {"from": Moment(required=True), "to": Moment(required=True)}  # noqa: RUF012 - as marshmallow reads it

    @validates_schema
    def _order(self, data: dict[str, Any], **_: Any) -> None:
        since, until = data.get("from"), data.get("to")
        if not isinstance(since, datetime) or not isinstance(until, datetime):
            return
        if until <= since:
            raise ValidationError("Must be later than `from`.", "to")
        if until - since > timedelta(days=MAX_DAYS):
            raise ValidationError(f"Must be at most {MAX_DAYS} days after `from`.", "to")


class GetReport(Range):
    by = OneOf(*BY, required=True)


class ReportItemQuery(Range, PageQuery):
    """`figure` is the name of a count of the report; `hour`, `teamId`, `agentId` and `without` choose a row."""

    figure = OneOf(*FIGURES, required=True)
    hour = Integer(least=0, most=23, load_default=None)
    without = OneOf("team", "agent", load_default=None)


def Seconds(**options: Any) -> Number:  # noqa: N802 - used like a field class
    return Number(most=MAX_INTEGER, **options)


class Figures(Schema):
    """Counts and durations of a range. Durations are in seconds, a median and a 90th percentile, and absent if nothing
    was counted. `satisfied` counts the ratings of 4 and 5, `rating` is the average.
    """

    opened = Count()
    answered = Count()
    unanswered = Count()
    firstResponseMedian = Seconds()
    firstResponseP90 = Seconds()
    closed = Count()
    resolutionMedian = Seconds()
    resolutionP90 = Seconds()
    drafts = Count()
    draftsUsed = Count()
    ratings = Count()
    satisfied = Count()
    rating = Number(most=5)


class ReportRow(Figures):
    """The figures of an hour of the day, of a team or of an agent. Without an id: of no team, or of no agent."""

    hour = Integer(least=0, most=23)
    teamId = Id()
    agentId = Id()
    name = AnyText()


class Report(Schema):
    """The figures of a range by hour of the day, team or agent, and in total."""

    by = OneOf(*BY, required=True)
    timeZone = AnyText(required=True)
    rows = ListOf(fields.Nested(ReportRow), required=True)
    total = fields.Nested(Figures, required=True)

    class Meta:
        include = {"from": Time(required=True), "to": Time(required=True)}  # noqa: RUF012 - as marshmallow reads it


class ReportItem(Schema):
    """What a figure counts. `seconds` is the first-response or resolution time, `use` how a draft was used."""

    id = Id(required=True)
    conversationId = Id(required=True)
    at = Time(required=True)
    customerName = AnyText(required=True)
    subject = AnyText()
    status = OneOf(*STATUSES, required=True)
    agentId = Id()
    teamId = Id()
    seconds = Seconds()
    use = OneOf("as_it_was", "edited", "ignored")
    rating = Rating()
    comment = AnyText()


class ReportItemPage(Schema):
    items = ListOf(fields.Nested(ReportItem), required=True)
    nextCursor = AnyText()


class Queue(Schema):
    """The conversations that wait in the queue of a team, or without `teamId` in that of the account."""

    teamId = Id()
    name = AnyText()
    waiting = Count()
    urgent = Count()
    oldestSince = Time()


class AgentLoad(Schema):
    """An agent with the open conversations assigned to it. `load` counts urgent ones twice; up to `capacity`,
    conversations are assigned automatically.
    """

    agentId = Id(required=True)
    name = AnyText(required=True)
    status = OneOf(*PRESENCES, required=True)
    lastSeenAt = Time()
    conversations = Count()
    capacity = Integer(least=0, most=MAX_INTEGER)

    class Meta:
        include = {"load": Count()}  # noqa: RUF012 - as marshmallow reads it


class Queues(Schema):
    """The queues of the account and of each active team, and the agents, as they are now."""

    queues = ListOf(fields.Nested(Queue), required=True)
    agents = ListOf(fields.Nested(AgentLoad), required=True)
    timestamp = Time(required=True)
