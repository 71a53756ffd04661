"""Conversations and their log."""

from typing import Any

from marshmallow import Schema, ValidationError, fields, validates_schema

from hummdesk.contract import payloads, requests
from hummdesk.contract.fields import MAX_REASON, AnyObject, AnyText, BoundedList, Id, ListOf, Moment, OneOf, Text, Time
from hummdesk.contract.payloads import PRIORITIES, STATUSES
from hummdesk.contract.requests import ConversationFilter, Payload
from hummdesk.contract.resources.messages import Message


class ConversationQuery(ConversationFilter):
    """`search` finds words, and parts of them, in messages, subjects, names and addresses of customers. It also takes
    the filters `from:`, `label:`, `before:`, `after:` and `is:`.

    A page of a `team`, a `priority`, a `label`, a `category` or `snoozed` may be short, or empty, and still have a
    `nextCursor`: it looks through a limited number of conversations. `sort` `waiting` shows only conversations whose
    customers wait for an answer, the longest wait first.
    """

    team = Id(load_default=None)
    label = Id(load_default=None)
    contactId = Id(load_default=None)


class Conversation(payloads.Conversation):
    """A conversation as staff sees it. `id` is `conversationId`."""

    id = Id(required=True)
    lastMessage = fields.Nested(Message)


class ConversationList(Schema):
    conversations = ListOf(fields.Nested(Conversation), required=True)
    nextCursor = AnyText()


class NewConversation(requests.NewConversation):
    """A conversation of a contact; `content` is its first message, as the contact has written it.

    A repeated `clientMessageId` of a contact returns the conversation that it has opened.
    """

    contactId = Id(required=True)


class StartedConversation(Conversation):
    """`message` is the first one, if there was `content`."""

    message = fields.Nested(Message)


class ConversationChange(Payload):
    """What is given is changed. `assignedTo` null unassigns, and removes the team unless `teamId` is given.

    An agent and a team that are given together must belong together. A team that is not given remains if the agent is a
    member. `teamId` alone keeps an agent who is a member, and else moves the conversation to the queue of the team.
    `note` becomes a private message, and requires one of them. `labelIds` replace the previous ones.
    `snoozedUntil` makes the conversation pending until then, null until the customer writes; a closed one only together
    with `status` pending.
    """

    status = OneOf(*STATUSES)
    priority = OneOf(*PRIORITIES)
    assignedTo = Id(allow_none=True)
    teamId = Id(allow_none=True)
    snoozedUntil = Moment(allow_none=True)
    labelIds = BoundedList(Id(), most=requests.MAX_LABELS)
    reason = Text(longest=MAX_REASON)
    note = Text(shortest=1, longest=requests.MAX_CONTENT)

    @validates_schema
    def _moved(self, data: dict[str, Any], **_: Any) -> None:
        if "note" in data and not data.keys() & {"assignedTo", "teamId"}:
            raise ValidationError("Requires assignedTo or teamId.", "note")
        if "snoozedUntil" in data and data.get("status", "pending") != "pending":
            raise ValidationError("Requires the status pending.", "snoozedUntil")


class Merge(Payload):
    """The other conversation, of the same customer."""

    intoConversationId = Id(required=True)


class LogEntry(Schema):
    """A change of a conversation. `message_sent`: by an API key, `as` whom is in `details`."""

    id = Id(required=True)
    kind = AnyText(required=True)
    actorType = OneOf("agent", "customer", "key", "system", required=True)
    actorId = Id()
    details = AnyObject(required=True)
    timestamp = Time(required=True)


class LogPage(Schema):
    events = ListOf(fields.Nested(LogEntry), required=True)
    nextCursor = AnyText()
