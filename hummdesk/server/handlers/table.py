"""The handler of each request."""

from collections.abc import Awaitable, Callable

from hummdesk.server.context import Payload, ServerContext
from hummdesk.server.handlers import (
    ai,
    assignment,
    assist,
    availability,
    bulk,
    categories,
    connection,
    conversation,
    inbox,
    message,
    operations,
    presence,
    rating,
    reports,
    visitor,
)
from hummdesk.server.sockets import ClientSession

Handler = Callable[[ServerContext, ClientSession, Payload], Awaitable[Payload]]

HANDLERS: dict[str, Handler] = {
    handler.__name__: handler
    for handler in (
        connection.authenticate,
        conversation.join_conversation,
        conversation.leave_conversation,
        message.send_message,
        message.edit_message,
        message.withdraw_message,
        message.message_read,
        message.mark_unread,
        presence.typing_start,
        presence.typing_stop,
        presence.agent_online,
        presence.agent_offline,
        presence.set_agent_status,
        conversation.update_conversation_status,
        conversation.snooze_conversation,
        assignment.assign_conversation,
        assignment.unassign_conversation,
        assignment.claim_conversation,
        assignment.release_conversation,
        conversation.merge_conversation,
        bulk.update_conversations,
        inbox.label_conversation,
        conversation.correct_classification,
        rating.rate_conversation,
        rating.judge_answer,
        visitor.state_details,
        visitor.visit_page,
        visitor.get_introduction,
        message.start_conversation,
        conversation.list_conversations,
        message.get_messages,
        message.sync,
        presence.get_presence,
        presence.get_teams,
        inbox.get_inbox,
        categories.get_categories,
        assignment.get_decision,
        availability.get_availability,
        reports.get_queues,
        reports.get_report,
        ai.request_draft,
        ai.request_summary,
        assist.get_assistance,
        assist.request_assist,
        ai.mark_draft,
        operations.get_operations,
    )
}
"""By the name of the request, which is also that of the function. A test compares them with the contract."""
