"""Translation of failures of model APIs."""

import time
from email.utils import formatdate

import pytest

from hummdesk.ai.external.client import retry_after, status_error
from hummdesk.ai.protocol import ProviderRefused


@pytest.mark.parametrize(
    ("status", "codes", "code", "is_transient"),
    [
        (429, ["rate_limit_error"], "rate_limited", True),
        (429, ["insufficient_quota"], "spent", False),
        (429, ["contract_spend_limit_reached"], "spent", False),
        (402, [], "spent", False),
        (408, [], "timeout", True),
        (409, [], "server_error", True),
        (529, [], "overloaded", True),
        (503, [], "server_error", True),
        (401, [], "unauthorized", False),
        (403, [], "forbidden", False),
        (404, [], "bad_request", False),
    ],
)
def test_status_maps_to_code_and_kind_of_failure(status: int, codes: list[str], code: str, is_transient: bool) -> None:
    error = status_error(status, codes, {})
    assert error.code == code
    assert isinstance(error, ProviderRefused) is not is_transient


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"retry-after": "7"}, 7.0),
        ({"retry-after-ms": "1500", "retry-after": "7"}, 1.5),
        ({"retry-after": "-3"}, 0.0),
        ({"retry-after": "Fri, 31 Dec 1999 23:59:59 GMT"}, 0.0),
        ({"retry-after": "soon"}, None),
        ({}, None),
    ],
)
def test_retry_after_reads_every_format(headers: dict[str, str], seconds: float | None) -> None:
    assert retry_after(headers) == seconds


def test_retry_after_with_future_date_returns_the_difference() -> None:
    before = time.time()
    found = retry_after({"retry-after": formatdate(before + 60, usegmt=True)})
    assert found is not None
    assert 59 - (time.time() - before) <= found <= 60
