"""Simulations of drafts on closed conversations."""

from typing import get_args

from marshmallow import Schema, fields

from hummdesk.contract.fields import AnyText, Boolean, Id, Integer, ListOf, Moment, Number, OneOf, Text, Time
from hummdesk.contract.payloads import Count
from hummdesk.contract.requests import Payload
from hummdesk.contract.resources.lists import PageQuery
from hummdesk.contract.resources.settings import PROVIDERS
from hummdesk.core.categories import LONGEST_KEY
from hummdesk.publish.fields import MAX_INTEGER
from hummdesk.storage.simulations import MAX_CONVERSATIONS, Outcome, Status

SOURCE_KINDS = ("article", "canned_reply", "past_answer")
DEFAULT_CONVERSATIONS = 200
MAX_DOLLARS = 1_000.0
DEFAULT_DOLLARS = 5.0


def Average(**options: object) -> Number:  # noqa: N802 - used like a field class
    return Number(most=MAX_INTEGER, **options)


class NewSimulation(Payload):
    """Of the conversations that were closed last, and not before `since`. Without `provider`, that of the account.

    It ends when its requests to an external model have cost `maxDollars`; they count towards the daily budget.
    """

    since = Moment(required=True)
    maxConversations = Integer(least=1, most=MAX_CONVERSATIONS, load_default=DEFAULT_CONVERSATIONS)
    maxDollars = Number(most=MAX_DOLLARS, load_default=DEFAULT_DOLLARS)
    provider = OneOf(*PROVIDERS, load_default=None)


class Simulation(Schema):
    """`completed` of `questions` are drafted. `unpriced` requests have an unknown price, which `costUsd` leaves out.

    `batchAt` is the time when the batch in progress was submitted to the provider of an external model. It is missing
    if there is none.
    """

    id = Id(required=True)
    status = OneOf(*get_args(Status), required=True)
    since = Time(required=True)
    maxConversations = Count()
    maxDollars = Average(required=True)
    provider = AnyText()
    conversations = Count()
    questions = Count()
    completed = Count()
    costUsd = Average(required=True)
    unpriced = Count()
    error = AnyText()
    createdAt = Time(required=True)
    finishedAt = Time()
    batchAt = Time()


class SimulationList(Schema):
    simulations = ListOf(fields.Nested(Simulation), required=True)


class SimulatedFigures(Schema):
    """Of `questions`, `drafted` got a draft. `facts` are those in the replies to these: numbers, amounts, dates, links;
    `keptFacts` are in the drafts as well, `otherFacts` in the drafts only. `editDistance` is 0 for the same words.
    """

    questions = Count()
    drafted = Count()
    failed = Count()
    facts = Count()
    keptFacts = Count()
    otherFacts = Count()
    withFacts = Count()
    withAllFacts = Count()
    costUsd = Average(required=True)
    editDistance = Number(most=1)
    draftWords = Average()
    replyWords = Average()


class CategoryFigures(SimulatedFigures):
    """A message without a classification is `unclassified`."""

    category = AnyText(required=True)


class SourceFigures(SimulatedFigures):
    """By the first source of the drafts; `id` is that of the article, or of the message of a past answer."""

    kind = OneOf(*SOURCE_KINDS, required=True)
    id = Id()
    title = AnyText()


class AnswerFigures(SimulatedFigures):
    """Of the first answers of agents in their conversations, and of later ones."""

    isFirst = Boolean(required=True)


class CurvePoint(Schema):
    """With this least confidence, `drafted` of `questions` get a draft; the facts are those of their replies."""

    minConfidence = Number(most=1, required=True)
    questions = Count()
    drafted = Count()
    facts = Count()
    keptFacts = Count()
    withFacts = Count()
    withAllFacts = Count()
    editDistance = Number(most=1)


class TopicExample(Schema):
    messageId = Id(required=True)
    conversationId = Id(required=True)
    question = AnyText(required=True)


class Topic(Schema):
    """Questions that mean nearly the same, and that no source answers. Erased examples are left out."""

    questions = Count()
    examples = ListOf(fields.Nested(TopicExample), required=True)


class SimulationResult(Simulation):
    """A simulation with its figures so far. `topics`, the largest first, are there when it is done."""

    total = fields.Nested(SimulatedFigures, required=True)
    categories = ListOf(fields.Nested(CategoryFigures), required=True)
    sources = ListOf(fields.Nested(SourceFigures), required=True)
    answers = ListOf(fields.Nested(AnswerFigures), required=True)
    curve = ListOf(fields.Nested(CurvePoint), required=True)
    topics = ListOf(fields.Nested(Topic), required=True)


class CategoryQuery(Payload):
    category = Text(shortest=1, longest=LONGEST_KEY, load_default=None)


class SimulatedDraftQuery(PageQuery, CategoryQuery):
    pass


class Curve(Schema):
    curve = ListOf(fields.Nested(CurvePoint), required=True)


class SimulatedDraft(Schema):
    """What would have been drafted, and the `reply` of the agent; texts are cut at 2,000 characters."""

    messageId = Id(required=True)
    conversationId = Id(required=True)
    category = AnyText(required=True)
    isFirst = Boolean(required=True)
    outcome = OneOf(*get_args(Outcome), required=True)
    question = AnyText(required=True)
    reply = AnyText(required=True)
    provider = AnyText()
    confidence = Number(most=1)
    sourceKind = OneOf(*SOURCE_KINDS)
    sourceId = Id()
    sourceTitle = AnyText()
    draft = AnyText()
    facts = Count()
    keptFacts = Count()
    otherFacts = Count()
    editDistance = Number(most=1)


class SimulatedDraftPage(Schema):
    drafts = ListOf(fields.Nested(SimulatedDraft), required=True)
    nextCursor = AnyText()
