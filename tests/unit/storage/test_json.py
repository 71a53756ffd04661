"""JSON of PostgreSQL is loaded as json.loads does."""

import json

import pytest

from hummdesk.storage.round_trip import load_json


@pytest.mark.parametrize(
    "text", [b"{}", b"[]", "{}", b'{"a": [1.5, null]}', b"[{}]", b"100000000000000000000", b'"{}"']
)
def test_json_is_loaded_as_by_the_standard_library(text: bytes | str) -> None:
    assert load_json(text) == json.loads(text)


@pytest.mark.parametrize("text", [b"{}", b"[]"])
def test_empty_values_are_not_shared(text: bytes) -> None:
    assert load_json(text) is not load_json(text)
