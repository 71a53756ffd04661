"""The priority of processes, in child processes: only root could raise it again."""

import json
import os
import subprocess
import sys

SCRIPT = """
import json, os
from hummdesk.core.priority import AUTOGROUP, lower

def session():
    # The file is absent where the kernel has no groups, and empty where no process of the session called setsid.
    words = AUTOGROUP.read_text().split() if AUTOGROUP.exists() else []
    return int(words[-1]) if words else None

before = session()
lower({nice})
print(json.dumps([os.getpriority(os.PRIO_PROCESS, 0), before, session()]))
"""


def own() -> int:
    """The tests themselves may run at a lower priority than others."""
    return os.getpriority(os.PRIO_PROCESS, 0)


def after_lower(nice: int, *, leads_session: bool = True) -> tuple[int, int | None, int | None]:
    """Return the priority of a process after `lower`, and its session's before and after: None if it has none."""
    command = [sys.executable, "-c", SCRIPT.format(nice=nice)]
    ended = subprocess.run(command, start_new_session=leads_session, capture_output=True, text=True, check=True)
    process, before, after = json.loads(ended.stdout)
    return process, before, after


def test_lower_to_a_higher_priority_changes_nothing() -> None:
    process, before, after = after_lower(own() - 1)
    assert process == own()
    assert after == before


def test_lower_in_a_session_leader_lowers_its_session() -> None:
    lower = min(own() + 2, 19)
    process, before, after = after_lower(lower)
    assert process == lower
    assert after == (None if before is None else lower)


def test_lower_in_another_process_leaves_its_session_alone() -> None:
    lower = min(own() + 2, 19)
    process, before, after = after_lower(lower, leads_session=False)
    assert process == lower
    assert after == before
