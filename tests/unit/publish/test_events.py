"""Payload, recipients, order and deduplication of events, as their definitions state them."""

from dataclasses import FrozenInstanceError, replace

import pytest

from hummdesk.bus.envelope import OrderKey
from hummdesk.publish.events import EVENTS, Event
from hummdesk.publish.events.ai import AIDraft, events_of, finding_of
from hummdesk.publish.events.conversations import ConversationAssigned, ConversationStatusChanged
from hummdesk.publish.events.messages import MessageRead, MessageUpdated, NewMessage
from hummdesk.publish.events.presence import AgentOffline, AgentOnline, TypingStart
from tests.unit.publish.examples import (
    ABOUT_MESSAGE,
    ACCOUNT,
    AGENT,
    CONVERSATION,
    MESSAGE,
    MOMENT,
    RUN,
    TEAM,
    WIRE_MOMENT,
    a_message,
    a_person,
    an_ended_run,
)

CLASSIFIED = {"classification": {"category": "general"}, "confidence": 0.5, "provider": "embedded"}
DRAFTED = {
    "draft": {"content": "Hello"},
    "confidence": 0.5,
    "reasoning": None,
    "sources": [],
    "based_on_seq": 7,
    "provider": "embedded",
    "assigned_to": str(AGENT),
}


def status_changed(**more: object) -> ConversationStatusChanged:
    return ConversationStatusChanged(
        account_id=ACCOUNT,
        conversation_id=CONVERSATION,
        timestamp=MOMENT,
        old_status="open",
        new_status="closed",
        changed_by=AGENT,
        **more,  # type: ignore[arg-type]
    )


@pytest.mark.parametrize("name", EVENTS)
def test_event_is_frozen_slotted_and_described(name: str) -> None:
    event = EVENTS[name]
    assert event.__doc__
    assert "__slots__" in vars(event)
    assert event.recipients


def test_event_cannot_be_changed() -> None:
    with pytest.raises(FrozenInstanceError):
        status_changed().new_status = "open"  # type: ignore[misc]


def test_payload_has_sent_fields_in_camel_case_as_json() -> None:
    read = MessageRead(
        account_id=ACCOUNT,
        conversation_id=CONVERSATION,
        timestamp=MOMENT,
        message_id=MESSAGE,
        seq=7,
        read_by=AGENT,
        read_by_type="agent",
    )
    assert read.payload() == ABOUT_MESSAGE | {"seq": 7, "readBy": str(AGENT), "readByType": "agent"}


def test_payload_omits_optional_field_that_is_none() -> None:
    assert "reason" not in status_changed().payload()


def test_new_message_is_ordered_by_its_place_in_the_conversation() -> None:
    [envelope] = NewMessage(account_id=ACCOUNT, message=a_message(), has_pending_predecessor=True).envelopes()
    assert envelope.order == OrderKey(conversation_id=CONVERSATION, seq=7, has_pending_predecessor=True)
    assert envelope.rooms == (f"conversation:{CONVERSATION}", f"account:{ACCOUNT}")
    assert envelope.key is None
    assert not envelope.is_volatile


def test_private_message_goes_to_staff_rooms_only() -> None:
    [envelope] = NewMessage(account_id=ACCOUNT, message=a_message(private=True)).envelopes()
    assert envelope.rooms == (f"conversation:{CONVERSATION}:staff", f"account:{ACCOUNT}")


def test_staff_only_field_is_removed_for_the_customer() -> None:
    staff, public = status_changed(reason="spam").envelopes()
    assert staff.data["reason"] == "spam"
    assert staff.rooms == (f"account:{ACCOUNT}", f"conversation:{CONVERSATION}:staff")
    assert "reason" not in public.data
    assert (public.rooms, public.except_rooms) == (
        (f"conversation:{CONVERSATION}",),
        (f"conversation:{CONVERSATION}:staff",),
    )


def test_event_without_staff_only_value_is_published_once() -> None:
    [envelope] = status_changed().envelopes()
    assert envelope.rooms == (f"account:{ACCOUNT}", f"conversation:{CONVERSATION}")


def test_both_sides_of_an_event_are_deduplicated_apart() -> None:
    keys = [envelope.key for envelope in status_changed(reason="spam", message_id=MESSAGE).envelopes()]
    assert keys == [f"reopened/{MESSAGE}/staff", f"reopened/{MESSAGE}/customer"]


