"""Codes of the errors with which AI runs end."""

import re

from hummdesk.contract.payloads import CODES
from hummdesk.core import run_errors
from hummdesk.core.run_errors import code_of
from hummdesk.storage.queries import SQL
from tasks.failures import FAILURES


def test_every_error_has_a_code_of_the_contract() -> None:
    texts = {failure.message for _, failure in FAILURES} | {"of another version"}
    assert {code_of(text) for text in texts} <= set(CODES)


def test_errors_that_another_request_may_overcome_are_unavailable() -> None:
    texts = {failure.message for _, failure in FAILURES if not failure.permanent} - {run_errors.UNEXPLAINED}
    assert {code_of(text) for text in texts} == {"UNAVAILABLE"}
    assert code_of(run_errors.GONE) == "CONFLICT"
    assert code_of(run_errors.REFUSED) == code_of(run_errors.UNEXPLAINED) == "INTERNAL_ERROR"


def test_errors_of_the_relay_have_a_code() -> None:
    written = re.findall(r"'(The AI [^']+)'", (SQL / "queries" / "run_dispatch.sql").read_text())
    assert set(written) == {run_errors.LATE, run_errors.STOPPED}
