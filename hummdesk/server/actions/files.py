"""Files: begin an upload, store what arrives, find out what it is, attach it to a message, sign addresses to read it.

The bytes are never held as a whole: a request stores objects of at most CHUNK_BYTES, each of which is committed, so
that an upload that was cut continues behind the last one.
"""

import hashlib
import hmac
import logging
import re
import time
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from secrets import token_hex
from typing import Any, Literal
from urllib.parse import urlencode
from uuid import UUID

from hummdesk.contract.fields import FILE_PATH
from hummdesk.core import thumbnails
from hummdesk.core.content_types import HEAD_BYTES, is_shown, sniff
from hummdesk.core.errors import Conflict, Forbidden, HummDeskError, Invalid, NotFound, PayloadTooLarge, Unavailable
from hummdesk.core.ids import new_id
from hummdesk.core.models import ANSWERING, Person
from hummdesk.server.context import Payload, ServerContext
from hummdesk.storage import files
from hummdesk.storage.database import Transaction
from hummdesk.storage.file_store import FilesOff
from hummdesk.storage.files import Attached, File, NewFile

log = logging.getLogger(__name__)

MAX_NAME = 255
THUMBNAIL = f"thumbnail-{thumbnails.SIDE}"
"""The object of a thumbnail; an empty one records that the image cannot be scaled."""
EXPIRED_LINK = "This address has expired: open the file again"
PENDING_SCAN = "The virus scanner has not answered yet; the file is scanned as soon as it does"
BEING_SCANNED = "The file is being scanned for viruses"
REFUSED = "The virus scanner has found something in this file, which can therefore not be sent: "

_UNPRINTABLE = re.compile(r"[\x00-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069]")
"""Control characters, and those that reverse the direction of a text, with which `exe.gpj` is shown as `jpg.exe`."""


async def begin(context: ServerContext, uploader: Person, *, conversation_id: UUID, name: str, size: int) -> File:
    """Begin an upload to a conversation. Raises Forbidden, Invalid, NotFound, PayloadTooLarge and RateLimited."""
    settings = context.settings
    if not context.file_store.is_on:
        raise FilesOff
    if uploader.role not in ANSWERING | {"customer"}:
        raise Forbidden
    if size < 1:
        raise Invalid("The file is empty")
    if size > settings.max_file_bytes:
        raise PayloadTooLarge(
            f"The file has {size:,} bytes; at most {settings.max_file_bytes:,} are allowed",
            details={"bytes": size, "maxBytes": settings.max_file_bytes},
        )
    new = NewFile(id=new_id(), conversation_id=conversation_id, name=clean_name(name), size=size)
    await context.rate_limits.require_upload(uploader)
    await context.file_store.mark()
    async with context.database.account(uploader.account_id) as tx:
        return await files.add(
            tx,
            uploader,
            new,
            quota=settings.file_quota_bytes,
            most_open=settings.max_open_uploads_per_person,
            hours=settings.upload_hours,
        )


def clean_name(name: str) -> str:
    """A name without folders and invisible characters. Raises Invalid for one that is too long."""
    cleaned = _UNPRINTABLE.sub("", re.split(r"[/\\]", name)[-1]).strip()
    if len(cleaned) > MAX_NAME:
        raise Invalid(f"The name of the file has more than {MAX_NAME} characters: shorten it")
    return cleaned if cleaned.strip(".") else "file"


async def store(context: ServerContext, uploader: Person, file_id: UUID, *, start: int, content: bytes) -> int:
    """Store and commit what follows the first `start` bytes; return how many are stored. Raises Conflict."""
    chunk = f"{start:012d}-{token_hex(4)}"
    await context.file_store.put(uploader.account_id, file_id, chunk, content)
    try:
        async with context.database.account(uploader.account_id) as tx:
            return await files.append(
                tx, file_id, start=start, size=len(content), chunk=chunk, hours=context.settings.upload_hours
            )
    except Conflict:  # nothing refers to the object; after Unavailable something may
        with suppress(Unavailable):
            await context.file_store.discard(uploader.account_id, file_id, chunk)
        raise


