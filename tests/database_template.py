"""An initialised and migrated PostgreSQL, made once for all test processes. The clusters of the tests are copies."""

import fcntl
import os
import shutil
import subprocess
from pathlib import Path

from hummdesk.core import temporary
from hummdesk.dev import directories, postgres

VARIABLE = "HUMMDESK_TESTS_SHARED"
"""Names the directory that a test process shares with the one that has started it."""

IS_OWNER = VARIABLE not in os.environ
SHARED = Path(os.environ.get(VARIABLE) or temporary.make("shared"))
os.environ[VARIABLE] = str(SHARED)


def remove_shared() -> None:
    """Remove the shared directory at the end of the process that has made it."""
    if IS_OWNER:
        shutil.rmtree(SHARED, ignore_errors=True)


async def prepare(folder: Path) -> postgres.Cluster:
    """Return a cluster in this folder with the roles of HummDesk, and its tables in the database `postgres.NAME`."""
    template = await _template()
    place = directories.database_place(folder, directories.server_user())
    subprocess.run(("cp", "-a", template.data, place), check=True)
    return await postgres.prepare(folder)


async def _template() -> postgres.Cluster:
    """Return the template, which is stopped. Another process waits until it is complete, or makes it if that died."""
    folder, made = SHARED / "template", SHARED / "template-made"
    SHARED.chmod(0o711)  # the user of PostgreSQL must be able to enter it
    with (SHARED / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not made.exists():
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir(mode=0o711)
            await _make(folder)
            made.touch()
    return await postgres.prepare(folder)


async def _make(folder: Path) -> None:
    from hummdesk.storage.migrations import migrate

    cluster = await postgres.prepare(folder)
    process = await postgres.start(cluster, folder, durable=False)
    await migrate(cluster.url())
    await process.stop()
