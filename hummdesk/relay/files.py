"""Files: scan those that wait for it, delete those that nobody attached, and delete the objects of deleted ones.

Any number of relays may do this: what one has taken is due again after a time, so that a killed relay loses nothing.
"""

import asyncio
import logging

from hummdesk.core.errors import Unavailable
from hummdesk.core.metrics import RETENTION_ERASED
from hummdesk.core.periodic import AT_ONCE_SECONDS
from hummdesk.relay.antivirus import ScanFailed, Scanner, Undecided
from hummdesk.storage import files
from hummdesk.storage.database import Database
from hummdesk.storage.file_store import FileStore
from hummdesk.storage.files import DELETIONS, EXPIRED, SCANS, UNSCANNABLE, Deletion, State, Unscanned

log = logging.getLogger(__name__)

DELETE_SECONDS = 2.0
EXPIRE_SECONDS = 60.0
RETRY_SECONDS = 15.0
"""Until a file is scanned again after the scanner was away."""
LONGEST_RETRY_SECONDS = 3600.0
MOST_UNDECIDED = 7
"""Scans without a result, within about two hours, after which a file is refused: each reads all of it."""


class FileKeeper:
    """`all_accounts` has the role of the relay, `erasing` that of the eraser."""

    def __init__(self, all_accounts: Database, erasing: Database, store: FileStore, scanner: Scanner) -> None:
        self._all_accounts = all_accounts
        self._erasing = erasing
        self._store = store
        self._scanner = scanner

    async def scan_due(self) -> float | None:
        """Scan the next files, several at a time. Return 0 if there may be more."""
        if not (self._store.is_on and self._scanner.is_on):
            return None
        due = await files.take_unscanned(self._all_accounts.shared())
        await asyncio.gather(*(self._scan(file) for file in due))
        return AT_ONCE_SECONDS if len(due) == SCANS else None

    async def delete_expired(self) -> float | None:
        async with self._erasing.all_accounts() as tx:
            number = await files.remove_expired(tx)
        RETENTION_ERASED.labels("file").inc(number)
        return AT_ONCE_SECONDS if number == EXPIRED else None

    async def delete_objects(self) -> float | None:
        """Delete the objects of deleted files. What fails is due again later, with a growing delay."""
        if not self._store.is_on:
            return None
        due = await files.take_deletions(self._erasing.autocommit_all())
        for deletion in due:
            await self._delete(deletion)
        return AT_ONCE_SECONDS if len(due) == DELETIONS else None

    async def _scan(self, file: Unscanned) -> None:
        state: State | None = None
        error: str | None = None
        attempts, retry_seconds = file.scan_attempts, RETRY_SECONDS
        try:
            found = await self._scanner.scan(self._store.read(file.account_id, file.id, file.chunks))
        except (ScanFailed, Unavailable) as fault:
            error = str(fault) or type(fault).__name__
            log.warning("file.not_scanned", extra={"file_id": str(file.id), "error": error, "attempts": attempts})
            if isinstance(fault, Undecided):
                retry_seconds = min(RETRY_SECONDS * 4**attempts, LONGEST_RETRY_SECONDS)
                attempts += 1
                if attempts >= MOST_UNDECIDED:
                    state, error = "refused", UNSCANNABLE
        else:
            state, error = ("ready", None) if found is None else ("refused", found)
            if found is not None:
                log.warning("file.refused", extra={"file_id": str(file.id), "found": found})
        async with self._all_accounts.all_accounts() as tx:
            await files.record_scan(tx, file, state=state, error=error, attempts=attempts, retry_seconds=retry_seconds)

    async def _delete(self, deletion: Deletion) -> None:
        try:
            await self._store.delete(deletion.account_id, deletion.file_id)
        except Unavailable:
            log.warning("file.not_deleted", extra={"file_id": str(deletion.file_id), "attempts": deletion.attempts})
            return
        async with self._erasing.all_accounts() as tx:
            await files.record_deletion(tx, deletion)
