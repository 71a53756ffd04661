"""What each request must look like. Unknown fields are refused: that is marshmallow's default."""

from typing import Any

from marshmallow import Schema, ValidationError, fields, post_load, validate, validates_schema

from hummdesk.events.fields import (
    MAX_ATTACHMENT_BYTES,
    MAX_ATTACHMENTS,
    MAX_REASON,
    MAX_SUBJECT,
    Flag,
    Id,
    Metadata,
    OneOf,
    Seq,
    Text,
    Whole,
    sanitized,
    storable,
)

PAGE = 50
MAX_PAGE = 100
MAX_SYNCED = 100
MAX_TOKEN = 8192


class Nothing(Schema):
    """No payload."""


class Authenticate(Schema):
    token = Text(required=True, shortest=1, longest=MAX_TOKEN)


class OfConversation(Schema):
    conversationId = Id(required=True)


class JoinConversation(OfConversation):
    afterSeq = Seq()


class Attachment(Schema):
    url = fields.Url(required=True, schemes={"http", "https"}, require_tld=False, validate=validate.Length(max=2048))
    filename = Text(required=True, shortest=1, longest=255)
    contentType = fields.String(required=True, validate=validate.Regexp(r"[\w.+-]{1,64}/[\w.+-]{1,64}\Z"))
    size = Whole(required=True, least=0, most=MAX_ATTACHMENT_BYTES)

    @validates_schema
    def _url_is_storable(self, data: dict[str, Any], **_: Any) -> None:
        storable(data.get("url", ""))


class SendMessage(OfConversation):
    content = Text(required=True, shortest=1, longest=10_000)
    contentType = OneOf("text", "html", load_default="text")
    attachments = fields.List(
        fields.Nested(Attachment), load_default=list, validate=validate.Length(max=MAX_ATTACHMENTS)
    )
    metadata = Metadata(load_default=dict)
    clientMessageId = Text(shortest=1, longest=64, load_default=None)
    private = Flag(load_default=False)
    basedOnSeq = Seq(load_default=None)

    @post_load
    def _sanitize(self, data: dict[str, Any], **_: Any) -> dict[str, Any]:
        if data["contentType"] == "html":
            data["content"] = sanitized(data["content"])
            if not data["content"]:
                raise ValidationError("Nothing is left of it without forbidden tags.", "content")
        return data


class MessageRead(OfConversation):
    messageId = Id(required=True)


class SetAgentStatus(Schema):
    status = OneOf("online", "away", "busy", "offline", required=True)


class UpdateConversationStatus(OfConversation):
    status = OneOf("open", "pending", "closed", required=True)
    reason = Text(longest=MAX_REASON, load_default=None)


class AssignConversation(OfConversation):
    agentId = Id(required=True)
    teamId = Id(load_default=None)


class UnassignConversation(OfConversation):
    reason = Text(longest=MAX_REASON, load_default=None)


class StartConversation(Schema):
    subject = Text(shortest=1, longest=MAX_SUBJECT, load_default=None)
    content = Text(shortest=1, longest=10_000, load_default=None)
    clientMessageId = Text(shortest=1, longest=64, load_default=None)
    metadata = Metadata(load_default=dict)


class ListConversations(Schema):
    status = OneOf("open", "pending", "closed", load_default=None)
    assignedTo = Id(load_default=None)
    limit = Whole(least=1, most=MAX_PAGE, load_default=PAGE)
    cursor = Text(shortest=1, longest=200, load_default=None)


class GetMessages(OfConversation):
    beforeSeq = Seq(load_default=None)
    afterSeq = Seq(load_default=None)
    limit = Whole(least=1, most=MAX_PAGE, load_default=PAGE)

    @validates_schema
    def _one_direction(self, data: dict[str, Any], **_: Any) -> None:
        if data.get("beforeSeq") is not None and data.get("afterSeq") is not None:
            raise ValidationError("Give beforeSeq or afterSeq, not both.", "beforeSeq")


class Sync(Schema):
    conversations = fields.Dict(
        required=True, keys=Id(), values=Seq(required=True), validate=validate.Length(min=1, max=MAX_SYNCED)
    )
