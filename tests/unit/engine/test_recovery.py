"""The parts of connection state recovery on the wire."""

from typing import Any

import pytest

from hummdesk.engine.recovery import PrivateIds, parse_recovery_request

ENVIRON: dict[str, Any] = {"QUERY_STRING": ""}


def test_auth_with_pid_and_offset_is_a_recovery_request() -> None:
    auth = {"token": "t", "pid": "p", "offset": "o"}
    request = parse_recovery_request(auth, ENVIRON)
    assert request is not None
    assert (request.pid, request.offset, request.auth, request.environ) == ("p", "o", auth, ENVIRON)


@pytest.mark.parametrize(
    "auth",
    [
        None,
        {},
        [],
        "pid",
        {"pid": "p"},
        {"offset": "o"},
        {"pid": 1, "offset": "o"},
        {"pid": "p", "offset": None},
        {"pid": ["p"], "offset": "o"},
        {"pid": "\ud800", "offset": "o"},
        {"pid": "ä", "offset": "o"},
    ],
)
def test_other_auth_is_no_recovery_request(auth: Any) -> None:
    assert parse_recovery_request(auth, ENVIRON) is None


def test_private_ids_are_stable_distinct_and_depend_on_the_process() -> None:
    ids = PrivateIds()
    assert ids.get("a") == ids.get("a") != ids.get("b")
    assert ids.get("a") != PrivateIds().get("a")
    assert len(ids.get("a")) == 24


def test_recovered_private_id_is_kept_until_discarded() -> None:
    ids = PrivateIds()
    derived = ids.get("a")
    ids.set_recovered("a", "previous")
    assert ids.get("a") == "previous"
    ids.discard("a")
    ids.discard("a")
    assert ids.get("a") == derived
