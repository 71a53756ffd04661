"""Files: resumable uploads by the tus protocol 1.0, and addresses to read them that expire.

`POST /files` begins an upload and returns the address of the file, `/files/{id}`, which stays the same: the upload
continues there (HEAD, PATCH, DELETE), messages refer to it, and GET answers whoever may read the file with an address
that expires. Extensions: creation, expiration, termination. https://tus.io/protocols/resumable-upload

Requests need a token in `Authorization`, which no browser adds by itself, so CORS admits any origin.
"""

import asyncio
import base64
import logging
from collections import Counter
from collections.abc import AsyncIterator, Callable, Coroutine, Iterable, Mapping
from contextlib import asynccontextmanager
from email.utils import format_datetime
from functools import partial, wraps
from typing import Any
from urllib.parse import quote
from uuid import UUID

from sanic import Blueprint, Request
from sanic.exceptions import SanicException
from sanic.response import HTTPResponse, empty, json, raw

from hummdesk.contract.fields import FILE_PATH
from hummdesk.core import thumbnails
from hummdesk.core.errors import Conflict, HummDeskError, Invalid, NotFound, PayloadTooLarge, Unavailable
from hummdesk.core.metrics import ERRORS
from hummdesk.core.models import Person
from hummdesk.engine import network_of
from hummdesk.server.actions import files
from hummdesk.server.api import problems
from hummdesk.server.api.dispatch import authenticated
from hummdesk.server.context import ServerContext
from hummdesk.server.node import Node
from hummdesk.storage.file_store import CHUNK_BYTES
from hummdesk.storage.files import File

log = logging.getLogger(__name__)

VERSION = "1.0.0"
EXTENSIONS = "creation,expiration,termination"
OFFSETS = "application/offset+octet-stream"

FLUSH_SECONDS = 5.0
"""What has arrived is stored after this time at the latest, if it is worth an object."""
FLUSH_BYTES = 65_536
IDLE_SECONDS = 30.0
"""A request that sends less than FLUSH_BYTES in this time, or in FLUSH_SECONDS while another one waits for its place,
ends with what it has sent. Its client continues."""

RECEIVING = 32
"""Requests of a process that send a file at the same time, each with an object in memory; others wait."""
RECEIVING_PER_NETWORK = 8
RECEIVING_PER_ACCOUNT = 16
READING = 32
"""The same for those that read one."""
READING_PER_NETWORK = 24
"""An office behind one address has several browsers, each of which loads six images at a time."""
SCALING = 2
"""Thumbnails that a process makes at the same time, each in a process of its own."""
WAIT_SECONDS = 10.0
"""A request waits so long for others to end: browsers do not repeat one for an image."""
WAITING = 256
WAITING_PER_NETWORK = 64
BUSY = "Too many files are being transferred; try again in a few seconds"
PROCESS = "process"
"""Stands for all transfers of the process, beside networks and accounts."""

TUS = {"Tus-Resumable": VERSION, "Cache-Control": "no-store"}
ALLOWED = (
    "Authorization, Content-Type, Tus-Resumable, Upload-Length, Upload-Metadata, Upload-Offset, X-HTTP-Method-Override"
)
EXPOSED = "Location, Retry-After, Tus-Resumable, Upload-Expires, Upload-Length, Upload-Offset"
CORS = {"Access-Control-Allow-Origin": "*", "Access-Control-Expose-Headers": EXPOSED}
CAPABILITIES = {"Tus-Version": VERSION, "Tus-Extension": EXTENSIONS}
INERT = {
    "Content-Security-Policy": "default-src 'none'; sandbox; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "cross-origin",
    "Accept-Ranges": "none",
}
"""Nothing in a file runs, whatever it is and however it is opened."""

Answer = HTTPResponse | None
"""None: the answer was sent by the handler."""
Handler = Callable[..., Coroutine[Any, Any, Answer]]