async def of_uploader(context: ServerContext, uploader: Person, file_id: UUID) -> File:
    """The uploader's file. One whose last request was interrupted is finished. Raises NotFound."""
    async with context.database.account(uploader.account_id) as tx:
        file = await files.of_uploader(tx, uploader, file_id)
    if file.state != "uploading" or not file.is_whole:
        return file
    await finish(context, uploader.account_id, file)
    async with context.database.account(uploader.account_id) as tx:
        return await files.of_uploader(tx, uploader, file_id)


async def finish(context: ServerContext, account_id: UUID, file: File) -> None:
    """Find out what a whole file is. It can be sent then, or is scanned first."""
    head = b""
    async for content in context.file_store.read(account_id, file.id, file.chunks):
        head += content
        if len(head) >= HEAD_BYTES:
            break
    scans = bool(context.settings.clamav_address or context.settings.antivirus_command)
    async with context.database.account(account_id) as tx:
        await files.finish(tx, file.id, sniff(head[:HEAD_BYTES]), scans=scans)


async def remove(context: ServerContext, uploader: Person, file_id: UUID) -> None:
    """Delete an upload. Raises NotFound, and Conflict if a message refers to it."""
    async with context.database.account(uploader.account_id) as tx:
        await files.of_uploader(tx, uploader, file_id)
        await files.remove(tx, file_id)


# Reading --------------------------------------------------------------------------------------------------------------


async def read(context: ServerContext, viewer: Person, file_id: UUID) -> File:
    """A file that the viewer may read, in any state. Raises NotFound."""
    async with context.database.account(viewer.account_id) as tx:
        file = await files.readable(tx, viewer, file_id)
    if file.state != "uploading" or not file.is_whole:
        return file
    await finish(context, viewer.account_id, file)
    async with context.database.account(viewer.account_id) as tx:
        return await files.readable(tx, viewer, file_id)


async def read_linked(context: ServerContext, account_id: UUID, file_id: UUID, expires: int, signature: str) -> File:
    """The ready file of a signed address. Raises NotFound, also after it has expired."""
    if expires < time.time():
        raise NotFound(EXPIRED_LINK)
    async with context.database.account(account_id) as tx:
        file = await files.linked(tx, file_id)
    is_signed = hmac.compare_digest(_signature(file, expires).encode(), signature.encode(errors="replace"))
    if not is_signed or file.state != "ready":
        raise NotFound(EXPIRED_LINK)
    return file


def described(context: ServerContext, account_id: UUID, file: File) -> Payload:
    """A file as JSON, with an address to read it that expires, once it is ready."""
    shown: Payload = {
        "id": str(file.id),
        "url": FILE_PATH.format(id=file.id),
        "filename": file.name,
        "size": file.size,
        "state": file.state,
        "isImage": file.is_image,
    }
    optional = {"contentType": file.content_type, "width": file.width, "height": file.height, "reason": _reason(file)}
    shown |= {name: value for name, value in optional.items() if value is not None}
    if file.state == "ready":
        seconds = context.settings.file_link_seconds
        shown |= {"link": link(account_id, file, seconds=seconds), "expiresIn": int(seconds)}
        if file.is_image and thumbnails.is_made_of(file.size, file.width, file.height):
            shown["thumbnail"] = link(account_id, file, seconds=seconds, part="thumbnail")
    return shown


def link(account_id: UUID, file: File, *, seconds: float, part: Literal["content", "thumbnail"] = "content") -> str:
    """An address to read a file, for anybody who has it, until it expires."""
    expires = int(time.time() + seconds)
    query = urlencode({"account": account_id, "expires": expires, "signature": _signature(file, expires)})
    return f"{FILE_PATH.format(id=file.id)}/{part}?{query}"


async def stored_thumbnail(context: ServerContext, account_id: UUID, file: File) -> bytes | None:
    """The thumbnail of an image, empty if it cannot be scaled, and None if it was not made yet."""
    return await context.file_store.find(account_id, file.id, THUMBNAIL)


