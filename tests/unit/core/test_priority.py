"""The priority of processes, in child processes: only root could raise it again."""

import subprocess
import sys

import pytest

from hummdesk.core.priority import AUTOGROUP

SCRIPT = """
import os
from hummdesk.core.priority import AUTOGROUP, lower
os.nice({before})
lower({nice})
print(os.getpriority(os.PRIO_PROCESS, 0), AUTOGROUP.read_text().split()[-1] if AUTOGROUP.exists() else "")
"""


def after_lower(nice: int, *, before: int = 0, leads_session: bool = True) -> list[str]:
    """Return the priority of a process and of its session after `lower`."""
    command = [sys.executable, "-c", SCRIPT.format(nice=nice, before=before)]
    ended = subprocess.run(command, start_new_session=leads_session, capture_output=True, text=True, check=True)
    return ended.stdout.split()


@pytest.mark.parametrize(("before", "nice", "expected"), [(0, 7, "7"), (0, 0, "0"), (9, 7, "9")])
def test_lower_never_raises_the_priority(before: int, nice: int, expected: str) -> None:
    assert after_lower(nice, before=before)[0] == expected


def test_lower_in_a_session_leader_lowers_its_session() -> None:
    assert after_lower(7) == ["7", *(["7"] if AUTOGROUP.exists() else [])]


def test_lower_in_another_process_leaves_its_session_alone() -> None:
    session = AUTOGROUP.read_text().split()[-1:] if AUTOGROUP.exists() else []
    assert after_lower(7, leads_session=False) == ["7", *session]
