"""Log lines."""

import json
import logging

import pytest
import structlog

from hummdesk.core import logs
from hummdesk.core.config import Settings


def test_log_line_is_json_without_the_text_of_an_exception(
    capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    root = logging.getLogger()
    before = (root.handlers[:], root.level)
    try:
        logs.configure(Settings(log_level="INFO"), process="web")
        with structlog.contextvars.bound_contextvars(request_id="r-1"):
            try:
                raise ValueError("what the customer wrote")
            except ValueError:
                logging.getLogger("hummdesk").exception("a request failed")
        line = json.loads(capsys.readouterr().err.splitlines()[-1])
    finally:
        root.handlers[:], root.level = before
        structlog.reset_defaults()
        structlog.contextvars.clear_contextvars()
    assert (line["event"], line["request_id"], line["process"], line["exception"]) == (
        "a request failed",
        "r-1",
        "web",
        "ValueError",
    )
    assert "what the customer wrote" not in str(line)
    assert line["stack"][-1].endswith("test_log_line_is_json_without_the_text_of_an_exception")