async def make_thumbnail(context: ServerContext, account_id: UUID, file: File) -> bytes:
    """Make and store the thumbnail of an image; return it, or nothing if it cannot be scaled."""
    try:
        small = await thumbnails.scale(context.file_store.read(account_id, file.id, file.chunks))
    except TimeoutError:  # a busy machine: another request may succeed
        log.warning("file.thumbnail_timed_out", extra={"account_id": str(account_id), "file_id": str(file.id)})
        return b""
    await context.file_store.put(account_id, file.id, THUMBNAIL, small)
    return small


def _signature(file: File, expires: int) -> str:
    return hmac.new(file.link_key, f"{file.id} {expires}".encode(), hashlib.sha256).hexdigest()


def _reason(file: File) -> str | None:
    match file.state:
        case "scanning":
            return PENDING_SCAN if file.scan_error else BEING_SCANNED
        case "refused" if file.scan_error == files.UNSCANNABLE:
            return files.UNSCANNABLE
        case "refused":
            return f"{REFUSED}{file.scan_error}"
        case _:
            return None


# Messages -------------------------------------------------------------------------------------------------------------


@dataclass(slots=True)
class Attachments:
    """The attachments of a message, uploaded files with what is known of them."""

    shown: list[dict[str, Any]]
    is_repeat: bool = False
    """Whether the message was stored before, so that this attempt has stored none."""


def own_files(attachments: list[dict[str, Any]]) -> list[UUID]:
    """The ids of uploaded files among attachments; others are addresses elsewhere."""
    prefix = FILE_PATH.format(id="")
    return [UUID(one["url"].removeprefix(prefix)) for one in attachments if one["url"].startswith(prefix)]


@asynccontextmanager
async def attach(
    context: ServerContext,
    uploaders: Sequence[Person],
    conversation_id: UUID,
    attachments: list[dict[str, Any]],
    *,
    private: bool,
) -> AsyncIterator[Attachments]:
    """Attach uploaded files to the message that the block stores, and undo it if the message is refused.

    A message without any costs no round trip. Raises Conflict for a file that is not ready, and Invalid for one that
    none of `uploaders` has uploaded to this conversation.
    """
    ids = own_files(attachments)
    if not ids:
        yield Attachments(attachments)
        return
    account_id = uploaders[0].account_id
    async with context.database.account(account_id) as tx:
        found = await files.attach(tx, uploaders, ids=ids, conversation_id=conversation_id, private=private)
        for missing in set(ids) - found.keys():  # raising undoes the others
            await _refuse(tx, uploaders, missing)
    shown = {FILE_PATH.format(id=id): _shown(id, file) for id, file in found.items()}
    attached = Attachments([shown.get(one["url"], one) for one in attachments])
    try:
        yield attached
    except Unavailable:  # the message may be stored
        raise
    except HummDeskError:
        await _undo(context, account_id, found.values())
        raise
    if attached.is_repeat:
        await _undo(context, account_id, found.values())


def _shown(id: UUID, file: Attached) -> dict[str, Any]:
    """An uploaded file among the attachments of a message; with the size of an image pages reserve its space."""
    shown = {"url": FILE_PATH.format(id=id), "filename": file.name, "contentType": file.content_type, "size": file.size}
    if is_shown(file.content_type, file.width, file.height):
        shown |= {"width": file.width, "height": file.height}
    return shown


async def _undo(context: ServerContext, account_id: UUID, attached: Iterable[Attached]) -> None:
    try:
        async with context.database.account(account_id) as tx:
            for file in attached:
                await files.undo_attach(tx, file, hours=context.settings.upload_hours)
    except Unavailable:  # the reason why the message was refused is more use to its sender
        log.warning("file.not_detached", extra={"account_id": str(account_id)})


async def _refuse(tx: Transaction, uploaders: Sequence[Person], file_id: UUID) -> None:
    """Raise the reason why a file cannot be attached."""
    for uploader in uploaders:
        with suppress(NotFound):
            file = await files.of_uploader(tx, uploader, file_id)
            break
    else:
        raise Invalid(details={"attachments": ["A file was not uploaded by you to this conversation."]})
    if file.state == "ready":
        raise Invalid(details={"attachments": ["A file was uploaded to another conversation."]})
    raise Conflict(_reason(file) or "The file is not uploaded completely", details={"file": str(file_id)})
