"""Checks of schemathesis that know rules of the contract which JSON Schema cannot express."""

from http import HTTPStatus
from typing import Any

import schemathesis
from schemathesis.specs.openapi.checks import negative_data_rejection


@schemathesis.check
def invalid_data_rejection(context: Any, response: Any, case: Any) -> bool | None:
    """`negative_data_rejection`, which does not know two rules.

    Texts are measured without white space at their ends, and an address that is too long for HTTP is refused with 413.
    """
    if response.status_code == HTTPStatus.REQUEST_ENTITY_TOO_LARGE or _is_padded(case.body):
        return None
    return negative_data_rejection(context, response, case)


def _is_padded(value: Any) -> bool:
    """Whether any text in the value has white space at one of its ends."""
    if isinstance(value, str):
        return value != value.strip()
    if isinstance(value, dict):
        return any(map(_is_padded, value.values()))
    return isinstance(value, list) and any(map(_is_padded, value))
