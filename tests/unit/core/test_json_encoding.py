"""JSON of values that orjson refuses."""

import json
from datetime import UTC, datetime
from typing import Any

import orjson
import pytest

from hummdesk.core import json_encoding

AT = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


@pytest.mark.parametrize("indented", [False, True])
@pytest.mark.parametrize("value", [10**20, -(10**400), [10**20, "ä", None], {"number": 10**20, "at": 1.5}])
def test_integer_over_64_bits_is_encoded(value: Any, indented: bool) -> None:
    assert json.loads(json_encoding.encode(value, indented=indented)) == value


def test_other_values_are_encoded_alike_with_and_without_it() -> None:
    row = {"at": AT, "name": "ä"}
    assert json_encoding.encode(row) == b'{"at":"2026-01-02T03:04:05+00:00","name":"\xc3\xa4"}'
    assert json_encoding.encode([row, 10**20]) == b"[" + json_encoding.encode(row) + b",100000000000000000000]"


def test_part_that_is_encoded_already_is_not_changed_by_such_an_integer() -> None:
    row = {"at": AT, "name": "ä", "number": 10**20}
    part = orjson.Fragment(json_encoding.encode(row))
    assert json_encoding.encode([part, 1]) == b"[" + json_encoding.encode(row) + b",1]"
    assert json_encoding.encode([part, 10**20]) == b"[" + json_encoding.encode(row) + b",100000000000000000000]"


def test_half_of_a_surrogate_pair_is_replaced() -> None:
    assert json_encoding.encode("\ud800") == b'"?"'
