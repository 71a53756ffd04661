"""The schemas that are derived from the definitions of events."""

from typing import Annotated, Any, Literal, NotRequired, TypedDict

import pytest
from marshmallow import Schema

from hummdesk.contract.event_schemas import instance_of, nested_schema, schema_of
from hummdesk.contract.fields import json_schema
from hummdesk.contract.json_schema import shapes
from hummdesk.contract.table import EVENTS
from hummdesk.publish import events
from hummdesk.publish.events import SocketEvent
from hummdesk.publish.events.conversations import ConversationStatusChanged
from hummdesk.publish.events.messages import MessageRead
from hummdesk.publish.fields import Count, Id, Range, Share
from tests.unit.publish.examples import ACCOUNT, AGENT, CONVERSATION, MESSAGE

DERIVED = [event for event in events.EVENTS.values() if event.payload is SocketEvent.payload]


class Part(TypedDict):
    identifier: Id
    count: Count
    share: Share
    level: Annotated[int, Range(1, 3)]
    kind: Literal["a", "b"]
    words: list[str]
    note: NotRequired[str]


def test_derived_schema_has_the_kinds_and_bounds_of_the_types() -> None:
    found = {name: json_schema(field) for name, field in nested_schema(Part)().fields.items()}
    assert found == {
        "identifier": {"type": "string", "format": "uuid"},
        "count": {"type": "integer", "minimum": 0, "maximum": 2**53 - 1},
        "share": {"type": "number", "minimum": 0, "maximum": 1},
        "level": {"type": "integer", "minimum": 1, "maximum": 3},
        "kind": {"type": "string", "enum": ["a", "b"]},
        "words": {"type": "array", "items": {"type": "string"}},
        "note": {"type": "string"},
    }


def test_optional_field_is_not_required() -> None:
    schema = nested_schema(Part)()
    assert [name for name, field in schema.fields.items() if not field.required] == ["note"]


@pytest.mark.parametrize("event", DERIVED, ids=lambda event: event.event_name)
def test_events_with_one_schema_have_the_same_fields(event: type[SocketEvent]) -> None:
    schema = schema_of(event)()
    assert list(schema.fields) == [field.key for field in event.sent]
    assert [field.required for field in schema.fields.values()] == [field.is_required for field in event.sent]


def test_payload_of_event_matches_its_schema() -> None:
    read = MessageRead(
        account_id=ACCOUNT,
        conversation_id=CONVERSATION,
        message_id=MESSAGE,
        seq=7,
        read_by=AGENT,
        read_by_type="agent",
    )
    assert validate(instance_of(EVENTS["message_read"].schema), read.payload()) == {}
    assert validate(instance_of(EVENTS["message_read"].schema), read.payload() | {"seq": "7"}).keys() == {"seq"}


def validate(schema: Schema, payload: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = schema.validate(payload)
    return found


def test_staff_only_field_is_named_in_the_description() -> None:
    assert "`reason` is for staff only." in shapes()["StatusChange"]["description"]
    assert ConversationStatusChanged.staff_only == {"reason", "snoozedUntil"}


def test_contract_lists_every_event() -> None:
    assert list(EVENTS) == list(events.EVENTS)
