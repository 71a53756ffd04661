"""Temporary files in memory: on a disk, those of the databases alone take a fifth of the CPU time of all tests."""

import os
import shutil
import tempfile
from contextlib import suppress
from pathlib import Path

PLACE = Path("/dev/shm")
LEAST_BYTES = 8 << 30
"""Free there; the tests use about 2 GiB. Containers have 64 MiB."""


def temporary_folder() -> str:
    """Return the folder for the temporary files of this process, and of those that it starts.

    The tests run programs in it, which not every machine allows in memory.
    """
    with suppress(OSError):
        has_capacity = shutil.disk_usage(PLACE).free >= LEAST_BYTES
        can_execute = not os.statvfs(PLACE).f_flag & os.ST_NOEXEC
        if "TMPDIR" not in os.environ and has_capacity and can_execute and os.access(PLACE, os.W_OK):
            tempfile.tempdir = str(PLACE)
    return tempfile.gettempdir()
