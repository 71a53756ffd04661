"""The schemas of requests. Unknown fields are refused, as is marshmallow's default."""

from typing import Any, get_args

from marshmallow import Schema, ValidationError, fields, post_load, pre_load, validates_schema

from hummdesk.ai.protocol import Priority
from hummdesk.contract.fields import (
    MAX_ATTACHMENT_BYTES,
    MAX_ATTACHMENTS,
    MAX_MENTIONS,
    MAX_REASON,
    MAX_SUBJECT,
    AttachmentUrl,
    Boolean,
    BoundedList,
    BoundedMap,
    Email,
    Id,
    Integer,
    Matching,
    MediaType,
    Metadata,
    Moment,
    OneOf,
    Revision,
    Seq,
    Text,
    Url,
    sanitized,
)
from hummdesk.core.assist import LANGUAGES, AssistKind
from hummdesk.core.categories import KEY, LONGEST_KEY
from hummdesk.publish.fields import MAX_INTEGER
from hummdesk.storage import labels
from hummdesk.storage.automatic import Verdict
from hummdesk.storage.draft_reports import DraftMark

MAX_CONTENT = 10_000
MAX_FIELDS = 32
PAGE = 50
MAX_PAGE = 100
MAX_SYNCED = 100
MAX_UPDATED = 100
MAX_SEARCH = 100
MAX_TOKEN = 8192
MAX_COMMENT = 1000
MAX_NAME = 100
MAX_PAGE_TITLE = 200
MAX_LABELS = labels.MOST_OF_CONVERSATION


class Payload(Schema):
    """Names each unknown field in its error, unless there are too many fields."""

    @pre_load
    def _limit_fields(self, data: Any, **_: Any) -> Any:
        if isinstance(data, dict) and len(data) > MAX_FIELDS:
            raise ValidationError(f"Must have at most {MAX_FIELDS} fields.")
        return data


class Nothing(Payload):
    """No payload."""


class Update(Payload):
    """What is to be changed: at least one field."""

    @validates_schema
    def _require_field(self, data: dict[str, Any], **_: Any) -> None:
        if not data:
            raise ValidationError("Give at least one field.")


class Authenticate(Payload):
    token = Text(required=True, shortest=1, longest=MAX_TOKEN)


class OfConversation(Payload):
    conversationId = Id(required=True)


class JoinConversation(OfConversation):
    """`afterSeq` and `revision` are the last ones that the client has of this conversation."""

    afterSeq = Seq(load_default=None)
    revision = Revision(load_default=None)

    @validates_schema
    def _known_messages(self, data: dict[str, Any], **_: Any) -> None:
        if data.get("revision") is not None and data.get("afterSeq") is None:
            raise ValidationError("Requires afterSeq.", "revision")


class Attachment(Payload):
    """Of an uploaded file, name, type, size, width and height are those that the server has found."""

    url = AttachmentUrl(required=True)
    filename = Text(required=True, shortest=1, longest=255)
    contentType = MediaType(required=True)
    size = Integer(required=True, least=0, most=MAX_ATTACHMENT_BYTES)
    width = Integer(least=1, most=MAX_INTEGER)
    height = Integer(least=1, most=MAX_INTEGER)


class FormattedText(Payload):
    content = Text(required=True, shortest=1, longest=MAX_CONTENT)
    contentType = OneOf("text", "html", load_default="text")

    @post_load
    def _sanitize(self, data: dict[str, Any], **_: Any) -> dict[str, Any]:
        if data["contentType"] == "html":
            data["content"] = sanitized(data["content"])
            if not 1 <= len(data["content"]) <= MAX_CONTENT:
                raise ValidationError(f"Must have 1 to {MAX_CONTENT} characters without forbidden tags.", "content")
        return data


class MessageContent(FormattedText):
    """`mentions`: the agents whom a private note names; they are notified."""

    attachments = BoundedList(fields.Nested(Attachment), most=MAX_ATTACHMENTS, load_default=list)
    metadata = Metadata(load_default=dict)
    clientMessageId = Text(shortest=1, longest=64, load_default=None)
    private = Boolean(load_default=False)
    basedOnSeq = Seq(load_default=None)
    force = Boolean(load_default=False)
    mentions = BoundedList(Id(), most=MAX_MENTIONS, load_default=list)

    @validates_schema
    def _mentions(self, data: dict[str, Any], **_: Any) -> None:
        if data.get("mentions") and not data.get("private"):
            raise ValidationError("Only in a private note.", "mentions")


class SendMessage(MessageContent, OfConversation):
    pass


class OfMessage(OfConversation):
    messageId = Id(required=True)