def test_assignment_goes_to_agent_and_team() -> None:
    assigned = ConversationAssigned(
        account_id=ACCOUNT, conversation_id=CONVERSATION, assigned_to=AGENT, assigned_team=TEAM, assigned_by=AGENT
    )
    assert {f"agent:{AGENT}", f"team:{TEAM}"} < set(assigned.rooms())


def test_typing_excludes_the_typist_and_is_volatile() -> None:
    [envelope] = TypingStart.of(a_person(), CONVERSATION).envelopes()
    assert envelope.except_rooms == (f"person:{AGENT}",)
    assert envelope.is_volatile


def test_presence_compares_equal_while_the_status_is_the_same() -> None:
    assert AgentOnline.of(a_person(), "busy") == AgentOnline.of(a_person(), "busy")
    assert AgentOnline.of(a_person(), "busy") != AgentOnline.of(a_person(), "away")
    assert AgentOffline.of(a_person(), "offline", last_seen_at=MOMENT).payload()["lastSeenAt"] == WIRE_MOMENT


def test_end_of_run_has_its_finding_before_its_terminal_event() -> None:
    found, completed = events_of(an_ended_run(), CLASSIFIED)
    assert (found.event_name, completed.event_name) == ("ai_classification", "ai_processing_completed")
    assert (found.key, completed.key) == (f"classified/{MESSAGE}", f"ended/{RUN}")


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"outcome": "abstained"}, "ai_processing_completed"),
        ({"outcome": "superseded"}, "ai_processing_completed"),
        ({"outcome": None, "last_error": "late"}, "ai_error"),
    ],
)
def test_end_of_run_without_finding_is_one_terminal_event(changes: dict[str, object], expected: str) -> None:
    [event] = events_of(an_ended_run(**changes), DRAFTED)
    assert event.event_name == expected
    assert event.key == f"ended/{RUN}"


def test_end_of_failed_run_without_reason_is_explained() -> None:
    [event] = events_of(an_ended_run(outcome=None), None)
    assert event.payload()["error"] == "The AI run failed"
    assert event.payload()["retryable"] is False
    assert event.payload()["code"] == "INTERNAL_ERROR"


def test_draft_goes_to_the_assignee_and_joined_staff() -> None:
    draft = finding_of(an_ended_run(kind="draft"), DRAFTED, at=MOMENT)
    assert isinstance(draft, AIDraft)
    assert draft.rooms() == (f"conversation:{CONVERSATION}:staff", f"agent:{AGENT}")
    assert draft.payload()["citations"] == []
    assert not {"reasoning", "assignedTo"} & draft.payload().keys()


def test_draft_of_unassigned_conversation_goes_to_joined_staff() -> None:
    draft = finding_of(an_ended_run(kind="draft"), DRAFTED | {"assigned_to": None}, at=MOMENT)
    assert draft.rooms() == (f"conversation:{CONVERSATION}:staff",)


@pytest.mark.parametrize("event", [event for event in EVENTS.values() if issubclass(event, Event)])
def test_recipients_follow_from_the_groups(event: type[Event]) -> None:
    assert event.recipients == {kind for group in event.to for kind in group.recipients}
    assert ("joined customer" in event.recipients) or not event.staff_only


def test_update_of_edited_message_has_its_new_content() -> None:
    update = MessageUpdated.of(ACCOUNT, replace(a_message(), content="Goodbye", revision=2))
    ids = {"conversationId": str(CONVERSATION), "messageId": str(MESSAGE)}
    assert update.payload() == ids | {"seq": 7, "revision": 2, "content": "Goodbye", "contentType": "text"}


def test_update_of_erased_message_has_no_content() -> None:
    update = MessageUpdated.of(ACCOUNT, replace(a_message(), content="", revision=2, erased=True))
    assert update.payload()["erased"] is True
    assert "content" not in update.payload()


def test_updates_are_ordered_by_revision_apart_from_messages() -> None:
    update = MessageUpdated.of(ACCOUNT, replace(a_message(), revision=2))
    assert update.order.seq == 2
    assert update.order.conversation_id != CONVERSATION


def test_update_of_private_message_goes_to_staff_rooms_only() -> None:
    [envelope] = MessageUpdated.of(ACCOUNT, replace(a_message(private=True), revision=2)).envelopes()
    assert envelope.rooms == (f"conversation:{CONVERSATION}:staff", f"account:{ACCOUNT}")
