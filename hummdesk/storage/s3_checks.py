"""Checks of the S3 bucket that stores attached files, each finding with its remedy."""

import asyncio
import re
import socket
from contextlib import suppress
from ipaddress import ip_address
from typing import Any
from urllib.parse import urlsplit

from hummdesk.core.certificates import certificate_findings, certificate_of, end_of
from hummdesk.core.config import Settings
from hummdesk.core.findings import Finding
from hummdesk.core.ids import new_id
from hummdesk.storage.file_store import MARK, STORE_SECONDS, open_store

CONTENT = b"A check of HummDesk, which deletes this object\n"
CONNECT_SECONDS = 5.0
HTTPS_PORT = 443
METADATA_SERVICE = "169.254.169.254"
"""Where clouds answer requests for the credentials of a machine."""
CREDENTIALS = ("SignatureDoesNotMatch", "InvalidAccessKeyId", "InvalidToken", "ExpiredToken", "TokenRefreshRequired")
"""Codes of S3 for a key or secret that it does not accept."""
OPERATIONS = "s3:PutObject, s3:GetObject, s3:DeleteObject and s3:ListBucket"


async def bucket_findings(settings: Settings) -> list[Finding]:
    """Store, read, list and delete a small object of its own, and check the connection."""
    on_objects, on_connection = await asyncio.gather(
        _try_out(settings), asyncio.to_thread(connection_findings, settings.s3_endpoint)
    )
    return [*on_objects, *on_connection]


async def _try_out(settings: Settings) -> list[Finding]:
    import obstore

    step, path = "stores no objects", f"{MARK}-check-{new_id()}"
    try:
        store = open_store(settings)
        async with asyncio.timeout(STORE_SECONDS):
            await obstore.put_async(store, path, CONTENT, use_multipart=False)
            try:
                step = "returns no objects"
                content = bytes(await (await obstore.get_async(store, path)).bytes_async())
                step = "lists no objects"
                async for _ in obstore.list(store, path):
                    pass
            except Exception:
                with suppress(Exception):
                    await obstore.delete_async(store, path)
                raise
            step = "deletes no objects"
            await obstore.delete_async(store, path)
    except Exception as error:  # obstore has a class for few of them
        return [failure(settings, step, error)]
    if content == CONTENT:
        return []
    remedy = "see its log, and whether something between changes answers"
    return [Finding("FILE_STORE", f"{_name(settings)} returns another content than was stored", remedy, is_error=True)]


def failure(settings: Settings, step: str, error: Exception) -> Finding:
    """The finding for a step that failed, by the code of S3 or the text of the HTTP client."""
    text, server = str(error), settings.s3_endpoint or "S3"
    code = _code(text)
    if code in CREDENTIALS:
        remedy = "correct S3_ACCESS_KEY_ID and S3_SECRET_ACCESS_KEY"
        return Finding("S3_ACCESS_KEY_ID", f"{server} refuses the credentials ({code})", remedy, is_error=True)
    if METADATA_SERVICE in text:
        remedy = "set S3_ACCESS_KEY_ID and S3_SECRET_ACCESS_KEY, or assign the machine a role"
        return Finding("S3_ACCESS_KEY_ID", "is not set, and the machine has no credentials", remedy, is_error=True)
    if code == "NoSuchBucket":
        remedy = "create it, or correct FILE_STORE"
        return Finding("FILE_STORE", f"{_name(settings)} does not exist", remedy, is_error=True)
    if code == "AccessDenied":
        remedy = f"allow the key {OPERATIONS}"
        return Finding("FILE_STORE", f"{_name(settings)} {step} for this key ({code})", remedy, is_error=True)
    if (region := re.search(r"<Region>([\w-]+)</Region>", text)) is not None:
        return Finding("S3_REGION", f"{_name(settings)} is in another region", f"set it to {region[1]}", is_error=True)
    if (fault := re.search(r"InvalidCertificate\(\s*(\w+)", text)) is not None:
        problem = f"the certificate of {server} is not valid ({fault[1]})"
        remedy = "renew it, or add its authority to those of the machine, or name it with SSL_CERT_FILE"
        return Finding("S3_ENDPOINT", problem, remedy, is_error=True)
    if code:
        return Finding("FILE_STORE", f"{_name(settings)} {step} ({code})", "see the log of the server", is_error=True)
    problem = f"{server} does not answer ({_cause(error)})"
    return Finding("S3_ENDPOINT", problem, "start it, or correct the address", is_error=True)


def _name(settings: Settings) -> str:
    return f"the bucket {settings.file_store.removeprefix('s3://').partition('/')[0]!r}"


def _code(text: str) -> str:
    """The code of S3, or else the HTTP status, in a message of obstore; empty without an answer."""
    found = re.search(r"<Code>(\w+)</Code>", text) or re.search(r"status code: (\d+ [A-Za-z ]+)", text)
    return found[1].strip() if found else ""


def _cause(error: Exception) -> str:
    """The innermost error of the HTTP client in the message of obstore, which has the nested ones in many lines."""
    found = re.search(r'(?:message|error): "([^"]+)"', str(error)) or re.search(r"\(\s*(\w+),?\s*\)", str(error))
    return found[1] if found else type(error).__name__


def connection_findings(address: str) -> list[Finding]:
    """Check the certificate of S3_ENDPOINT, and that files are not sent through the internet unencrypted. Blocks."""
    endpoint = urlsplit(address)
    if not endpoint.hostname:
        return []
    try:
        if endpoint.scheme == "https":
            port = endpoint.port or HTTPS_PORT
            certificate = certificate_of(endpoint.hostname, port, timeout=CONNECT_SECONDS)
            return certificate_findings("S3_ENDPOINT", end_of(certificate)) if certificate else []
        found: list[Any] = socket.getaddrinfo(endpoint.hostname, endpoint.port or 80)
    except OSError:
        return []  # then nothing can be stored, which is reported
    if not any(ip_address(place[0]).is_global for *_, place in found):
        return []
    return [Finding("S3_ENDPOINT", "files are sent through the internet unencrypted", "write https://")]
