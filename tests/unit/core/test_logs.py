"""Log lines."""

import json
import logging

import pytest
import structlog

from hummdesk.core import logs
from hummdesk.core.config import Settings


def test_log_line_is_json_with_the_fields_of_its_request_without_the_text_of_an_exception(
    capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    root = logging.getLogger()
    before = (root.handlers[:], root.level)
    try:
        logs.configure(Settings(log_level="INFO"), process="web")
        with logs.RequestFields(event_name="join_conversation"):
            logging.getLogger("hummdesk").info("an earlier line")
            try:
                raise ValueError("what the customer wrote")
            except ValueError:
                logging.getLogger("hummdesk").exception("a request failed")
        logging.getLogger("hummdesk").info("a later line")
        earlier, line, later = map(json.loads, capsys.readouterr().err.splitlines()[-3:])
    finally:
        root.handlers[:], root.level = before
        structlog.reset_defaults()
        structlog.contextvars.clear_contextvars()
    assert (line["event"], line["event_name"], line["process"], line["exception"]) == (
        "a request failed",
        "join_conversation",
        "web",
        "ValueError",
    )
    assert line["request_id"] == earlier["request_id"]
    assert later.keys() & {"request_id", "event_name"} == set()
    assert "what the customer wrote" not in str(line)
    assert line["stack"][-1].endswith(
        "test_log_line_is_json_with_the_fields_of_its_request_without_the_text_of_an_exception"
    )
