"""The file store: a directory or an S3 bucket that holds the bytes of attached files, as objects of limited size.

An object has the name account/file/chunk, so that everything of a file is found without the database; the thumbnail
of an image is one of them, and deleted with the others. obstore and its threads are loaded when the first file is
stored or read.
"""

import asyncio
import logging
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from datetime import timedelta
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING
from uuid import UUID

from hummdesk.core.config import Settings
from hummdesk.core.errors import Unavailable
from hummdesk.core.metrics import ERRORS

if TYPE_CHECKING:
    from obstore.store import ObjectStore, S3Config

log = logging.getLogger(__name__)

CHUNK_BYTES = 524_288
"""The largest object. Each upload and each download holds one in memory."""
STORE_SECONDS = 20.0
"""Longest wait for one object."""
RETRIES = 2

MARK = "hummdesk-files"
"""The name of an object that every process which stores files writes first."""

AWAY = "The file store does not answer; the upload can be continued later"


class FilesOff(Unavailable):
    message = "Files cannot be uploaded here: FILE_STORE is not set"


class FileStore:
    """Raises Unavailable if the store does not answer, and FilesOff without FILE_STORE."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._is_marked = False

    @property
    def is_on(self) -> bool:
        return bool(self._settings.file_store)

    async def mark(self) -> None:
        """Store the object by which a relay recognizes the store of the web processes; once."""
        import obstore

        if self._is_marked:
            return
        with _translated("mark"):
            async with asyncio.timeout(STORE_SECONDS):
                await obstore.put_async(self._store, MARK, b"Attached files of HummDesk\n", use_multipart=False)
        self._is_marked = True

    async def put(self, account_id: UUID, file_id: UUID, chunk: str, content: bytes) -> None:
        import obstore

        with _translated("put"):
            async with asyncio.timeout(STORE_SECONDS):
                await obstore.put_async(self._store, f"{account_id}/{file_id}/{chunk}", content, use_multipart=False)

    async def read(self, account_id: UUID, file_id: UUID, chunks: list[str]) -> AsyncIterator[bytes]:
        """Yield the objects of a file in order."""
        for chunk in chunks:
            yield await self._get(f"{account_id}/{file_id}/{chunk}") or b""

    async def find(self, account_id: UUID, file_id: UUID, name: str) -> bytes | None:
        """Return one object of a file, None if it is not stored."""
        return await self._get(f"{account_id}/{file_id}/{name}", or_none=True)

    async def discard(self, account_id: UUID, file_id: UUID, chunk: str) -> None:
        """Delete one object of a file."""
        import obstore

        with _translated("delete"):
            async with asyncio.timeout(STORE_SECONDS):
                await obstore.delete_async(self._store, f"{account_id}/{file_id}/{chunk}")

    async def delete(self, account_id: UUID, file_id: UUID) -> int:
        """Delete everything that is stored of a file; return the number of objects.

        Raises Unavailable if there are none in a store without the mark: the web processes use another one.
        """
        import obstore

        with _translated("delete"):
            number = 0
            async with asyncio.timeout(STORE_SECONDS):
                async for batch in obstore.list(self._store, f"{account_id}/{file_id}"):
                    await obstore.delete_async(self._store, [found["path"] for found in batch])
                    number += len(batch)
                if not number:
                    await obstore.head_async(self._store, MARK)
            return number

    async def _get(self, path: str, *, or_none: bool = False) -> bytes | None:
        import obstore

        with _translated("get"):
            try:
                async with asyncio.timeout(STORE_SECONDS):
                    found = await obstore.get_async(self._store, path)
                    return bytes(await found.bytes_async())
            except FileNotFoundError:
                if or_none:
                    return None
                raise

    @cached_property
    def _store(self) -> "ObjectStore":
        return open_store(self._settings)


def open_store(settings: Settings) -> "ObjectStore":
    """The store of obstore behind FILE_STORE. Raises FilesOff without it."""
    from obstore.store import LocalStore, S3Store

    if not settings.file_store:
        raise FilesOff
    if not settings.file_store.startswith("s3://"):
        directory = Path(settings.file_store)
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        return LocalStore(directory, automatic_cleanup=True)
    bucket, _, prefix = settings.file_store.removeprefix("s3://").partition("/")
    config: S3Config = {"region": settings.s3_region}
    if settings.s3_access_key_id:
        config |= {
            "access_key_id": settings.s3_access_key_id,
            "secret_access_key": settings.s3_secret_access_key,
        }
    if settings.s3_endpoint:
        config["endpoint"] = settings.s3_endpoint
    return S3Store(
        bucket,
        prefix=prefix or None,
        config=config,
        client_options={"timeout": "10s", "connect_timeout": "3s", "allow_http": True},
        retry_config={"max_retries": RETRIES, "retry_timeout": timedelta(seconds=STORE_SECONDS)},
    )


@contextmanager
def _translated(action: str) -> Iterator[None]:
    """Translate every failure of the store to Unavailable: its messages contain paths and addresses."""
    try:
        yield
    except Unavailable:
        raise
    except Exception as error:
        ERRORS.labels("files", Unavailable.code).inc()
        log.warning("file_store.unavailable", extra={"action": action, "error": type(error).__name__})
        raise Unavailable(AWAY) from error
