"""What the server sends: the payload of each event, and what each answer carries besides `ok`.

Nothing is put together by these schemas. The tests hold to them whatever they see sent, and the contract that
`hummdesk.contract` prints for clients is made from them. A field that is not `required` may be left out.
"""

from typing import get_args

from marshmallow import Schema, fields

from hummdesk.ai.protocol import Category, Priority, Sentiment, SourceKind, Tone
from hummdesk.contract.fields import MAX_SEQ, ByKey, Either, Flag, Free, Id, Items, OneOf, Share, Time, Whole, Words
from hummdesk.core import errors
from hummdesk.core.models import Role

CODES = sorted({errors.HummDeskError.code, *(error.code for error in errors.HummDeskError.__subclasses__())})
URGENCIES = 10
PRIORITIES = get_args(Priority)
STATUSES = ("open", "pending", "closed")
PRESENCES = ("online", "away", "busy", "offline")


def Count() -> Whole:  # noqa: N802 - a kind of field
    return Whole(least=0, most=MAX_SEQ, required=True)


class Done(Schema):
    """Nothing besides that it is done."""


class PersonIdentity(Schema):
    """The person behind a socket."""

    userId = Id(required=True)
    accountId = Id(required=True)
    email = Words(required=True)
    role = OneOf(*get_args(Role), required=True)


class ErrorReport(Schema):
    """What went wrong, in words that may be shown."""

    code = OneOf(*CODES, required=True)
    message = Words(required=True)
    details = Free()
    timestamp = Time(required=True)


class DisconnectReason(Schema):
    """Why the server closes the connection, and whether to come back."""

    code = OneOf("SERVER_SHUTDOWN", "UNAUTHORIZED", "RESYNC", required=True)
    message = Words(required=True)
    reconnect = Flag(required=True)
    timestamp = Time(required=True)


class AboutConversation(Schema):
    conversationId = Id(required=True)
    timestamp = Time(required=True)


class AboutMessage(AboutConversation):
    messageId = Id(required=True)


class Receipt(AboutMessage):
    """A message that was stored, as its sender is told."""

    seq = Count()
    clientMessageId = Words()


class AttachmentShown(Schema):
    url = Words(required=True)
    filename = Words(required=True)
    contentType = Words(required=True)
    size = Count()


class Message(Receipt):
    senderId = Id(required=True)
    senderType = OneOf("agent", "customer", "system", required=True)
    senderName = Words(required=True)
    content = Words(required=True)
    contentType = OneOf("text", "html", required=True)
    attachments = Items(fields.Nested(AttachmentShown), required=True)
    metadata = Free(required=True)
    private = Flag(required=True)


class ReadMark(AboutMessage):
    """Somebody has read up to here."""

    seq = Count()
    readBy = Id(required=True)
    readByType = OneOf("agent", "customer", required=True)


class Typing(AboutConversation):
    userId = Id(required=True)
    userType = OneOf("agent", "customer", required=True)
    userName = Words(required=True)


class AgentPresence(Schema):
    agentId = Id(required=True)
    accountId = Id(required=True)
    name = Words(required=True)
    email = Words(required=True)
    status = OneOf(*PRESENCES, required=True)
    lastSeenAt = Time()
    timestamp = Time(required=True)


class AgentStatusChange(Schema):
    agentId = Id(required=True)
    oldStatus = OneOf(*PRESENCES, required=True)
    newStatus = OneOf(*PRESENCES, required=True)
    timestamp = Time(required=True)


class Viewer(Schema):
    agentId = Id(required=True)
    name = Words(required=True)


class ConversationViewers(AboutConversation):
    """Who of staff is looking at it now."""

    viewers = Items(fields.Nested(Viewer), required=True)


class Customer(Schema):
    id = Id(required=True)
    name = Words(required=True)
    email = Words(required=True)
    avatar = Words()


class Conversation(Schema):
    """A conversation as one side sees it: staff and customer differ in `unreadCount` and `lastMessage`."""

    conversationId = Id(required=True)
    accountId = Id(required=True)
    status = OneOf(*STATUSES, required=True)
    priority = OneOf(*PRIORITIES, required=True)
    assignedTo = Id()
    assignedTeam = Id()
    subject = Words()
    customer = fields.Nested(Customer, required=True)
    lastMessage = fields.Nested(Message)
    lastSeq = Count()
    unreadCount = Count()
    createdAt = Time(required=True)
    updatedAt = Time(required=True)
    metadata = Free(required=True)


class StatusChange(AboutConversation):
    """`reason` is told to staff only."""

    oldStatus = OneOf(*STATUSES, required=True)
    newStatus = OneOf(*STATUSES, required=True)
    changedBy = Id(required=True)
    reason = Words()


