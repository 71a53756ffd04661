"""Which published events still hold what was said, or who said it."""

from hummdesk.bus.envelope import Event
from hummdesk.storage.personal_data import ERASED_NAME

WITHOUT_CONTENT = frozenset(
    {
        "message_read",
        "agent_online",
        "agent_offline",
        "agent_status_changed",
        "conversation_activity",
        "conversation_assigned",
        "conversation_continued",
        "conversation_queued",
        "conversation_viewers",
        "ai_processing_started",
        "ai_processing_completed",
        "ai_error",
        "classification_corrected",
    }
)
"""Events that name a conversation or customer by id only."""


def holds_content(event: Event) -> bool:
    """Whether the payload has content of a customer's conversation, or the customer's name. Unknown events count."""
    if event.event in WITHOUT_CONTENT:
        return False
    match event.event:
        case "new_message" | "message_updated":
            return not event.data.get("erased")
        case "conversation_created" | "conversation_updated":
            return bool(event.data["customer"]["name"] != ERASED_NAME)
        case "conversation_status_changed" | "conversation_unassigned":
            return "reason" in event.data
        case "typing_start" | "typing_stop":
            return bool(event.data["userType"] == "customer")
        case _:
            return True
