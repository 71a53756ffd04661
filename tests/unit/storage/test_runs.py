"""Rows of the database as runs, and results of attempts as rows of the JSON recordset."""

import json
import math
import time
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from hummdesk.core.ids import new_id
from hummdesk.storage.runs import AttemptResult, ClaimedRun

MESSAGE = {
    "id": UUID(int=3),
    "conversation_id": UUID(int=4),
    "seq": 7,
    "sender_id": UUID(int=5),
    "sender_type": "customer",
    "sender_name": "Maya",
    "content": "Where is my parcel?",
    "content_type": "text",
    "attachments": [],
    "metadata": {},
    "private": False,
    "client_message_id": None,
    "mentions": None,
    "created_at": datetime(2026, 1, 1, tzinfo=UTC),
    "revision": 0,
    "erased": False,
    "withdrawn": False,
}


def row(**changes: Any) -> dict[str, Any]:
    """A row of the query `claim`."""
    return {
        "account_id": UUID(int=1),
        "id": UUID(int=2),
        "kind": "draft",
        "attempts": 2,
        "started_at": datetime(2026, 1, 1, tzinfo=UTC),
        "seconds_left": 10.0,
        "provider": None,
        "daily_tokens": None,
        "daily_dollars": None,
        "min_confidence": None,
        "categories_version": None,
        "is_automatic": False,
        "assigned_to": None,
        "has_newer_message": False,
        "history": [{"sender": "agent", "content": "second"}, {"sender": "customer", "content": "first"}],
        **{f"message_{name}": value for name, value in MESSAGE.items()},
    } | changes


def test_claimed_run_from_row_has_its_message_and_its_history_oldest_first() -> None:
    run = ClaimedRun.from_row(row())
    assert run.key == (UUID(int=1), UUID(int=2))
    assert (run.message.seq, run.message.content) == (7, "Where is my parcel?")
    assert [earlier.content for earlier in run.history] == ["first", "second"]


def test_claimed_run_from_row_turns_the_seconds_left_into_a_deadline() -> None:
    before = time.monotonic()
    run = ClaimedRun.from_row(row())
    assert before + 10 <= run.deadline <= time.monotonic() + 10


def test_claimed_run_from_row_without_deadline_has_no_limit() -> None:
    assert ClaimedRun.from_row(row(seconds_left=None)).deadline == math.inf


def test_record_of_a_done_attempt_is_json_with_its_attempt_and_payload() -> None:
    run = ClaimedRun.from_row(row())
    result = AttemptResult(run=run, status="done", outcome="done", payload={"draft": "é"}, priority="high")
    record = json.loads(json.dumps(result.record()))
    assert (record["account_id"], record["run_id"], record["attempt"]) == (str(run.account_id), str(run.id), 2)
    assert (record["status"], record["outcome"], record["payload"]) == ("done", "done", {"draft": "é"})
    assert (record["error"], record["delay"], record["priority"]) == (None, 0.0, "high")


def test_record_has_new_ids_each_time() -> None:
    result = AttemptResult(run=ClaimedRun.from_row(row(id=new_id())), status="pending", error="503", delay_seconds=1.5)
    first, second = result.record(), result.record()
    assert len({first["event_id"], first["draft_id"], second["event_id"], second["draft_id"]}) == 4
    assert first["delay"] == 1.5
