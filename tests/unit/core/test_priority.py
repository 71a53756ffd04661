"""The priority of processes, in child processes: only root could raise it again."""

import os
import subprocess
import sys

from hummdesk.core.priority import AUTOGROUP

SCRIPT = """
from hummdesk.core.priority import AUTOGROUP, lower
lower({nice})
print(os.getpriority(os.PRIO_PROCESS, 0), AUTOGROUP.read_text().split()[-1] if AUTOGROUP.exists() else "")
"""


def own() -> int:
    """The tests themselves may run at a lower priority than others."""
    return os.getpriority(os.PRIO_PROCESS, 0)


def after_lower(nice: int, *, leads_session: bool = True) -> list[str]:
    """Return the priority of a process and of its session after `lower`."""
    command = [sys.executable, "-c", "import os" + SCRIPT.format(nice=nice)]
    ended = subprocess.run(command, start_new_session=leads_session, capture_output=True, text=True, check=True)
    return ended.stdout.split()


def session_of_the_tests() -> list[str]:
    return AUTOGROUP.read_text().split()[-1:] if AUTOGROUP.exists() else []


def test_lower_to_a_higher_priority_changes_nothing() -> None:
    assert after_lower(own() - 1) == [str(own()), *(["0"] if AUTOGROUP.exists() else [])]


def test_lower_in_a_session_leader_lowers_its_session() -> None:
    lower = min(own() + 2, 19)
    assert after_lower(lower) == [str(lower)] * (2 if AUTOGROUP.exists() else 1)


def test_lower_in_another_process_leaves_its_session_alone() -> None:
    lower = min(own() + 2, 19)
    assert after_lower(lower, leads_session=False) == [str(lower), *session_of_the_tests()]
