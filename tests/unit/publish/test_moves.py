"""What is published of a logged change, and which sides receive it."""

from dataclasses import replace
from typing import Any

import pytest

from hummdesk.core.ids import SYSTEM_ID
from hummdesk.core.models import Conversation
from hummdesk.publish.moves import activity_of, events_of
from hummdesk.publish.outbox import creation_events
from hummdesk.storage.moves import LoggedChange
from tests.unit.publish.examples import ACCOUNT, AGENT, CONVERSATION, MESSAGE, MOMENT, TEAM

LOGGED = MESSAGE
TO_AGENT = {"toAgent": str(AGENT), "rule": "claim"}
FROM_AGENT = {"fromAgent": str(AGENT), "fromTeam": str(TEAM), "toTeam": str(TEAM), "rule": "release", "queued": True}
TO_TEAM = {"toTeam": str(TEAM), "rule": "assignment", "queued": True}
REOPENED = {"from": "closed", "to": "open", "queued": True, "toTeam": str(TEAM)}
WAITING = Conversation(
    id=CONVERSATION,
    account_id=ACCOUNT,
    contact_id=MESSAGE,
    contact_name="Cleo",
    contact_email="cleo@example.com",
    contact_avatar=None,
    status="open",
    priority="medium",
    assigned_to=None,
    assigned_team=TEAM,
    subject=None,
    metadata={},
    last_seq=0,
    revision=0,
    unread_count=None,
    created_at=MOMENT,
    updated_at=MOMENT,
    last_message=None,
)


def change(kind: str, details: dict[str, Any]) -> LoggedChange:
    return LoggedChange(
        account_id=ACCOUNT,
        id=LOGGED,
        conversation_id=CONVERSATION,
        kind=kind,
        actor_id=None,
        details=details,
        at=MOMENT,
        names={str(AGENT): "Ada", str(TEAM): "Billing"},
    )


@pytest.mark.parametrize(
    ("kind", "details", "names"),
    [
        ("assigned", TO_AGENT, ["conversation_assigned", "conversation_activity"]),
        ("unassigned", FROM_AGENT, ["conversation_unassigned", "conversation_queued", "conversation_activity"]),
        ("assigned", TO_TEAM, ["conversation_queued", "conversation_activity"]),
        ("unassigned", FROM_AGENT | {"queued": None}, ["conversation_unassigned", "conversation_activity"]),
        (
            "status_changed",
            REOPENED,
            ["conversation_status_changed", "conversation_queued", "conversation_activity"],
        ),
        ("status_changed", {"from": "open", "to": "closed"}, ["conversation_status_changed", "conversation_activity"]),
        ("priority_changed", {"from": "low", "to": "high"}, ["conversation_activity"]),
        ("labels_changed", {"from": [], "to": [str(TEAM)]}, ["conversation_activity"]),
        ("continued", {"to": str(MESSAGE)}, ["conversation_continued", "conversation_activity"]),
        ("merged", {"to": str(MESSAGE)}, ["conversation_continued", "conversation_activity"]),
        ("merged", {"from": str(MESSAGE)}, ["conversation_activity"]),
        ("message_edited", {"messageId": str(MESSAGE)}, []),
        ("assigned", TO_AGENT | {"fromAgent": str(AGENT)}, ["conversation_assigned"]),
    ],
)
def test_change_is_published_as_what_it_was(kind: str, details: dict[str, Any], names: list[str]) -> None:
    events = events_of(change(kind, details))
    assert [event.event_name for event in events] == names
    keys = [envelope.key for event in events for envelope in event.envelopes()]
    assert len(set(keys)) == len(keys)
    assert all(key is not None and str(LOGGED) in key for key in keys)


@pytest.mark.parametrize(
    ("kind", "details", "shown"),
    [
        ("status_changed", {"from": "open", "to": "closed"}, {"kind": "status", "fromStatus": "open"}),
        ("priority_changed", {"from": "low", "to": "high"}, {"kind": "priority", "toPriority": "high"}),
        ("labels_changed", {"from": ["a", "b"], "to": ["b", "c"]}, {"addedLabelIds": ["c"], "removedLabelIds": ["a"]}),
        ("merged", {"from": str(MESSAGE)}, {"kind": "merged_from", "otherConversationId": str(MESSAGE)}),
    ],
)
def test_line_of_a_change_is_for_staff_and_says_what_has_changed(
    kind: str, details: dict[str, Any], shown: dict[str, Any]
) -> None:
    line = activity_of(change(kind, details))
    assert line is not None
    [envelope] = line.envelopes()
    assert envelope.rooms == (f"conversation:{CONVERSATION}:staff",)
    assert shown.items() <= envelope.data.items()


@pytest.mark.parametrize(
    ("now", "is_queued"),
    [
        ({}, True),
        ({"assigned_to": AGENT}, False),
        ({"status": "pending"}, False),
        ({"assigned_team": None}, False),
    ],
)
def test_old_change_is_published_as_queued_only_while_the_conversation_is_in_that_queue(
    now: dict[str, Any], is_queued: bool
) -> None:
    current = replace(WAITING, **now)
    names = [event.event_name for event in events_of(change("unassigned", FROM_AGENT), current=current)]
    queued = ["conversation_queued"] if is_queued else []
    assert names == ["conversation_unassigned", *queued, "conversation_activity"]


@pytest.mark.parametrize("now", [{"assigned_to": AGENT}, {"status": "closed"}])
def test_new_conversation_that_no_longer_waits_is_not_published_as_queued(now: dict[str, Any]) -> None:
    created, queued = creation_events(WAITING)
    assert (created.event_name, queued.payload()["teamId"]) == ("conversation_created", str(TEAM))
    assert [event.event_name for event in creation_events(replace(WAITING, **now))] == ["conversation_created"]


def test_change_of_the_system_names_the_nil_id() -> None:
    assigned, _ = events_of(change("assigned", TO_AGENT))
    assert assigned.payload()["assignedBy"] == str(SYSTEM_ID)
    assert assigned.payload()["reason"] == {"rule": "claim"}


@pytest.mark.parametrize(
    ("details", "sides"),
    [
        (TO_AGENT, 2),
        (TO_AGENT | {"fromAgent": str(AGENT), "toTeam": str(TEAM)}, 1),
        (FROM_AGENT, 1),
        (TO_TEAM, 1),
    ],
)
def test_customers_receive_the_line_of_an_agent_who_joins_only(details: dict[str, Any], sides: int) -> None:
    line = activity_of(change("assigned", details))
    assert line is not None
    staff, *customers = line.envelopes()
    assert staff.rooms == (f"conversation:{CONVERSATION}:staff",)
    assert len(customers) == sides - 1
    for envelope in customers:
        assert envelope.except_rooms == (f"conversation:{CONVERSATION}:staff",)
        assert envelope.data == line.shown(is_staff=False)
        assert set(envelope.data) <= {
            *("conversationId", "timestamp", "activityId", "kind", "assignedTo", "assignedToName")
        }
