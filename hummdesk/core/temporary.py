"""Directories in the temporary folder, none of which outlives its process for long.

Their names hold the pid of the process that made them, so that the next one to start removes those of killed processes.
"""

import os
import re
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path


def make(purpose: str) -> Path:
    """Make a new directory, for this user only; the caller removes it at the end."""
    remove_abandoned()
    return Path(tempfile.mkdtemp(prefix=f"{_prefix()}p{os.getpid()}-{purpose}-"))


@contextmanager
def directory(purpose: str) -> Iterator[Path]:
    """Make a new directory, for this user only, and remove it at the end."""
    path = make(purpose)
    try:
        yield path
    finally:
        shutil.rmtree(path, ignore_errors=True)


def remove_abandoned() -> None:
    """Remove the directories of this user whose process is dead."""
    for path in Path(tempfile.gettempdir()).glob(f"{_prefix()}p*"):
        maker = re.match(r"p(\d+)-", path.name.removeprefix(_prefix()))
        if maker and not _is_alive(int(maker[1])) and _is_own(path):
            shutil.rmtree(path, ignore_errors=True)


def _prefix() -> str:
    return f"hummdesk-{os.geteuid()}-"


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except PermissionError:
        return True
    except (ProcessLookupError, OverflowError):
        return False
    return True


def _is_own(path: Path) -> bool:
    with suppress(OSError):
        return path.lstat().st_uid == os.geteuid()
    return False
