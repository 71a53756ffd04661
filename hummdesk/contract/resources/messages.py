"""Messages."""

from typing import Any

from marshmallow import Schema, ValidationError, fields, validates_schema

from hummdesk.contract import payloads
from hummdesk.contract.fields import Boolean, Id, ListOf, OneOf
from hummdesk.contract.requests import FormattedText, MessageContent


class Message(payloads.Message):
    """A message with the fields of `new_message`. `id` is `messageId`."""

    id = Id(required=True)


class MessageList(Schema):
    messages = ListOf(fields.Nested(Message), required=True)
    hasMore = Boolean(required=True)


class MessageEdit(FormattedText):
    """The new content of a message that the caller has sent. Its attachments remain."""


class NewMessage(MessageContent):
    """`as` says who writes: an agent, the conversation's contact, or the system.

    An API key names the agent by `agentId`. A user writes as an agent without it; only an admin names another one. The
    system's messages are those of API keys.
    """

    agentId = Id(load_default=None)

    class Meta:
        include = {"as": OneOf("agent", "contact", "system", required=True)}  # noqa: RUF012 - as marshmallow reads it

    @validates_schema
    def _agent(self, data: dict[str, Any], **_: Any) -> None:
        if data.get("agentId") is not None and data.get("as") != "agent":
            raise ValidationError("Only with `as` agent.", "agentId")
        if data.get("private") and data.get("as") == "contact":
            raise ValidationError("A contact cannot write a private note.", "private")
