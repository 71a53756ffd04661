"""The schemas of answers to requests, and of the payloads that answers and events share.

The server builds no payload with them. The tests check every payload that they receive against them, and the contract
for clients is generated from them. A field that is not `required` may be absent.
"""

from typing import Any, get_args

from marshmallow import Schema, fields

from hummdesk.ai.protocol import Priority
from hummdesk.contract.event_schemas import nested_schema, schema_of
from hummdesk.contract.fields import AnyObject, AnyText, Boolean, Id, Integer, ListOf, MapOf, OneOf, Time, UnionOf
from hummdesk.core import errors
from hummdesk.core.assist import LANGUAGES
from hummdesk.publish.events.ai import AIClassification, AIDraft, AISummary
from hummdesk.publish.events.availability import ClosedMessage
from hummdesk.publish.events.conversations import ConversationActivity, MoveReason
from hummdesk.publish.events.inbox import CountsChanged, LabelChanged, SavedViewChanged
from hummdesk.publish.events.messages import MessageUpdated
from hummdesk.publish.events.presence import Viewer
from hummdesk.publish.fields import MAX_INTEGER

CODES = sorted({errors.HummDeskError.code, *(error.code for error in errors.HummDeskError.__subclasses__())})
PRIORITIES = get_args(Priority)
STATUSES = ("open", "pending", "closed")
PRESENCES = ("online", "away", "busy", "offline")


def Count() -> Integer:  # noqa: N802 - used like a field class
    return Integer(least=0, most=MAX_INTEGER, required=True)


def Rating(**options: Any) -> Integer:  # noqa: N802 - used like a field class
    """The rating of a conversation by its customer; 5 is the best."""
    return Integer(least=1, most=5, **options)


class Done(Schema):
    """No fields besides `ok`."""


class Judged(Schema):
    """Whether people have taken over the conversation."""

    handedOver = Boolean(required=True)


class ErrorReport(Schema):
    """An error. `message` is safe to show."""

    code = OneOf(*CODES, required=True)
    message = AnyText(required=True)
    details = AnyObject()
    timestamp = Time(required=True)


class Receipt(Schema):
    """A message that was stored, as its sender receives it."""

    conversationId = Id(required=True)
    timestamp = Time(required=True)
    messageId = Id(required=True)
    seq = Count()
    clientMessageId = AnyText()


class AttachmentShown(Schema):
    """`width` and `height` are those of an uploaded image, in pixels."""

    url = AnyText(required=True)
    filename = AnyText(required=True)
    contentType = AnyText(required=True)
    size = Count()
    width = Integer(least=1, most=MAX_INTEGER)
    height = Integer(least=1, most=MAX_INTEGER)


class Message(Receipt):
    """`revision` is that of its last change, if there was one. An `erased` message has no content; one that
    is `withdrawn` was erased by its sender.

    `mentions` are the agents whom a private note names.
    """

    senderId = Id(required=True)
    senderType = OneOf("agent", "customer", "system", required=True)
    senderName = AnyText(required=True)
    content = AnyText(required=True)
    contentType = OneOf("text", "html", required=True)
    attachments = ListOf(fields.Nested(AttachmentShown), required=True)
    metadata = AnyObject(required=True)
    private = Boolean(required=True)
    revision = Integer(least=1, most=MAX_INTEGER)
    erased = Boolean()
    withdrawn = Boolean()
    mentions = ListOf(Id())


class Customer(Schema):
    id = Id(required=True)
    name = AnyText(required=True)
    email = AnyText(required=True)
    avatar = AnyText()


class Conversation(Schema):
    """A conversation as its recipient sees it: customers see no notes in `lastMessage`, no `priority`, no `labelIds`
    and no `snoozedUntil`, the time at which a pending conversation is reopened.

    `unreadCount` is that of the agent or customer who asks, of at most the last 100 messages; for viewers and API keys,
    what nobody of staff has read. Events of the account omit it. `rating` is the customer's, of the last closing, until
    it is reopened. `continuedIn`: it was merged or has a follow-up, which receives the customer's messages, until it is
    reopened. A follow-up is the `continuationOf` the conversation before it.
    """

    conversationId = Id(required=True)
    accountId = Id(required=True)
    status = OneOf(*STATUSES, required=True)
    priority = OneOf(*PRIORITIES)
    assignedTo = Id()
    assignedTeam = Id()
    subject = AnyText()
    customer = fields.Nested(Customer, required=True)
    lastMessage = fields.Nested(Message)
    rating = Rating()
    labelIds = ListOf(Id())
    snoozedUntil = Time()
    continuedIn = Id()
    continuationOf = Id()
    lastSeq = Count()
    revision = Count()
    unreadCount = Integer(least=0, most=MAX_INTEGER)
    createdAt = Time(required=True)
    updatedAt = Time(required=True)
    metadata = AnyObject(required=True)


class ReadUpTo(Schema):
    """The last message that one reader has read."""

    readBy = Id(required=True)
    readByType = OneOf("agent", "customer", required=True)
    seq = Count()
    timestamp = Time(required=True)


class Streaming(Schema):
    """A draft that is being generated, as far as it is shown: the chunks of `ai_draft_delta` before `index`."""

    runId = Id(required=True)
    attempt = Count()
    index = Count()
    text = AnyText(required=True)


class AIResults(Schema):
    """The latest classification, draft and summary, and the draft that is being generated."""

    classification = fields.Nested(schema_of(AIClassification))
    draft = fields.Nested(schema_of(AIDraft))
    summary = fields.Nested(schema_of(AISummary))
    streaming = fields.Nested(Streaming)


