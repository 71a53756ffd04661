"""Checks of the directory that stores attached files."""

import os
import shutil
from pathlib import Path

from hummdesk.core.config import Settings
from hummdesk.core.findings import Finding

MINIMUM_FREE_BYTES = 1 << 30
MINIMUM_FREE_SHARE = 0.05


def file_findings(settings: Settings) -> list[Finding]:
    """Check that the directory of FILE_STORE exists, can be written and has free space; a bucket is not checked."""
    if not settings.file_store or settings.file_store.startswith("s3://"):
        return []
    folder = Path(settings.file_store)
    try:
        disk = shutil.disk_usage(folder)
    except OSError as error:
        remedy = "create it, or mount it on this machine"
        return [Finding("FILE_STORE", f"{folder} cannot be used ({error.strerror})", remedy, is_error=True)]
    if not os.access(folder, os.W_OK | os.X_OK):
        remedy = "make the user of the processes its owner"
        return [Finding("FILE_STORE", f"{folder} cannot be written by this user", remedy, is_error=True)]
    if disk.free >= MINIMUM_FREE_BYTES and disk.free >= MINIMUM_FREE_SHARE * disk.total:
        return []
    problem = f"{folder} has {disk.free / (1 << 30):.1f} GiB free, {disk.free / disk.total:.0%} of its disk"
    return [Finding("FILE_STORE", problem, "free space, enlarge the disk, or lower FILE_QUOTA_BYTES")]