class Assignment(AboutConversation):
    assignedTo = Id(required=True)
    assignedTeam = Id()
    assignedBy = Id(required=True)


class Unassignment(AboutConversation):
    """`reason` is told to staff only."""

    unassignedFrom = Id(required=True)
    unassignedBy = Id(required=True)
    reason = Words()


class AIRun(AboutMessage):
    processingType = OneOf("classification", "draft", required=True)
    runId = Id(required=True)


class AIRunEnd(AIRun):
    """`processingTime` is in milliseconds."""

    outcome = OneOf("done", "abstained", "superseded", required=True)
    processingTime = Count()


class AIError(AIRun):
    """A run that failed for good."""

    error = Words(required=True)
    retryable = Flag(required=True)


class Classification(Schema):
    category = OneOf(*get_args(Category), required=True)
    priority = OneOf(*PRIORITIES, required=True)
    urgency = Whole(least=0, most=URGENCIES, required=True)
    sentiment = OneOf(*get_args(Sentiment), required=True)
    language = Words(required=True)
    tags = Items(Words(), required=True)
    suggestedTeam = Id()
    suggestedAgent = Id()


class AIClassification(AboutMessage):
    """What a customer's message is about. `processingTime` is in milliseconds."""

    classification = fields.Nested(Classification, required=True)
    confidence = Share(required=True)
    processingTime = Count()
    provider = Words(required=True)


class ClassificationCorrection(AboutMessage):
    """What an agent makes of it; the rest stays as it was found."""

    correctedBy = Id(required=True)
    category = OneOf(*get_args(Category))
    priority = OneOf(*PRIORITIES)


class Draft(Schema):
    content = Words(required=True)
    tone = OneOf(*get_args(Tone), required=True)
    suggestedActions = Items(Words(), required=True)


class Citation(Schema):
    """What a draft is from. Of a past answer, `title` is the question, and `id` that of the agent's message."""

    kind = OneOf(*get_args(SourceKind), required=True)
    title = Words(required=True)
    id = Words()


class AIDraft(AboutMessage):
    """A reply that an agent may use. It is stale once a message has a greater `seq` than `basedOnSeq`.

    `sources` has the ids of the `citations` that have one.
    """

    draft = fields.Nested(Draft, required=True)
    confidence = Share(required=True)
    reasoning = Words()
    sources = Items(Words(), required=True)
    citations = Items(fields.Nested(Citation))
    basedOnSeq = Count()
    provider = Words(required=True)


# Answers --------------------------------------------------------------------------------------------------------------


class ReadUpTo(Schema):
    """How far one reader has read."""

    readBy = Id(required=True)
    readByType = OneOf("agent", "customer", required=True)
    seq = Count()
    timestamp = Time(required=True)


class AIResults(Schema):
    """The last of each kind that was found."""

    classification = fields.Nested(AIClassification)
    draft = fields.Nested(AIDraft)


class Joined(Schema):
    """`ai` and `viewers` are told to staff only."""

    conversation = fields.Nested(Conversation, required=True)
    messages = Items(fields.Nested(Message), required=True)
    lastSeq = Count()
    hasMore = Flag(required=True)
    receipts = Items(fields.Nested(ReadUpTo), required=True)
    ai = fields.Nested(AIResults)
    viewers = Items(fields.Nested(Viewer))


class Started(Schema):
    conversation = fields.Nested(Conversation, required=True)
    message = fields.Nested(Message)


class ConversationPage(Schema):
    """`nextCursor` is there while there is more."""

    conversations = Items(fields.Nested(Conversation), required=True)
    nextCursor = Words()


class MessagePage(Schema):
    messages = Items(fields.Nested(Message), required=True)
    hasMore = Flag(required=True)


class Missed(Schema):
    """All that was missed of one conversation."""

    messages = Items(fields.Nested(Message), required=True)
    lastSeq = Count()


class TooFarBehind(Schema):
    """Too much was missed to be told: load the history anew."""

    resyncRequired = Flag(required=True)
    lastSeq = Count()


class Synced(Schema):
    conversations = ByKey(keys=Id(), values=Either(Missed(), TooFarBehind()), required=True)


class Colleague(Schema):
    agentId = Id(required=True)
    name = Words(required=True)
    email = Words(required=True)
    status = OneOf(*PRESENCES, required=True)
    lastSeenAt = Time()


class Colleagues(Schema):
    agents = Items(fields.Nested(Colleague), required=True)


class Team(Schema):
    teamId = Id(required=True)
    name = Words(required=True)
    agentIds = Items(Id(), required=True)


class Teams(Schema):
    teams = Items(fields.Nested(Team), required=True)
