"""Answers of requests with an `Idempotency-Key`, which a repeated request receives again.

Neither the key nor the answer can be read in the database: the row's id is derived from the key, and the answer, which
may contain a secret, is encrypted with another value that is derived from it.
"""

import hashlib
import hmac
import secrets
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import orjson
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from hummdesk.core import json_encoding
from hummdesk.core.errors import Conflict, Invalid
from hummdesk.core.ids import new_id
from hummdesk.storage.database import Transaction
from hummdesk.storage.queries import load

queries = load("idempotency")

KEPT_HOURS = 24
PRUNED = 20
"""Expired keys of the account that are deleted with each new one."""
LEASE_SECONDS = 60.0
"""A request without an answer is taken to be in progress for so long; then it may be repeated."""
NONCE_BYTES = 12


class InProgress(Conflict):
    message = "The first request with this Idempotency-Key is in progress"


@dataclass(frozen=True, slots=True)
class StoredAnswer:
    status: int
    headers: dict[str, str]
    body: dict[str, Any] | None


@dataclass(frozen=True, slots=True)
class Begun:
    """A request that has taken its key. What it creates has `new_id`, so that a repeated one cannot create it twice."""

    new_id: UUID


@dataclass(frozen=True, slots=True)
class IdempotencyKey:
    """A key of a caller for a route, as it was given."""

    caller: UUID
    route: str
    text: str

    @property
    def id(self) -> UUID:
        """The id of its row."""
        digest = bytearray(self._derived(b"id")[:16])
        digest[6], digest[8] = digest[6] & 0x0F | 0x80, digest[8] & 0x3F | 0x80  # a UUID version 8
        return UUID(bytes=bytes(digest))

    def encrypt(self, answer: StoredAnswer) -> bytes:
        nonce = secrets.token_bytes(NONCE_BYTES)
        packed = json_encoding.encode([answer.headers, answer.body])
        return nonce + AESGCM(self._derived(b"answer")).encrypt(nonce, packed, None)

    def decrypt(self, status: int, stored: bytes) -> StoredAnswer:
        packed = AESGCM(self._derived(b"answer")).decrypt(stored[:NONCE_BYTES], stored[NONCE_BYTES:], None)
        return StoredAnswer(status, *orjson.loads(packed))

    def _derived(self, purpose: bytes) -> bytes:
        subject = b"\0".join((self.caller.bytes, self.route.encode()))
        return hmac.digest(self.text.encode(), purpose + b"\0" + subject, hashlib.sha256)


async def begin(tx: Transaction, key: IdempotencyKey, request: bytes) -> Begun | StoredAnswer:
    """Take the key for a request, or return the answer that it has received before.

    Raises InProgress until the first request has ended, and Invalid if the key was used for another request.
    """
    request_hash, begun = hashlib.sha256(request).digest(), Begun(new_id())
    await queries.prune(tx, hours=KEPT_HOURS, limit=PRUNED)
    if await queries.begin(tx, id=key.id, request_hash=request_hash, new_id=begun.new_id) is not None:
        return begun
    row = await queries.find(tx, id=key.id)
    if row is None:
        raise InProgress  # it has just ended
    if row["request_hash"] != request_hash:
        raise Invalid("The Idempotency-Key was used for another request")
    if row["status"] is None:
        if await queries.take_over(tx, id=key.id, lease=LEASE_SECONDS) is None:
            raise InProgress
        return Begun(row["new_id"])
    if row["answer"] is None:
        raise Conflict("The answer to this Idempotency-Key was erased")
    return key.decrypt(row["status"], row["answer"])


async def finish(tx: Transaction, key: IdempotencyKey, answer: StoredAnswer) -> None:
    await queries.finish(tx, id=key.id, status=answer.status, answer=key.encrypt(answer))


async def release(tx: Transaction, key: IdempotencyKey) -> None:
    """Forget a request that was refused, so that it can be repeated."""
    await queries.release(tx, id=key.id)


async def abandon(tx: Transaction, key: IdempotencyKey) -> None:
    """Let a request that has failed be repeated, which continues it: it may have changed something."""
    await queries.abandon(tx, id=key.id)