class RequestedRun(Schema):
    """The AI run whose events answer the request: a new one, or the one that is current."""

    runId = Id(required=True)


class Assistance(Schema):
    """Whether texts can be translated and rewritten for the account, and the languages of translations.

    `reason`: the account has `no_model`, or its daily budget is used up.
    """

    available = Boolean(required=True)
    reason = OneOf("no_model", "budget_exhausted")
    languages = ListOf(OneOf(*LANGUAGES), required=True)


class QueuePlace(Schema):
    """The position is counted up to 100; 101 is behind. `expectedWaitSeconds` is absent if it is not known."""

    position = Integer(least=1, most=MAX_INTEGER, required=True)
    expectedWaitSeconds = Integer(least=0, most=MAX_INTEGER)


class Joined(Schema):
    """`updates` are the changes after the given `revision` to messages up to `afterSeq`, `activity` the newest lines
    between the messages.
    `ai` and `viewers` are for staff only, `queue` is for the customer of a conversation that waits.

    `readOnView` is the account's setting, for agents and admins: with `assignee`, the join has marked the conversation
    as read for its assignee, whose client sends `message_read` for messages that it shows later.

    `resyncRequired`: what was missed after `afterSeq` does not fit into an answer and is left out; join without it.
    """

    conversation = fields.Nested(Conversation, required=True)
    messages = ListOf(fields.Nested(Message), required=True)
    lastSeq = Count()
    hasMore = Boolean(required=True)
    resyncRequired = Boolean()
    receipts = ListOf(fields.Nested(ReadUpTo), required=True)
    updates = ListOf(fields.Nested(schema_of(MessageUpdated)))
    activity = ListOf(fields.Nested(schema_of(ConversationActivity)), required=True)
    ai = fields.Nested(AIResults)
    viewers = ListOf(fields.Nested(nested_schema(Viewer)))
    queue = fields.Nested(QueuePlace)
    readOnView = OneOf("off", "assignee")


class Moved(Schema):
    """Who has a conversation after a move. Without `assignedTo` it waits in the queue of the team."""

    conversationId = Id(required=True)
    timestamp = Time(required=True)
    assignedTo = Id()
    assignedTeam = Id()
    assignedBy = Id(required=True)
    reason = fields.Nested(nested_schema(MoveReason))


class Labelled(Schema):
    """The labels of a conversation after a change."""

    conversationId = Id(required=True)
    labelIds = ListOf(Id(), required=True)


class Updated(Schema):
    """What became of the change of one conversation."""

    conversationId = Id(required=True)
    ok = Boolean(required=True)
    error = fields.Nested(ErrorReport)


class UpdatedConversations(Schema):
    """One result for each conversation, in the order of the request."""

    results = ListOf(fields.Nested(Updated), required=True)


class Inbox(Schema):
    """What an inbox shows beside its conversations. Labels that are not `active` are hidden. `views` are the shared
    ones and the person's own, by name.

    From then on the socket receives `counts_changed` when a count changes. Own messages can be changed for
    `messageChangeSeconds`.
    """

    labels = ListOf(fields.Nested(schema_of(LabelChanged)), required=True)
    views = ListOf(fields.Nested(schema_of(SavedViewChanged)), required=True)
    counts = fields.Nested(schema_of(CountsChanged), required=True)
    messageChangeSeconds = Count()


class Started(Schema):
    conversation = fields.Nested(Conversation, required=True)
    message = fields.Nested(Message)


class ConversationPage(Schema):
    """`nextCursor` is absent on the last page."""

    conversations = ListOf(fields.Nested(Conversation), required=True)
    nextCursor = AnyText()


class MessagePage(Schema):
    """`activity`, for staff, are the newest lines among messages before a seq."""

    messages = ListOf(fields.Nested(Message), required=True)
    hasMore = Boolean(required=True)
    activity = ListOf(fields.Nested(schema_of(ConversationActivity)))


class Missed(Schema):
    """All messages of one conversation that the client missed, and the changes after the given revision."""

    messages = ListOf(fields.Nested(Message), required=True)
    updates = ListOf(fields.Nested(schema_of(MessageUpdated)))
    lastSeq = Count()
    revision = Count()


class TooFarBehind(Schema):
    """More was missed than an answer carries: the client loads the history again."""

    resyncRequired = Boolean(required=True)
    lastSeq = Count()


class Synced(Schema):
    conversations = MapOf(keys=Id(), values=UnionOf(Missed(), TooFarBehind()), required=True)


class Colleague(Schema):
    """`photo` is the path of a small square image on the server."""

    agentId = Id(required=True)
    name = AnyText(required=True)
    email = AnyText(required=True)
    status = OneOf(*PRESENCES, required=True)
    lastSeenAt = Time()
    photo = AnyText()


class Colleagues(Schema):
    agents = ListOf(fields.Nested(Colleague), required=True)


class AvailabilityAnswer(Schema):
    """As `availability_changed`. Customers of an account that does not announce its hours see it as always open."""

    isOpen = Boolean(required=True)
    opensAt = Time()
    closesAt = Time()
    message = fields.Nested(nested_schema(ClosedMessage))


class IntroducedAgent(Schema):
    name = AnyText(required=True)
    photo = AnyText()


class Introduction(Schema):
    """A few agents who are online, and the median time of the first replies of late, if there were some."""

    agents = ListOf(fields.Nested(IntroducedAgent), required=True)
    replySeconds = Integer(least=0, most=MAX_INTEGER)


class Team(Schema):
    teamId = Id(required=True)
    name = AnyText(required=True)
    agentIds = ListOf(Id(), required=True)


class Teams(Schema):
    teams = ListOf(fields.Nested(Team), required=True)
