"""Files: uploads in progress, what they turned out to be, who may read them, and their deletion."""

import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal, Self
from uuid import UUID

from hummdesk.core.content_types import Sniffed, is_shown
from hummdesk.core.errors import Conflict, NotFound, PayloadTooLarge, RateLimited
from hummdesk.core.models import Person
from hummdesk.storage import accounts, audit, continuations
from hummdesk.storage.database import Transaction
from hummdesk.storage.queries import load

queries = load("files")

State = Literal["uploading", "scanning", "ready", "refused"]

KEY_BYTES = 32
SMALL_OBJECTS = 64
"""Requests that are cut may store so many objects of a file that are smaller than SMALL_BYTES."""
SMALL_BYTES = 16_384
CUSTOMERS_UNSENT = 0.25
"""The share of the quota that all customers of an account may use for files that are not sent."""
NOTHING_RECEIVED_HOURS = 1.0
"""An upload expires after this time if nothing of it was received."""
OPEN_SECONDS = 60.0
"""When a person with too many open uploads is to try again."""
UNSCANNABLE = "The virus scanner cannot scan this file, which can therefore not be sent"
SCANS = 4
SCAN_SECONDS = 600.0
"""Longest scan; then another relay takes the file."""
DELETIONS = 20
LONGEST_BACKOFF_SECONDS = 3600.0
AGAIN_SECONDS = 600.0
"""The objects of a file are deleted once more after this time: a process may have been storing one."""
EXPIRED = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class File:
    id: UUID
    conversation_id: UUID
    name: str
    size: int
    received: int
    chunks: list[str]
    state: State
    content_type: str | None
    width: int | None
    height: int | None
    link_key: bytes
    attached_at: datetime | None
    expires_at: datetime | None
    scan_error: str | None

    @classmethod
    def from_row(cls, row: dict[str, Any]) -> Self:
        return cls(**{name: row[name] for name in cls.__slots__})

    @property
    def is_whole(self) -> bool:
        return self.received == self.size

    @property
    def takes_more(self) -> bool:
        """Whether it may be stored in more objects: on average they have at least SMALL_BYTES, but for some."""
        return len(self.chunks) < SMALL_OBJECTS + self.size // SMALL_BYTES

    @property
    def is_image(self) -> bool:
        """Whether pages may show it."""
        return is_shown(self.content_type, self.width, self.height)


@dataclass(frozen=True, slots=True, kw_only=True)
class NewFile:
    id: UUID
    conversation_id: UUID
    name: str
    size: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Attached:
    """A file that was attached to a message which is about to be stored, and how it was before."""

    id: UUID
    name: str
    content_type: str
    size: int
    width: int | None
    height: int | None
    attached_at: datetime
    attached_before: datetime | None
    private_before: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Unscanned:
    account_id: UUID
    id: UUID
    chunks: list[str]
    scan_attempts: int
    """How many scans have ended without a result, although the scanner was there."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Deletion:
    """A deleted file whose objects are still to be deleted, or once more: `is_repeated`."""

    account_id: UUID
    file_id: UUID
    attempts: int
    is_repeated: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Usage:
    """The bytes of an account's files, with unfinished ones. A quota of 0 is none, None is the server's default."""

    bytes: int
    quota: int | None

    def wire(self, default: int) -> dict[str, Any]:
        return {"bytes": self.bytes, "quotaBytes": (default if self.quota is None else self.quota) or None}


async def usage(tx: Transaction) -> Usage:
    row = await queries.usage(tx)
    return Usage(bytes=0, quota=None) if row is None else Usage(**row)


async def set_quota(tx: Transaction, actor: Person | None, quota: int | None) -> None:
    """Set the account's own quota, for the operator. Files beyond it remain; nothing is written if it is the same."""
    account = await accounts.locked(tx)
    if (await usage(tx)).quota == quota:
        return
    await queries.set_quota(tx, quota=quota)
    await audit.record(tx, actor, "account.updated", account.account_id, {"fields": ["file_quota"]})


async def add(tx: Transaction, uploader: Person, file: NewFile, *, quota: int, most_open: int, hours: float) -> File:
    """Begin an upload. Raises NotFound, RateLimited with too many open uploads, and PayloadTooLarge over the quota.

    `quota` is the default for an account without its own; 0 is none.
    """
    reserved = await queries.reserve(tx, size=file.size, quota=quota)
    if reserved is None:
        raise PayloadTooLarge("The files of this account fill its quota: delete conversations, or ask for more space")
    counted = await queries.open_uploads(tx, uploader_id=uploader.id, most=most_open)
    if counted["open"] >= most_open:
        raise RateLimited(limit="open_uploads", retry_after=OPEN_SECONDS)
    quota = reserved["quota"]
    if quota and not uploader.is_staff:
        unsent = (await queries.unsent_of_customers(tx))["bytes"]
        if unsent + file.size > quota * CUSTOMERS_UNSENT:
            raise PayloadTooLarge("Customers have begun to upload too much that is not sent: try again later")
    key = secrets.token_bytes(KEY_BYTES)
    added = await queries.add(
        tx,
        id=file.id,
        conversation_id=file.conversation_id,
        uploader_id=uploader.id,
        uploader_type=uploader.sender_type,
        is_staff=uploader.is_staff,
        name=file.name,
        size=file.size,
        link_key=key,
        hours=min(hours, NOTHING_RECEIVED_HOURS),
    )
    if added is None:
        raise NotFound
    return await of_uploader(tx, uploader, file.id)