class Transfers:
    """Limits how many files are transferred at a time, so that their memory is bounded. Others wait for a while."""

    def __init__(
        self, most: int, *, per_network: int, per_account: int | None = None, seconds: float = WAIT_SECONDS
    ) -> None:
        self._most = most
        self._per_network = per_network
        self._per_account = most if per_account is None else per_account
        self._seconds = seconds
        self._running: Counter[str | UUID] = Counter()
        self._waiting: Counter[str | UUID] = Counter()
        self._freed = asyncio.Event()

    @asynccontextmanager
    async def one(self, address: str, account_id: UUID | None = None) -> AsyncIterator[Callable[[], bool]]:
        """Yield a function that returns whether another transfer waits while an owner of this one has all its places.

        Raise Unavailable if there are too many for too long, or too many wait.
        """
        network = network_of(address)
        limits: dict[str | UUID, int] = {PROCESS: self._most, network: self._per_network}
        if account_id is not None:
            limits[account_id] = self._per_account
        if self._full(limits):
            await self._wait(network, limits)
        self._running.update(limits.keys())
        try:
            yield lambda: any(self._waiting[owner] for owner in self._full(limits))
        finally:
            _decrease(self._running, limits)
            self._freed.set()
            self._freed = asyncio.Event()

    def _full(self, limits: Mapping[str | UUID, int]) -> list[str | UUID]:
        """The owners that have as many transfers as they may."""
        return [owner for owner, most in limits.items() if self._running[owner] >= most]

    async def _wait(self, network: str, limits: Mapping[str | UUID, int]) -> None:
        if self._waiting[PROCESS] >= WAITING or self._waiting[network] >= WAITING_PER_NETWORK:
            raise Unavailable(BUSY)
        self._waiting.update(limits.keys())
        try:
            async with asyncio.timeout(self._seconds):
                while self._full(limits):
                    await self._freed.wait()
        except TimeoutError:
            raise Unavailable(BUSY) from None
        finally:
            _decrease(self._waiting, limits)


def _decrease(counted: Counter[str | UUID], owners: Iterable[str | UUID]) -> None:
    counted.subtract(owners)
    for owner in owners:
        if not counted[owner]:
            del counted[owner]


def blueprint(node: Node) -> Blueprint:
    routes = Blueprint("files")
    context = node.context
    receiving = Transfers(RECEIVING, per_network=RECEIVING_PER_NETWORK, per_account=RECEIVING_PER_ACCOUNT)
    reading = Transfers(READING, per_network=READING_PER_NETWORK)
    scaling = Transfers(SCALING, per_network=SCALING)
    one = FILE_PATH.format(id="<file_id:uuid>")

    def add(name: str, method: str, path: str, handler: Handler, *, receives: bool = False) -> None:
        routes.add_route(_answered(context, handler), path, methods=[method], name=name, stream=receives)

    add("files_options", "OPTIONS", "/files", _capabilities)
    add("file_options", "OPTIONS", one, _capabilities)
    add("file_create", "POST", "/files", _create)
    add("file_offset", "HEAD", one, _offset)
    add("file_append", "PATCH", one, partial(_append, receiving=receiving), receives=True)
    add("file_override", "POST", one, partial(_override, receiving=receiving), receives=True)
    add("file_remove", "DELETE", one, _remove)
    add("file_read", "GET", one, _read)
    add("file_content", "GET", f"{one}/content", partial(_content, reading=reading))
    add("file_thumbnail", "GET", f"{one}/thumbnail", partial(_thumbnail, scaling=scaling))
    return routes


def _answered(context: ServerContext, handler: Handler) -> Handler:
    """Answer refusals with problem documents, for pages of any origin."""

    async def answer(request: Request[Any, Any], **parameters: Any) -> Answer:
        try:
            response = await handler(context, request, **parameters)
        except HummDeskError as refusal:
            ERRORS.labels("files", refusal.code).inc()
            response = problems.of(refusal)
            if isinstance(refusal, Unavailable):
                response.headers["Retry-After"] = "5"
        except SanicException:
            raise
        except Exception:  # with CORS headers: pages of other origins could not read that of Sanic
            log.exception("files.failed")
            ERRORS.labels("files", HummDeskError.code).inc()
            response = problems.of(HummDeskError())
        if response is not None:
            response.headers.update(CORS)
        return response

    return answer


def tus(handler: Handler) -> Handler:
    """Refuse another version of the protocol."""

    @wraps(handler)
    async def answer(context: ServerContext, request: Request[Any, Any], **parameters: Any) -> Answer:
        if request.headers.get("tus-resumable") != VERSION:
            return problems.document(
                412, "VALIDATION_ERROR", f"Send `Tus-Resumable: {VERSION}`", headers=TUS | {"Tus-Version": VERSION}
            )
        response = await handler(context, request, **parameters)
        if response is not None:
            response.headers.update(TUS)
        return response

    return answer


async def _authenticated(context: ServerContext, request: Request[Any, Any]) -> Person:
    """Return the person who sends a request, and count it as one of the REST API."""
    person = await authenticated(context, request)
    await context.rate_limits.require_call(person)
    return person


async def _capabilities(context: ServerContext, _: Request[Any, Any], **__: Any) -> HTTPResponse:
    preflight = {
        "Access-Control-Allow-Headers": ALLOWED,
        "Access-Control-Allow-Methods": "DELETE, GET, HEAD, PATCH, POST",
        "Access-Control-Max-Age": "7200",
    }
    return empty(headers=TUS | CAPABILITIES | {"Tus-Max-Size": str(context.settings.max_file_bytes)} | preflight)


