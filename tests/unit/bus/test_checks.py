"""What the checks conclude from Redis's INFO."""

import time

import pytest

from hummdesk.bus.checks import _server_findings

NOW = time.time_ns() // 1000
SOUND = {"redis_version": "7.4.0", "maxmemory": "1073741824", "maxmemory_policy": "noeviction", "aof_enabled": "1"}


def found(**info: str) -> list[tuple[str, str]]:
    asked = {"asked_time_usec": str(NOW)}
    findings = _server_findings("REDIS_URL", "redis:6379", SOUND | asked | info)
    return [(finding.severity, str(finding)) for finding in findings]


def test_sound_server_has_no_finding() -> None:
    assert found(server_time_usec=str(NOW), aof_last_write_status="ok") == []


def test_old_server_is_an_error() -> None:
    assert found(redis_version="6.0.16") == [
        ("error", "REDIS_URL: redis:6379 is Redis 6.0.16; install 6.2 or later"),
    ]


@pytest.mark.parametrize("status", ["aof_last_write_status", "aof_last_bgrewrite_status"])
def test_server_that_cannot_write_its_append_only_file_is_an_error(status: str) -> None:
    assert found(**{status: "err"}) == [
        ("error", "REDIS_URL: redis:6379 cannot write its append-only file; free space on its disk, and see its log")
    ]


def test_clock_behind_this_machine_is_a_warning() -> None:
    [(severity, text)] = found(server_time_usec=str(NOW - 3_600_000_000))
    assert severity == "warning"
    assert text == (
        "The clocks: that of redis:6379 is 3600.0 s behind this machine's; "
        "synchronize the clocks of all machines by NTP"
    )
