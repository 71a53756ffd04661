"""START HERE: every event, in two tables.

To add a request: a row here, its schema, its handler in `hummdesk.server.handlers`, its test.
"""

from dataclasses import dataclass
from typing import Literal

from marshmallow import Schema

from hummdesk.contract import operations, payloads, requests
from hummdesk.core.models import ANSWERING, STAFF, Role

EVERYBODY: frozenset[Role] = STAFF | {"customer"}
TALKING: frozenset[Role] = ANSWERING | {"customer"}
CUSTOMER: frozenset[Role] = frozenset({"customer"})
ADMIN: frozenset[Role] = frozenset({"admin"})


@dataclass(frozen=True, slots=True)
class Request:
    """Client to server. `answer`: what `ok` carries. `bare`: the field that a payload which is no object stands for."""

    name: str
    schema: Schema
    roles: frozenset[Role]
    answer: Schema
    bare: str | None = None
    needs_person: bool = True


REQUESTS: dict[str, Request] = {
    request.name: request
    for request in (
        Request(
            "authenticate",
            requests.Authenticate(),
            EVERYBODY,
            payloads.PersonIdentity(),
            bare="token",
            needs_person=False,
        ),
        Request(
            "join_conversation",
            requests.JoinConversation(),
            EVERYBODY,
            payloads.Joined(),
            bare="conversationId",
        ),
        Request(
            "leave_conversation",
            requests.OfConversation(),
            EVERYBODY,
            payloads.Done(),
            bare="conversationId",
        ),
        Request("send_message", requests.SendMessage(), TALKING, payloads.Receipt()),
        Request("message_read", requests.MessageRead(), TALKING, payloads.Done()),
        Request("typing_start", requests.OfConversation(), TALKING, payloads.Done()),
        Request("typing_stop", requests.OfConversation(), TALKING, payloads.Done()),
        Request("agent_online", requests.Nothing(), ANSWERING, payloads.Done()),
        Request("agent_offline", requests.Nothing(), ANSWERING, payloads.Done()),
        Request(
            "set_agent_status",
            requests.SetAgentStatus(),
            ANSWERING,
            payloads.AgentStatusChange(),
        ),
        Request(
            "update_conversation_status",
            requests.UpdateConversationStatus(),
            ANSWERING,
            payloads.StatusChange(),
        ),
        Request(
            "assign_conversation",
            requests.AssignConversation(),
            ANSWERING,
            payloads.Assignment(),
        ),
        Request(
            "unassign_conversation",
            requests.UnassignConversation(),
            ANSWERING,
            payloads.Unassignment(),
        ),
        Request(
            "correct_classification",
            requests.CorrectClassification(),
            ANSWERING,
            payloads.ClassificationCorrection(),
        ),
        Request("start_conversation", requests.StartConversation(), CUSTOMER, payloads.Started()),
        Request(
            "list_conversations",
            requests.ListConversations(),
            EVERYBODY,
            payloads.ConversationPage(),
        ),
        Request("get_messages", requests.GetMessages(), EVERYBODY, payloads.MessagePage()),
        Request("sync", requests.Sync(), EVERYBODY, payloads.Synced()),
        Request("get_presence", requests.Nothing(), STAFF, payloads.Colleagues()),
        Request("get_teams", requests.Nothing(), STAFF, payloads.Teams()),
        Request("get_operations", requests.Nothing(), ADMIN, operations.Operations()),
    )
}

Listener = Literal["socket", "account staff", "joined staff", "joined customer", "assignee", "team"]

_SOCKET: frozenset[Listener] = frozenset({"socket"})
_ACCOUNT: frozenset[Listener] = frozenset({"account staff", "joined staff", "assignee", "team"})
_JOINED: frozenset[Listener] = frozenset({"joined staff", "joined customer"})
_JOINED_STAFF: frozenset[Listener] = frozenset({"joined staff"})


@dataclass(frozen=True, slots=True)
class Event:
    """Server to client. `BroadcastService` names the rooms; a test holds them to `heard_by`."""

    name: str
    schema: Schema
    heard_by: frozenset[Listener]


EVENTS: dict[str, Event] = {
    event.name: event
    for event in (
        Event("authenticated", payloads.PersonIdentity(), _SOCKET),
        Event("authentication_error", payloads.ErrorReport(), _SOCKET),
        Event("error", payloads.ErrorReport(), _SOCKET),
        Event("disconnect_reason", payloads.DisconnectReason(), _SOCKET),
        Event("message_sent", payloads.Receipt(), _SOCKET),
        Event("new_message", payloads.Message(), _ACCOUNT | _JOINED),
        Event("message_read", payloads.ReadMark(), _JOINED),
        Event("typing_start", payloads.Typing(), _JOINED),
        Event("typing_stop", payloads.Typing(), _JOINED),
        Event("agent_online", payloads.AgentPresence(), _ACCOUNT),
        Event("agent_offline", payloads.AgentPresence(), _ACCOUNT),
        Event("agent_status_changed", payloads.AgentStatusChange(), _ACCOUNT),
        Event("conversation_viewers", payloads.ConversationViewers(), _JOINED_STAFF),
        Event("conversation_created", payloads.Conversation(), _ACCOUNT),
        Event("conversation_updated", payloads.Conversation(), _ACCOUNT),
        Event("conversation_status_changed", payloads.StatusChange(), _ACCOUNT | _JOINED),
        Event("conversation_assigned", payloads.Assignment(), _ACCOUNT | _JOINED),
        Event("conversation_unassigned", payloads.Unassignment(), _ACCOUNT | _JOINED),
        Event("ai_processing_started", payloads.AIRun(), _ACCOUNT),
        Event("ai_processing_completed", payloads.AIRunEnd(), _ACCOUNT),
        Event("ai_classification", payloads.AIClassification(), _ACCOUNT),
        Event("ai_draft", payloads.AIDraft(), _JOINED_STAFF | {"assignee"}),
        Event("ai_error", payloads.AIError(), _ACCOUNT),
        Event("classification_corrected", payloads.ClassificationCorrection(), _ACCOUNT),
    )
}