@tus
async def _create(context: ServerContext, request: Request[Any, Any]) -> HTTPResponse:
    uploader = await _authenticated(context, request)
    metadata = _metadata(request.headers.get("upload-metadata", ""))
    file = await files.begin(
        context,
        uploader,
        conversation_id=_conversation(metadata.get("conversationId", "")),
        name=metadata.get("filename", ""),
        size=_number(request, "upload-length"),
    )
    return empty(201, headers={"Location": FILE_PATH.format(id=file.id)} | _expiry(file))


@tus
async def _offset(context: ServerContext, request: Request[Any, Any], file_id: UUID) -> HTTPResponse:
    file = await files.of_uploader(context, await _authenticated(context, request), file_id)
    headers = {"Upload-Offset": str(file.received), "Upload-Length": str(file.size)}
    return empty(200, headers=headers | _expiry(file))


@tus
async def _remove(context: ServerContext, request: Request[Any, Any], file_id: UUID) -> HTTPResponse:
    await files.remove(context, await _authenticated(context, request), file_id)
    return empty()


async def _override(
    context: ServerContext, request: Request[Any, Any], *, file_id: UUID, receiving: Transfers
) -> Answer:
    """For clients that can only send POST."""
    match request.headers.get("x-http-method-override", "").upper():
        case "PATCH":
            return await _append(context, request, file_id=file_id, receiving=receiving)
        case "DELETE":
            return await _remove(context, request, file_id=file_id)
        case "HEAD":
            return await _offset(context, request, file_id=file_id)
        case _:
            return problems.document(405, "VALIDATION_ERROR", "Method not allowed", headers={"Allow": "PATCH, HEAD"})


@tus
async def _append(
    context: ServerContext, request: Request[Any, Any], *, file_id: UUID, receiving: Transfers
) -> HTTPResponse:
    if request.headers.get("content-type") != OFFSETS:
        return problems.document(415, "VALIDATION_ERROR", f"The content type must be {OFFSETS}")
    uploader = await _authenticated(context, request)
    file = await files.of_uploader(context, uploader, file_id)
    start = _number(request, "upload-offset")
    if start != file.received or file.state != "uploading":
        raise Conflict(f"The upload continues at {file.received}, not at {start}", details={"offset": file.received})
    if int(request.headers.get("content-length", 0)) > file.size - start:
        raise PayloadTooLarge("The request has more bytes than the file")
    if not file.takes_more:
        raise Invalid("The upload was sent in too many small parts: begin it again, with larger ones")
    async with receiving.one(request.client_ip, uploader.account_id) as is_awaited:
        received = await _receive(context, request, uploader, file, is_awaited)
    if received == file.size:
        await files.of_uploader(context, uploader, file_id)
    expiry = _expiry(file) if file.received else {}  # the first bytes have moved it
    return empty(headers={"Upload-Offset": str(received)} | expiry)


async def _receive(
    context: ServerContext, request: Request[Any, Any], uploader: Person, file: File, is_awaited: Callable[[], bool]
) -> int:
    """Store the body in objects as it arrives; return how many bytes of the file are stored.

    A request that is cut loses what has arrived since the last object. One that has stalled, or is slow while another
    one waits for its place, ends without an error.
    """
    loop = asyncio.get_running_loop()
    stored, arrived, flushed_at = file.received, bytearray(), loop.time()

    async def flush() -> None:
        nonlocal stored, flushed_at
        while arrived:
            content = bytes(arrived[:CHUNK_BYTES])
            # A client that disconnects does not interrupt it between the store and its commit.
            stored = await asyncio.shield(
                asyncio.ensure_future(files.store(context, uploader, file.id, start=stored, content=content))
            )
            del arrived[: len(content)]
        flushed_at = loop.time()

    while (data := await _next(request, is_awaited)) is not None:
        if stored + len(arrived) + len(data) > file.size:
            raise PayloadTooLarge("The request has more bytes than the file")
        arrived += data
        since = loop.time() - flushed_at
        is_slow = len(arrived) < FLUSH_BYTES and since >= (FLUSH_SECONDS if is_awaited() else IDLE_SECONDS)
        if len(arrived) >= CHUNK_BYTES or is_slow or (since >= FLUSH_SECONDS and len(arrived) >= FLUSH_BYTES):
            await flush()
        if is_slow:
            break
    await flush()
    return stored


async def _next(request: Request[Any, Any], is_awaited: Callable[[], bool]) -> bytes | None:
    """The next bytes of a body; None at its end, or if none arrive for as long as the request may stall."""
    stream: Any = request.stream
    reading: asyncio.Future[bytes | None] = asyncio.ensure_future(stream.read())
    try:
        for _ in range(round(IDLE_SECONDS / FLUSH_SECONDS)):
            await asyncio.wait([reading], timeout=FLUSH_SECONDS)
            if reading.done():
                return reading.result()
            if is_awaited():
                break
    finally:
        reading.cancel()
    return None


