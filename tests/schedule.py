"""The order of the tests, and their distribution to the test processes.

Fault tests run first, in one process beside the others, which takes long but mostly waits.
"""

from pathlib import PurePath

import pytest
from xdist.scheduler import LoadFileScheduling

FAULTS = "tests/system/chaos/"
TOGETHER = (FAULTS, "tests/system/browser/")
"""Folders whose tests share a running installation, and so run in one process. The fault tests also break it."""

LEVELS = ("system", "integration", "unit")
"""In order of execution: slowest first, so that no test process ends with a long file."""


def order(item: pytest.Item) -> tuple[bool, int]:
    """Return the key by which the tests are sorted."""
    level = next((place for place, level in enumerate(LEVELS) if level in PurePath(item.nodeid).parts), 0)
    return not item.nodeid.startswith(FAULTS), level


def unit(nodeid: str) -> str:
    """Return what one process runs as a whole: a file, or a folder in TOGETHER."""
    return next((folder for folder in TOGETHER if nodeid.startswith(folder)), nodeid.partition("::")[0])


class Scheduling(LoadFileScheduling):  # type: ignore[misc]
    """Gives each test process a unit, in the order of the collection."""

    def _split_scope(self, nodeid: str) -> str:
        return unit(nodeid)
