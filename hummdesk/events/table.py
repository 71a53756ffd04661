"""START HERE: every event, in two tables.

To add an event: a row here, its schema, its handler, its test.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Literal

from marshmallow import Schema

from hummdesk.desk import Desk, Payload
from hummdesk.events import schemas
from hummdesk.handlers import connection, conversation, message, presence
from hummdesk.models import ANSWERING, STAFF, Role
from hummdesk.sockets import Session

Handler = Callable[[Desk, Session, Payload], Awaitable[Payload]]

EVERYBODY: frozenset[Role] = STAFF | {"customer"}
TALKING: frozenset[Role] = ANSWERING | {"customer"}
CUSTOMER: frozenset[Role] = frozenset({"customer"})


@dataclass(frozen=True, slots=True)
class Request:
    """Client to server. `bare` names the field that a payload which is no object stands for."""

    name: str
    schema: Schema
    handler: Handler
    roles: frozenset[Role]
    bare: str | None = None
    needs_person: bool = True


REQUESTS: dict[str, Request] = {
    request.name: request
    for request in (
        Request(
            "authenticate", schemas.Authenticate(), connection.authenticate, EVERYBODY, bare="token", needs_person=False
        ),
        Request(
            "join_conversation",
            schemas.JoinConversation(),
            conversation.join_conversation,
            EVERYBODY,
            bare="conversationId",
        ),
        Request(
            "leave_conversation",
            schemas.OfConversation(),
            conversation.leave_conversation,
            EVERYBODY,
            bare="conversationId",
        ),
        Request("send_message", schemas.SendMessage(), message.send_message, TALKING),
        Request("message_read", schemas.MessageRead(), message.message_read, TALKING),
        Request("typing_start", schemas.OfConversation(), presence.typing_start, TALKING),
        Request("typing_stop", schemas.OfConversation(), presence.typing_stop, TALKING),
        Request("agent_online", schemas.Nothing(), presence.agent_online, ANSWERING),
        Request("agent_offline", schemas.Nothing(), presence.agent_offline, ANSWERING),
        Request("set_agent_status", schemas.SetAgentStatus(), presence.set_agent_status, ANSWERING),
        Request(
            "update_conversation_status",
            schemas.UpdateConversationStatus(),
            conversation.update_conversation_status,
            ANSWERING,
        ),
        Request("assign_conversation", schemas.AssignConversation(), conversation.assign_conversation, ANSWERING),
        Request("unassign_conversation", schemas.UnassignConversation(), conversation.unassign_conversation, ANSWERING),
        Request("start_conversation", schemas.StartConversation(), message.start_conversation, CUSTOMER),
        Request("list_conversations", schemas.ListConversations(), conversation.list_conversations, EVERYBODY),
        Request("get_messages", schemas.GetMessages(), message.get_messages, EVERYBODY),
        Request("sync", schemas.Sync(), message.sync, EVERYBODY),
        Request("get_presence", schemas.Nothing(), presence.get_presence, STAFF),
        Request("get_teams", schemas.Nothing(), presence.get_teams, STAFF),
    )
}

Listener = Literal["socket", "account staff", "joined staff", "joined customer", "assignee", "team"]


_SOCKET: frozenset[Listener] = frozenset({"socket"})
_ACCOUNT: frozenset[Listener] = frozenset({"account staff", "joined staff", "assignee", "team"})
_JOINED: frozenset[Listener] = frozenset({"joined staff", "joined customer"})

EVENTS: dict[str, frozenset[Listener]] = {
    "authenticated": _SOCKET,
    "authentication_error": _SOCKET,
    "error": _SOCKET,
    "disconnect_reason": _SOCKET,
    "message_sent": _SOCKET,
    "new_message": _ACCOUNT | _JOINED,
    "message_read": _JOINED,
    "typing_start": _JOINED,
    "typing_stop": _JOINED,
    "agent_online": _ACCOUNT,
    "agent_offline": _ACCOUNT,
    "agent_status_changed": _ACCOUNT,
    "conversation_viewers": frozenset({"joined staff"}),
    "conversation_created": _ACCOUNT,
    "conversation_updated": _ACCOUNT,
    "conversation_status_changed": _ACCOUNT | _JOINED,
    "conversation_assigned": _ACCOUNT | _JOINED,
    "conversation_unassigned": _ACCOUNT | _JOINED,
    "ai_processing_started": _ACCOUNT,
    "ai_processing_completed": _ACCOUNT,
    "ai_classification": _ACCOUNT,
    "ai_draft": frozenset({"assignee", "joined staff"}),
    "ai_error": _ACCOUNT,
}
"""Server to client: who may hear each. `BroadcastService` names the rooms; a test holds the two together."""
