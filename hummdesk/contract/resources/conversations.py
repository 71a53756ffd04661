"""Conversations and their log."""

from marshmallow import Schema, fields

from hummdesk.contract import payloads, requests
from hummdesk.contract.fields import MAX_REASON, AnyObject, AnyText, Id, ListOf, OneOf, Text, Time
from hummdesk.contract.payloads import PRIORITIES, STATUSES
from hummdesk.contract.requests import ListConversations, Payload
from hummdesk.contract.resources.messages import Message


class ConversationQuery(ListConversations):
    """`search` finds prefixes of words in messages, subjects, names and addresses of customers.

    A page of a `team` or a `priority` may be short, or empty, and still have a `nextCursor`: it looks through a limited
    number of conversations.
    """

    team = Id(load_default=None)
    priority = OneOf(*PRIORITIES, load_default=None)
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
    """What is given is changed. `assignedTo` null unassigns, and removes the team unless `teamId` is given."""

    status = OneOf(*STATUSES)
    priority = OneOf(*PRIORITIES)
    assignedTo = Id(allow_none=True)
    teamId = Id(allow_none=True)
    reason = Text(longest=MAX_REASON)


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
