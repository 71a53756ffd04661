"""The order of the tests, and their distribution to the test processes.

Fault tests run first, in one process beside the others, which takes long but mostly waits. Exclusive tests run last, so
that no test waits for them.
"""

from collections.abc import Iterable
from itertools import groupby
from pathlib import PurePath

import pytest
from xdist.scheduler import LoadFileScheduling

FAULTS = "tests/system/chaos/"
TOGETHER = (FAULTS, "tests/system/browser/")
"""Folders whose tests share a running installation, and so run in one process. The fault tests also break it."""

LEVELS = ("system", "integration", "unit")
"""In order of execution: slowest first, so that no test process ends with a long file."""


def is_exclusive(item: pytest.Item) -> bool:
    """Whether the test is marked `alone`: it measures time or loads the machine."""
    return item.get_closest_marker("alone") is not None


def order(item: pytest.Item) -> tuple[bool, bool, int]:
    """Return the key by which the tests are sorted."""
    level = next((place for place, level in enumerate(LEVELS) if level in PurePath(item.nodeid).parts), 0)
    return is_exclusive(item), not item.nodeid.startswith(FAULTS), level


def units(nodeids: Iterable[str]) -> dict[str, str]:
    """Return for each test the unit that one process runs: neighbours of the same file, or of a folder in TOGETHER.

    The exclusive tests of a file are no neighbours of the others, and so are a unit of their own at the end.
    """
    return {
        nodeid: f"{place} {group}"
        for place, (group, neighbours) in enumerate(groupby(nodeids, key=_file_or_folder))
        for nodeid in neighbours
    }


def _file_or_folder(nodeid: str) -> str:
    return next((folder for folder in TOGETHER if nodeid.startswith(folder)), nodeid.partition("::")[0])


class Scheduling(LoadFileScheduling):  # type: ignore[misc]
    """Gives each test process a unit, in the order of the collection."""

    def schedule(self) -> None:
        if self.collection is None:
            self._units = units(next(iter(self.registered_collections.values())))
        super().schedule()

    def _split_scope(self, nodeid: str) -> str:
        return self._units[nodeid]