async def _read(context: ServerContext, request: Request[Any, Any], file_id: UUID) -> HTTPResponse:
    """Answer with JSON, or redirect to an address that expires."""
    viewer = await _authenticated(context, request)
    file = await files.read(context, viewer, file_id)
    shown = files.described(context, viewer.account_id, file)
    headers = {"Cache-Control": "no-store", "Vary": "Accept, Authorization"}
    if "application/json" in request.headers.get("accept", "") or "link" not in shown:
        status = 200 if "application/json" in request.headers.get("accept", "") else 409
        return json(shown, status=status, headers=headers)
    return empty(302, headers=headers | {"Location": shown["link"]})


async def _content(context: ServerContext, request: Request[Any, Any], *, file_id: UUID, reading: Transfers) -> Answer:
    await context.rate_limits.require_address(network_of(request.client_ip))
    account_id, expires, signature = _signed(request)
    file = await files.read_linked(context, account_id, file_id, expires, signature)
    async with reading.one(request.client_ip):
        chunks = context.file_store.read(account_id, file.id, file.chunks)
        first = await anext(chunks)  # before the head: a store that is away is an error that can be read
        response = await request.respond(headers=_file_headers(context, file), content_type=_served_type(file))
        if response is None:
            return None
        await response.send(first)
        async for chunk in chunks:
            await response.send(chunk)
        await response.eof()
    return None


async def _thumbnail(
    context: ServerContext, request: Request[Any, Any], *, file_id: UUID, scaling: Transfers
) -> HTTPResponse:
    """Answer with a small image, made with the first request; redirect to the whole one if it cannot be scaled."""
    await context.rate_limits.require_address(network_of(request.client_ip))
    account_id, expires, signature = _signed(request)
    file = await files.read_linked(context, account_id, file_id, expires, signature)
    if not file.is_image:
        raise NotFound
    small = await files.stored_thumbnail(context, account_id, file)
    if small is None and thumbnails.is_on():
        async with scaling.one(request.client_ip):
            small = await files.stored_thumbnail(context, account_id, file)  # another request may have made it
            if small is None:
                small = await files.make_thumbnail(context, account_id, file)
    if not small:
        whole = f"{FILE_PATH.format(id=file.id)}/content?{request.query_string}"
        return empty(302, headers={"Location": whole, "Cache-Control": "no-store"})
    headers = INERT | {"Content-Disposition": "inline", "Cache-Control": _caching(context)}
    return raw(small, content_type="image/webp", headers=headers)


def _caching(context: ServerContext) -> str:
    return f"private, max-age={int(context.settings.file_link_seconds)}, immutable"


def _file_headers(context: ServerContext, file: File) -> dict[str, str]:
    kind = "inline" if file.is_image else "attachment"
    plain = "".join(one if one.isascii() and one.isprintable() and one not in '"\\' else "_" for one in file.name)
    disposition = f"{kind}; filename=\"{plain}\"; filename*=UTF-8''{quote(file.name, safe='')}"
    return (
        INERT
        | CORS
        | {
            "Content-Disposition": disposition,
            "Content-Length": str(file.size),
            "Cache-Control": _caching(context),
        }
    )


def _served_type(file: File) -> str:
    """Return the content type to send; text with its charset, so that browsers do not guess another type."""
    content_type = file.content_type or "application/octet-stream"
    return "text/plain; charset=utf-8" if content_type == "text/plain" else content_type


def _signed(request: Request[Any, Any]) -> tuple[UUID, int, str]:
    try:
        given = request.args
        return UUID(given["account"][0]), int(given["expires"][0]), given["signature"][0]
    except (KeyError, ValueError):
        raise NotFound from None


def _metadata(header: str) -> dict[str, str]:
    """The values of `Upload-Metadata`: keys, each with a value in Base64. Raises Invalid."""
    try:
        pairs = [pair.split() for pair in header.split(",") if pair.strip()]
        return {key: base64.b64decode("".join(value), validate=True).decode() for key, *value in pairs}
    except ValueError:  # also of Base64 and of UTF-8
        raise Invalid("Upload-Metadata must be keys with values in Base64, separated by commas") from None


def _conversation(text: str) -> UUID:
    try:
        return UUID(text)
    except ValueError:
        raise Invalid("Upload-Metadata must name a conversationId") from None


def _number(request: Request[Any, Any], header: str) -> int:
    text = request.headers.get(header, "")
    if not (text.isascii() and text.isdigit() and len(text) < 20):
        raise Invalid(f"{header.title()} must be a whole number")
    return int(text)


def _expiry(file: File) -> dict[str, str]:
    return {} if file.expires_at is None else {"Upload-Expires": format_datetime(file.expires_at, usegmt=True)}