class EditMessage(FormattedText, OfMessage):
    pass


class MessageRead(OfConversation):
    messageId = Id(required=True)


class MarkUnread(OfConversation):
    """A message and all after it become unread for the agent; without `messageId`, the customer's last one."""

    messageId = Id(load_default=None)


class TypingStart(OfConversation):
    """`private`: a note is being written, which customers do not learn of."""

    private = Boolean(load_default=False)


class SetAgentStatus(Payload):
    status = OneOf("online", "away", "busy", "offline", required=True)


class UpdateConversationStatus(OfConversation):
    status = OneOf("open", "pending", "closed", required=True)
    reason = Text(longest=MAX_REASON, load_default=None)


class SnoozeConversation(OfConversation):
    """`until` is at most a year ahead. Without it the conversation is pending until the customer writes."""

    until = Moment(load_default=None)
    reason = Text(longest=MAX_REASON, load_default=None)


def Note() -> Text:  # noqa: N802 - used like a field class
    return Text(shortest=1, longest=MAX_CONTENT, load_default=None)


class AssignConversation(OfConversation):
    """`teamId` without `agentId` moves the conversation to the queue of the team. `note` becomes a private message."""

    agentId = Id(load_default=None)
    teamId = Id(load_default=None)
    note = Note()

    @validates_schema
    def _require_agent_or_team(self, data: dict[str, Any], **_: Any) -> None:
        if data.get("agentId") is None and data.get("teamId") is None:
            raise ValidationError("Give an agent, a team or both.", "agentId")


class UnassignConversation(OfConversation):
    reason = Text(longest=MAX_REASON, load_default=None)


class RateConversation(OfConversation):
    """`rating` is from 1 to 5, the best."""

    rating = Integer(least=1, most=5, required=True)
    comment = Text(longest=MAX_COMMENT, load_default=None)


class MergeConversation(OfConversation):
    """`conversationId` is closed, and continued in the other one, of the same customer."""

    intoConversationId = Id(required=True)


class JudgeAnswer(OfConversation):
    """Whether the last automatic answer has answered the question, or that the customer wants a `person`."""

    verdict = OneOf(*get_args(Verdict), required=True)


class MarkDraft(OfConversation):
    """An agent was `shown` a draft, or has `dismissed` it."""

    runId = Id(required=True)
    mark = OneOf(*get_args(DraftMark), required=True)


class RequestAssist(OfConversation):
    """A text to be translated or rewritten: `text`, or the message `messageId`, which can only be translated.

    `language` is that of a translation.
    """

    kind = OneOf(*get_args(AssistKind), required=True)
    text = Text(shortest=1, longest=MAX_CONTENT, load_default=None)
    messageId = Id(load_default=None)
    language = OneOf(*LANGUAGES, load_default=None)

    @validates_schema
    def _task(self, data: dict[str, Any], **_: Any) -> None:
        is_translation = data.get("kind") == "translate"
        if (data.get("text") is None) == (data.get("messageId") is None):
            raise ValidationError("Give a text or a messageId, not both.", "text")
        if is_translation != (data.get("language") is not None):
            raise ValidationError("Required for a translation, and only for one.", "language")
        if data.get("messageId") is not None and not is_translation:
            raise ValidationError("A message can only be translated.", "kind")


class LabelConversation(OfConversation):
    """`add` are put on the conversation, `remove` are taken off it."""

    add = BoundedList(Id(), most=MAX_LABELS, load_default=list)
    remove = BoundedList(Id(), most=MAX_LABELS, load_default=list)

    @validates_schema
    def _something(self, data: dict[str, Any], **_: Any) -> None:
        if not data.get("add") and not data.get("remove"):
            raise ValidationError("Give labels to add, to remove or both.", "add")


class UpdateConversations(Payload):
    """A change of several conversations, each as if it were requested alone. `assignedTo` null unassigns.

    `snoozedUntil` makes them pending until then, null until the customer writes; closed ones only together with
    `status` pending. `addLabels` are put on each, and `removeLabels` are taken off it.
    """

    conversationIds = BoundedList(Id(), least=1, most=MAX_UPDATED, required=True)
    status = OneOf("open", "pending", "closed")
    snoozedUntil = Moment(allow_none=True)
    assignedTo = Id(allow_none=True)
    teamId = Id(allow_none=True)
    addLabels = BoundedList(Id(), least=1, most=MAX_LABELS)
    removeLabels = BoundedList(Id(), least=1, most=MAX_LABELS)
    reason = Text(longest=MAX_REASON)

    @validates_schema
    def _something(self, data: dict[str, Any], **_: Any) -> None:
        if not data.keys() - {"conversationIds", "reason"}:
            raise ValidationError("Give at least one change.", "conversationIds")
        if "snoozedUntil" in data and data.get("status", "pending") != "pending":
            raise ValidationError("Requires the status pending.", "snoozedUntil")