async def of_uploader(tx: Transaction, uploader: Person, file_id: UUID) -> File:
    """A file that this person has uploaded, or begun to. Raises NotFound."""
    row = await queries.of_uploader(tx, id=file_id, uploader_id=uploader.id, is_staff=uploader.is_staff)
    return _found(row)


async def readable(tx: Transaction, viewer: Person, file_id: UUID) -> File:
    """A file that this person may read. Raises NotFound."""
    return _found(await queries.readable(tx, id=file_id, viewer_id=viewer.id, is_staff=viewer.is_staff))


async def linked(tx: Transaction, file_id: UUID) -> File:
    """A file for the bearer of a link; the caller verifies its signature. Raises NotFound."""
    return _found(await queries.linked(tx, id=file_id))


def _found(row: dict[str, Any] | None) -> File:
    if row is None:
        raise NotFound("This file does not exist, or is not for you")
    return File.from_row(row)


async def append(tx: Transaction, file_id: UUID, *, start: int, size: int, chunk: str, hours: float) -> int:
    """Add a stored object; return the bytes that are stored. Raises Conflict if another request has added one."""
    row = await queries.append(tx, id=file_id, start=start, size=size, chunk=chunk, hours=hours)
    if row is None:
        raise Conflict("The upload was continued by another request, or cancelled")
    received: int = row["received"]
    return received


async def finish(tx: Transaction, file_id: UUID, found: Sniffed, *, scans: bool) -> None:
    """Record what a whole file is; repeating it changes nothing."""
    await queries.finish(
        tx,
        id=file_id,
        state="scanning" if scans else "ready",
        content_type=found.content_type,
        width=found.width,
        height=found.height,
    )


async def remove(tx: Transaction, file_id: UUID) -> None:
    """Delete a file. Raises Conflict if a message refers to it."""
    if await queries.remove(tx, id=file_id) is None:
        raise Conflict("A message refers to this file")


async def attach(
    tx: Transaction, uploaders: Sequence[Person], *, ids: Sequence[UUID], conversation_id: UUID, private: bool
) -> dict[UUID, Attached]:
    """Attach files of these persons to a message; return those that are ready, by id.

    The files of a repeated message may be in the conversation that continues its own, or did, see `move`.
    """
    conversation_ids = [conversation_id]
    for contact in (one for one in uploaders if not one.is_staff):
        conversation_ids += await continuations.reached(tx, contact=contact, conversation_id=conversation_id)
    rows = queries.attach(
        tx,
        ids=list(ids),
        conversation_ids=conversation_ids,
        uploader_ids=[one.id for one in uploaders],
        is_customer=any(not one.is_staff for one in uploaders),
        private=private,
    )
    return {row["id"]: Attached(**row) async for row in rows}


async def undo_attach(tx: Transaction, file: Attached, *, hours: float) -> None:
    """Restore a file as it was before a message that was not stored, unless another one refers to it since."""
    await queries.undo_attach(
        tx,
        id=file.id,
        attached_at=file.attached_at,
        attached_before=file.attached_before,
        private_before=file.private_before,
        hours=hours,
    )


async def move(tx: Transaction, ids: Sequence[UUID], conversation_id: UUID) -> None:
    """Move the files of a message that is stored in another conversation than the one it was sent to."""
    await queries.move(tx, ids=list(ids), conversation_id=conversation_id)


# For the relay --------------------------------------------------------------------------------------------------------


async def take_unscanned(tx: Transaction) -> list[Unscanned]:
    rows = queries.take_unscanned(tx, most=SCANS, lease_seconds=SCAN_SECONDS)
    return [Unscanned(**row) async for row in rows]


async def record_scan(
    tx: Transaction, file: Unscanned, *, state: State | None, error: str | None, attempts: int, retry_seconds: float
) -> None:
    """`state` None: the file was not scanned, for the reason `error`, and is scanned later."""
    await queries.scanned(
        tx,
        account_id=file.account_id,
        id=file.id,
        state=state,
        scan_error=error,
        attempts=attempts,
        retry_seconds=retry_seconds,
    )


async def remove_expired(tx: Transaction) -> int:
    """Delete files that were not finished or attached in time; return their number, at most EXPIRED."""
    number: int = await queries.remove_expired(tx, most=EXPIRED)
    return number


async def take_deletions(tx: Transaction) -> list[Deletion]:
    rows = queries.take_deletions(tx, most=DELETIONS, longest_seconds=LONGEST_BACKOFF_SECONDS)
    return [
        Deletion(
            account_id=row["account_id"],
            file_id=row["file_id"],
            attempts=row["attempts"],
            is_repeated=row["deleted_at"] is not None,
        )
        async for row in rows
    ]


async def record_deletion(tx: Transaction, deletion: Deletion) -> None:
    if deletion.is_repeated:
        await queries.forget(tx, account_id=deletion.account_id, file_id=deletion.file_id)
    else:
        await queries.deleted(tx, account_id=deletion.account_id, file_id=deletion.file_id, again_seconds=AGAIN_SECONDS)


async def undeleted(tx: Transaction, *, conversation_id: UUID) -> int:
    """The number of files of a conversation whose objects are not deleted yet."""
    row = await queries.undeleted_of_conversation(tx, conversation_id=conversation_id)
    number: int = row["n"]
    return number


async def undeleted_of_account(tx: Transaction, account_id: UUID) -> int:
    row = await queries.undeleted_of_account(tx, account_id=account_id)
    number: int = row["n"]
    return number
