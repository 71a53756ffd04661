"""The generated contract equals what is checked in, and the schemas are strict."""

import json
from typing import Any

import pytest
from click.testing import CliRunner
from marshmallow import Schema

from docs.generate import MODULES, ROOT
from hummdesk.cli import main
from hummdesk.contract.event_schemas import instance_of
from hummdesk.contract.table import EVENTS, REQUESTS

UUID = "01890a5d-ac96-774b-bcce-b302099a8057"
MAPS = ("ServerToClientEvents", "ClientToServerEvents")


def printed(form: str) -> str:
    done = CliRunner().invoke(main, ["contract", form])
    assert done.exit_code == 0, done.output
    return done.output


@pytest.mark.parametrize("file", MODULES)
def test_module_of_client_is_current(file: str) -> None:
    assert (ROOT / file).read_text() == MODULES[file](), "run: python -m docs.generate"


def test_printed_types_are_those_of_the_client() -> None:
    assert (ROOT / "web/client/src/contract.ts").read_text() == printed("--typescript")


def test_types_and_document_contain_every_event_and_request() -> None:
    types, document = printed("--typescript"), json.loads(printed("--asyncapi"))
    sent, asked = (types.split(f"interface {name} ")[1].split("\n}")[0] for name in MAPS)
    assert all(f"  {name}: (" in sent for name in EVENTS)
    assert all(f"  {name}: (" in asked for name in REQUESTS)
    assert set(document["operations"]) == set(REQUESTS) | {f"on_{name}" for name in EVENTS}


def test_contract_command_without_format_exits_with_usage_error() -> None:
    done = CliRunner().invoke(main, ["contract"])
    assert done.exit_code == 2
    assert "--typescript, --asyncapi, --openapi" in done.output


DESCRIBED = [*(event.schema for event in EVENTS.values()), *(request.answer for request in REQUESTS.values())]


@pytest.mark.parametrize("schema", [instance_of(one) for one in DESCRIBED])
def test_schema_requires_every_required_field_and_refuses_others(schema: Schema) -> None:
    """The integration tests check every received payload against these schemas."""
    missing: Any = schema.validate({})
    assert set(missing) == {name for name, field in schema.fields.items() if field.required}
    assert "surplus" in schema.validate({"surplus": 1})


@pytest.mark.parametrize(
    ("event", "fields"),
    [
        ("authenticated", {"role": "owner"}),
        ("authenticated", {"userId": 7}),
        ("message_sent", {"seq": "1"}),
        ("message_sent", {"timestamp": "2026-01-31T12:00:00Z"}),
        ("ai_classification", {"confidence": 1.5}),
        ("ai_classification", {"classification": {"priority": "other"}}),
        ("ai_classification", {"classification": {"category": 7}}),
        ("error", {"details": []}),
        ("disconnect_reason", {"reconnect": 1}),
        ("new_message", {"attachments": [{"size": "1"}]}),
        ("new_message", {"content": None}),
    ],
)
def test_schema_refuses_values_of_other_kinds(event: str, fields: dict[str, Any]) -> None:
    faults: Any = instance_of(EVENTS[event].schema).validate(fields, partial=True)
    assert set(faults) == set(fields)


def test_answer_to_sync_is_messages_or_resync_required() -> None:
    schema = instance_of(REQUESTS["sync"].answer)
    whole: dict[str, Any] = {"messages": [], "lastSeq": 1, "revision": 0}
    for part, is_right in ((whole, True), ({"resyncRequired": True, "lastSeq": 1}, True), ({"lastSeq": 1}, False)):
        assert (schema.validate({"conversations": {UUID: part}}) == {}) is is_right
