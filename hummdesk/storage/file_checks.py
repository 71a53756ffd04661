"""Checks of the directory or bucket that stores attached files."""

import asyncio
import os
import shutil
from pathlib import Path

from hummdesk.core.config import Settings
from hummdesk.core.findings import Finding
from hummdesk.storage.s3_checks import bucket_findings

MINIMUM_FREE_BYTES = 1 << 30
MINIMUM_FREE_SHARE = 0.05


async def file_findings(settings: Settings) -> list[Finding]:
    """Check that files can be stored where FILE_STORE says."""
    if not settings.file_store:
        return []
    if settings.file_store.startswith("s3://"):
        return await bucket_findings(settings)
    return await asyncio.to_thread(_directory_findings, settings)


def _directory_findings(settings: Settings) -> list[Finding]:
    """Check that the directory exists, can be written and has free space. Blocks."""
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
