"""START HERE: the contract with clients, as one table of requests and one of events.

To add a request: a row here, its schema, its handler in `hummdesk.server.handlers`, its test.
To add an event: its class in `hummdesk.publish.events`, the place that publishes it, its example in the leak test.
"""

from dataclasses import dataclass

from marshmallow import Schema

from hummdesk.contract import operations, payloads, requests
from hummdesk.contract.event_schemas import SchemaOrEvent
from hummdesk.contract.resources import categories, decisions, reports
from hummdesk.core.models import ANSWERING, STAFF, Role
from hummdesk.publish import events as published
from hummdesk.publish.audience import Recipient
from hummdesk.publish.events import SocketEvent
from hummdesk.publish.events.ai import ClassificationCorrected
from hummdesk.publish.events.connection import Authenticated
from hummdesk.publish.events.conversations import (
    ConversationAssigned,
    ConversationRated,
    ConversationStatusChanged,
    ConversationUnassigned,
)
from hummdesk.publish.events.messages import MessageUpdated, UnreadChanged
from hummdesk.publish.events.presence import AgentStatusChanged

ALL_ROLES: frozenset[Role] = STAFF | {"customer"}
WRITING: frozenset[Role] = ANSWERING | {"customer"}
CUSTOMER: frozenset[Role] = frozenset({"customer"})
ADMIN: frozenset[Role] = frozenset({"admin"})


@dataclass(frozen=True, slots=True)
class Request:
    """Client to server.

    `answer` has the fields beside `ok`. A payload that is no object stands for the field `bare`.
    """

    name: str
    schema: type[Schema]
    roles: frozenset[Role]
    answer: SchemaOrEvent
    bare: str | None = None
    needs_person: bool = True


REQUESTS: dict[str, Request] = {
    request.name: request
    for request in (
        Request(
            "authenticate",
            requests.Authenticate,
            ALL_ROLES,
            Authenticated,
            bare="token",
            needs_person=False,
        ),
        Request(
            "join_conversation",
            requests.JoinConversation,
            ALL_ROLES,
            payloads.Joined,
            bare="conversationId",
        ),
        Request(
            "leave_conversation",
            requests.OfConversation,
            ALL_ROLES,
            payloads.Done,
            bare="conversationId",
        ),
        Request("send_message", requests.SendMessage, WRITING, payloads.Receipt),
        Request("edit_message", requests.EditMessage, ANSWERING, MessageUpdated),
        Request("withdraw_message", requests.OfMessage, ANSWERING, MessageUpdated),
        Request("message_read", requests.MessageRead, WRITING, payloads.Done),
        Request("mark_unread", requests.MarkUnread, ANSWERING, UnreadChanged),
        Request("typing_start", requests.TypingStart, WRITING, payloads.Done),
        Request("typing_stop", requests.OfConversation, WRITING, payloads.Done),
        Request("agent_online", requests.Nothing, ANSWERING, payloads.Done),
        Request("agent_offline", requests.Nothing, ANSWERING, payloads.Done),
        Request(
            "set_agent_status",
            requests.SetAgentStatus,
            ANSWERING,
            AgentStatusChanged,
        ),
        Request(
            "update_conversation_status",
            requests.UpdateConversationStatus,
            ANSWERING,
            ConversationStatusChanged,
        ),
        Request(
            "snooze_conversation",
            requests.SnoozeConversation,
            ANSWERING,
            ConversationStatusChanged,
        ),
        Request(
            "assign_conversation",
            requests.AssignConversation,
            ANSWERING,
            payloads.Moved,
        ),
        Request(
            "unassign_conversation",
            requests.UnassignConversation,
            ANSWERING,
            ConversationUnassigned,
        ),
        Request(
            "claim_conversation",
            requests.OfConversation,
            ANSWERING,
            ConversationAssigned,
        ),
        Request(
            "release_conversation",
            requests.OfConversation,
            ANSWERING,
            ConversationUnassigned,
        ),
        Request("merge_conversation", requests.MergeConversation, ANSWERING, payloads.Done),
        Request("update_conversations", requests.UpdateConversations, ANSWERING, payloads.UpdatedConversations),
        Request("label_conversation", requests.LabelConversation, ANSWERING, payloads.Labelled),
        Request(
            "correct_classification",
            requests.CorrectClassification,
            ANSWERING,
            ClassificationCorrected,
        ),
        Request(
            "rate_conversation",
            requests.RateConversation,
            CUSTOMER,
            ConversationRated,
        ),
        Request("judge_answer", requests.JudgeAnswer, CUSTOMER, payloads.Judged),
        Request("state_details", requests.StateDetails, CUSTOMER, payloads.Done),
        Request("visit_page", requests.VisitPage, CUSTOMER, payloads.Done),
        Request("get_introduction", requests.Nothing, CUSTOMER, payloads.Introduction),
        Request("start_conversation", requests.StartConversation, CUSTOMER, payloads.Started),
        Request(
            "list_conversations",
            requests.ListConversations,
            ALL_ROLES,
            payloads.ConversationPage,
        ),
        Request("get_messages", requests.GetMessages, ALL_ROLES, payloads.MessagePage),
        Request("sync", requests.Sync, ALL_ROLES, payloads.Synced),
        Request("get_presence", requests.Nothing, STAFF, payloads.Colleagues),
        Request("get_teams", requests.Nothing, STAFF, payloads.Teams),
        Request("get_inbox", requests.Nothing, STAFF, payloads.Inbox),
        Request("get_categories", requests.Nothing, STAFF, categories.CategoryNames),
        Request("get_decision", requests.OfConversation, STAFF, decisions.Decision),
        Request("get_availability", requests.Nothing, ALL_ROLES, payloads.AvailabilityAnswer),
        Request("get_queues", requests.Nothing, ADMIN, reports.Queues),
        Request("get_report", reports.GetReport, ADMIN, reports.Report),
        Request("request_draft", requests.OfConversation, ANSWERING, payloads.RequestedRun),
        Request("request_summary", requests.OfConversation, ANSWERING, payloads.RequestedRun),
        Request("get_assistance", requests.Nothing, ANSWERING, payloads.Assistance),
        Request("request_assist", requests.RequestAssist, ANSWERING, payloads.RequestedRun),
        Request("mark_draft", requests.MarkDraft, ANSWERING, payloads.Done),
        Request("get_operations", requests.Nothing, ADMIN, operations.Operations),
    )
}


@dataclass(frozen=True, slots=True)
class Event:
    """Server to client, as a class of `hummdesk.publish.events` defines it."""

    name: str
    schema: SchemaOrEvent
    recipients: frozenset[Recipient]


def _schema(event: type[SocketEvent]) -> SchemaOrEvent:
    """The event itself, or if it writes its payload itself, the schema of `payloads` that it names."""
    if event.payload is SocketEvent.payload:
        return event
    named: type[Schema] = getattr(payloads, event.schema)
    return named


EVENTS: dict[str, Event] = {
    name: Event(name, _schema(event), event.recipients) for name, event in published.EVENTS.items()
}
