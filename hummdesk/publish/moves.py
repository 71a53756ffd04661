"""The events of logged changes of a conversation, published by the process that made them or by the relay."""

from collections.abc import Callable
from datetime import datetime
from typing import cast
from uuid import UUID

from hummdesk.core.ids import SYSTEM_ID
from hummdesk.core.models import Conversation
from hummdesk.publish.events import Event
from hummdesk.publish.events.base import Payload
from hummdesk.publish.events.conversations import (
    ConversationActivity,
    ConversationAssigned,
    ConversationContinued,
    ConversationQueued,
    ConversationStatusChanged,
    ConversationUnassigned,
    MoveReason,
)
from hummdesk.storage import continuations
from hummdesk.storage.moves import LoggedChange

REASONS = ("rule", "mode", "decisionId", "candidates", "note")
"""The details of a logged move that are the reason of an assignment."""


def events_of(change: LoggedChange, *, current: Conversation | None = None) -> list[Event]:
    """The events of a change, in order: what it was, the queue that the conversation is in now, the activity line.

    `current` is the conversation if it may have changed since: clients that have received its assignment already must
    not take it for queued.
    """
    if change.kind in continuations.KINDS:
        events: list[Event] = continuation_events(change)
    elif change.kind == "status_changed":
        events = [status_event(change)]
    elif change.id_of("toAgent") is not None:
        events = [assigned_event(change)]
    elif change.id_of("fromAgent") is not None:
        events = [unassigned_event(change)]
    else:
        events = []
    if change.details.get("queued") and (current is None or _is_in_queue(current, change.id_of("toTeam"))):
        events.append(queued_event(change))
    line = activity_of(change)
    return events if line is None else [*events, line]


def _is_in_queue(conversation: Conversation, team_id: UUID | None) -> bool:
    return conversation.is_waiting and conversation.assigned_team == team_id


def continuation_events(change: LoggedChange) -> list[Event]:
    """The event of a conversation that is continued in another one; none of the one that another was merged into."""
    target = change.id_of("to")
    if target is None:
        return []
    continued = ConversationContinued(
        account_id=change.account_id,
        conversation_id=change.conversation_id,
        timestamp=change.at,
        continued_in=target,
        event_id=change.id,
    )
    return [continued]


def status_event(change: LoggedChange) -> ConversationStatusChanged:
    until = change.details.get("snoozedUntil")
    return ConversationStatusChanged(
        account_id=change.account_id,
        conversation_id=change.conversation_id,
        timestamp=change.at,
        old_status=change.details["from"],
        new_status=change.details["to"],
        changed_by=change.actor_id or SYSTEM_ID,
        reason=change.details.get("reason"),
        snoozed_until=None if until is None else datetime.fromisoformat(until),
        event_id=change.id,
    )


def assigned_event(change: LoggedChange) -> ConversationAssigned:
    """The event of a conversation that was assigned to an agent."""
    reason = {name: change.details[name] for name in REASONS if name in change.details}
    return ConversationAssigned(
        account_id=change.account_id,
        conversation_id=change.conversation_id,
        timestamp=change.at,
        assigned_to=UUID(change.details["toAgent"]),
        assigned_team=change.id_of("toTeam"),
        assigned_by=change.actor_id or SYSTEM_ID,
        reason=cast(MoveReason, reason) if "rule" in reason else None,
        event_id=change.id,
    )


def unassigned_event(change: LoggedChange) -> ConversationUnassigned:
    """The event of a conversation that was taken from an agent."""
    return ConversationUnassigned(
        account_id=change.account_id,
        conversation_id=change.conversation_id,
        timestamp=change.at,
        unassigned_from=UUID(change.details["fromAgent"]),
        unassigned_by=change.actor_id or SYSTEM_ID,
        reason=change.details.get("reason"),
        rule=change.details.get("rule"),
        team_id=change.id_of("fromTeam"),
        event_id=change.id,
    )


def queued_event(change: LoggedChange) -> ConversationQueued:
    """The event of a conversation that has come into a queue."""
    return ConversationQueued(
        account_id=change.account_id,
        conversation_id=change.conversation_id,
        timestamp=change.at,
        team_id=change.id_of("toTeam"),
        entry_id=change.id,
    )


def activity_of(change: LoggedChange) -> ConversationActivity | None:
    """The line of a change between the messages; None for an assignment that changed nothing, and other changes."""
    if change.kind in ("assigned", "unassigned"):
        return _move_line(change)
    details = LINES.get(change.kind, _no_details)(change)
    if details is None:
        return None
    return ConversationActivity(
        account_id=change.account_id,
        conversation_id=change.conversation_id,
        timestamp=change.at,
        activity_id=change.id,
        actor_id=change.actor_id,
        actor_name=change.name_of(change.actor_id),
        rule=change.details.get("rule"),
        **details,
    )


def _no_details(_: LoggedChange) -> None:
    """Nothing is shown."""


def _status_line(change: LoggedChange) -> Payload | None:
    until = change.details.get("snoozedUntil")
    return {
        "kind": "status",
        "from_status": change.details["from"],
        "to_status": change.details["to"],
        "snoozed_until": None if until is None else datetime.fromisoformat(until),
    }


def _priority_line(change: LoggedChange) -> Payload | None:
    return {"kind": "priority", "from_priority": change.details["from"], "to_priority": change.details["to"]}


def _label_line(change: LoggedChange) -> Payload | None:
    old, new = change.details["from"], change.details["to"]
    added, removed = [one for one in new if one not in old], [one for one in old if one not in new]
    return {"kind": "labels", "added_label_ids": added or None, "removed_label_ids": removed or None}


def _continuation_line(change: LoggedChange) -> Payload | None:
    source = change.id_of("from")
    kind = "merged_from" if source is not None else change.kind
    return {"kind": kind, "other_conversation_id": source or change.id_of("to")}


LINES: dict[str, Callable[[LoggedChange], Payload | None]] = {
    "status_changed": _status_line,
    "priority_changed": _priority_line,
    "labels_changed": _label_line,
    "continued": _continuation_line,
    "merged": _continuation_line,
}
"""By the kind of the entry in the log, what its line has besides the actor."""


def _move_line(change: LoggedChange) -> ConversationActivity | None:
    agent_id, team_id, from_agent, from_team = map(change.id_of, ("toAgent", "toTeam", "fromAgent", "fromTeam"))
    note_id = change.id_of("note")
    if (agent_id, team_id) == (from_agent, from_team) and note_id is None:
        return None
    return ConversationActivity(
        account_id=change.account_id,
        conversation_id=change.conversation_id,
        timestamp=change.at,
        activity_id=change.id,
        kind="assigned" if agent_id else "unassigned" if from_agent else "moved",
        assigned_to=agent_id,
        assigned_to_name=change.name_of(agent_id),
        rule=change.details.get("rule"),
        team_id=team_id,
        team_name=change.name_of(team_id),
        actor_id=change.actor_id,
        actor_name=change.name_of(change.actor_id),
        from_agent_id=from_agent,
        from_agent_name=change.name_of(from_agent),
        from_team_id=from_team,
        from_team_name=change.name_of(from_team),
        note_id=note_id,
    )