class StateDetails(Payload):
    """What the customer states. The name is that of an anonymous visitor only; nobody has verified the address."""

    name = Text(shortest=1, longest=MAX_NAME, load_default=None)
    email = Email(load_default=None)

    @validates_schema
    def _something(self, data: dict[str, Any], **_: Any) -> None:
        if data.get("name") is None and data.get("email") is None:
            raise ValidationError("Give a name, an email or both.", "email")


class VisitPage(Payload):
    """A page that the customer has opened. It is recorded if the look of the account has `recordPages` and the page is
    one of its `widgetOrigins`. The address is recorded without path parameters, query and fragment; the rest has at
    most 1,000 characters.
    """

    url = Url(required=True)
    title = Text(longest=MAX_PAGE_TITLE, load_default="")


def category(**options: Any) -> Matching:
    return Matching(KEY, what="the key of a category", longest=LONGEST_KEY, **options)


class CorrectClassification(OfConversation):
    messageId = Id(required=True)
    category = category(load_default=None)
    priority = OneOf(*get_args(Priority), load_default=None)

    @validates_schema
    def _something(self, data: dict[str, Any], **_: Any) -> None:
        if data.get("category") is None and data.get("priority") is None:
            raise ValidationError("Give a category, a priority or both.", "category")


class NewConversation(Payload):
    subject = Text(shortest=1, longest=MAX_SUBJECT, load_default=None)
    content = Text(shortest=1, longest=MAX_CONTENT, load_default=None)
    clientMessageId = Text(shortest=1, longest=64, load_default=None)
    metadata = Metadata(load_default=dict)


class StartConversation(NewConversation):
    pass


class ConversationFilter(Payload):
    """`sort` `waiting` is for staff: only conversations whose customers wait for an answer, the longest wait first.

    So are `priority`, `category` and `snoozed`, whether there is a time at which the conversation is reopened.
    """

    status = OneOf("open", "pending", "closed", load_default=None)
    assignedTo = Id(load_default=None)
    unassigned = Boolean(load_default=False)
    priority = OneOf(*get_args(Priority), load_default=None)
    category = category(load_default=None)
    snoozed = Boolean(load_default=None)
    search = Text(shortest=1, longest=MAX_SEARCH, load_default=None)
    sort = OneOf("activity", "waiting", load_default="activity")
    limit = Integer(least=1, most=MAX_PAGE, load_default=PAGE)
    cursor = Text(shortest=1, longest=200, load_default=None)

    @validates_schema
    def _one_assignment(self, data: dict[str, Any], **_: Any) -> None:
        if data.get("assignedTo") is not None and data.get("unassigned"):
            raise ValidationError("Give assignedTo or unassigned, not both.", "unassigned")
        if data.get("search") is not None and data.get("sort") == "waiting":
            raise ValidationError("A search is sorted by activity.", "sort")


class ListConversations(ConversationFilter):
    """A page of a team, a label, a priority, a category or `snoozed` may be short, or empty, and still have a
    `nextCursor`: it looks through a limited number of conversations. `sort` `waiting` is for staff: only conversations
    whose customers wait for an answer, the longest wait first.
    """

    teamId = Id(load_default=None)
    labelId = Id(load_default=None)


class MessageRange(Payload):
    beforeSeq = Seq(load_default=None)
    afterSeq = Seq(load_default=None)
    limit = Integer(least=1, most=MAX_PAGE, load_default=PAGE)

    @validates_schema
    def _one_direction(self, data: dict[str, Any], **_: Any) -> None:
        if data.get("beforeSeq") is not None and data.get("afterSeq") is not None:
            raise ValidationError("Give beforeSeq or afterSeq, not both.", "beforeSeq")


class GetMessages(MessageRange, OfConversation):
    pass


class Sync(Payload):
    """By conversation, the last seq that the client has, and in `revisions` the last revision."""

    conversations = BoundedMap(required=True, keys=Id(), values=Seq(required=True), most=MAX_SYNCED)
    revisions = BoundedMap(keys=Id(), values=Revision(required=True), most=MAX_SYNCED, load_default=dict)

    @validates_schema
    def _known_conversations(self, data: dict[str, Any], **_: Any) -> None:
        if not data.get("revisions", {}).keys() <= data.get("conversations", {}).keys():
            raise ValidationError("Names a conversation that is not in `conversations`.", "revisions")
