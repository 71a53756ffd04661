"""Compiled schemas load every payload as marshmallow does: the same result, or the same errors."""

from collections.abc import Callable
from typing import Any
from uuid import uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st
from marshmallow import Schema, ValidationError, fields, post_load, validates

from hummdesk.contract import loading
from hummdesk.contract.event_schemas import instance_of
from hummdesk.contract.loading import loader
from hummdesk.contract.requests import SendMessage
from hummdesk.contract.table import REQUESTS

IDS = [str(uuid4()) for _ in range(2)]
ATTACHMENT = {"url": "https://example.com/a", "filename": "a.txt", "contentType": "text/plain", "size": 3}
VALUES: st.SearchStrategy[Any] = st.one_of(
    st.sampled_from([*IDS, "open", "online", "text", "html", "refund", "high", "Hello", " a ", "", "\x00", "\ud800"]),
    st.sampled_from(["<b>x</b>", "<script>", "x" * 10_001, "https://example.com", "2026-01-31T12:00:00Z"]),
    st.sampled_from([None, True, False, 0, 1, 5, -1, 2**63, 1.5, 1e300]),
    st.sampled_from([[], [ATTACHMENT], [ATTACHMENT | {"size": -1}], [1], ["a"] * 11, [IDS[0]]]),
    st.sampled_from([{}, {"a": 1}, {IDS[0]: 3}, {IDS[0]: -1}, {"x": 2}, {"a": "x" * 5000}, {"a": "\x00"}]),
)
names = sorted(REQUESTS)


def outcome(load: Callable[[Any], Any], payload: object) -> object:
    try:
        return load(payload)
    except ValidationError as error:
        return error.messages


@st.composite
def payloads(draw: st.DrawFn) -> tuple[Schema, object]:
    schema = instance_of(REQUESTS[draw(st.sampled_from(names))].schema)
    if draw(st.integers(0, 19)) == 0:
        return schema, draw(VALUES)
    present = draw(st.lists(st.sampled_from([*schema.load_fields, "unknown"]), unique=True))
    required = [name for name, field in schema.load_fields.items() if field.required]
    return schema, {name: draw(VALUES) for name in [*required, *present]}


@given(payloads())
def test_payload_is_loaded_as_by_marshmallow(chosen: tuple[Schema, object]) -> None:
    schema, payload = chosen
    assert outcome(loader(schema), payload) == outcome(schema.load, payload)


@pytest.mark.parametrize(
    "payload",
    [
        {"conversationId": IDS[0], "content": " Hello "},
        {"conversationId": IDS[0], "content": "<b>x</b><script>y</script>", "contentType": "html"},
        {"conversationId": IDS[0], "content": "a", "attachments": [ATTACHMENT], "metadata": {"a": 1}, "basedOnSeq": 3},
    ],
)
def test_valid_message_is_loaded_without_marshmallow(payload: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    schema = SendMessage()
    expected = schema.load(payload)
    load = loader(schema)
    monkeypatch.setattr(schema, "load", pytest.fail)
    assert load(payload) == expected


def test_defaults_are_not_shared_between_payloads() -> None:
    load = loader(SendMessage())
    first, second = (load({"conversationId": IDS[0], "content": "a"}) for _ in range(2))
    first["metadata"]["a"] = 1
    assert second["metadata"] == {}


def test_all_schemas_of_requests_are_compiled() -> None:
    assert all(loading._can_compile(instance_of(request.schema)) for request in REQUESTS.values())


def test_schema_with_other_features_is_left_to_marshmallow() -> None:
    class Named(Schema):
        value = fields.Integer(data_key="number")

    class Checked(Schema):
        value = fields.Integer()

        @validates("value")
        def _check(self, value: int, **_: Any) -> None:
            if value > 1:
                raise ValidationError("Too large.")

    class WithOriginal(Schema):
        value = fields.Integer()

        @post_load(pass_original=True)
        def _keep(self, data: dict[str, Any], original: dict[str, Any], **_: Any) -> dict[str, Any]:
            return data | {"original": original}

    for schema, payload in ((Named(), {"number": 1}), (Checked(), {"value": 2}), (WithOriginal(), {"value": "1"})):
        assert outcome(loader(schema), payload) == outcome(schema.load, payload)
