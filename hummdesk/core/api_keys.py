"""The form of API keys: `hdk_` and, in base64url, the ids of account and key and 24 random bytes.

A key names its account, so that it is looked up among the rows of that account only. Only a hash of the random bytes is
stored: they have too many bits to be guessed, and need no slow hash.
"""

import hashlib
import hmac
import re
import secrets
from base64 import urlsafe_b64decode, urlsafe_b64encode
from dataclasses import dataclass
from typing import Literal
from uuid import UUID

from hummdesk.core.models import Role

PREFIX = "hdk_"
SECRET_BYTES = 24
_FORM = re.compile(PREFIX + r"[A-Za-z0-9_-]{75}")  # 56 bytes

Scope = Literal["read", "write", "admin"]
ROLES: dict[Scope, Role] = {"read": "viewer", "write": "agent", "admin": "admin"}
"""What a key may do is what a user of this role may do."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ParsedKey:
    account_id: UUID
    id: UUID
    secret: bytes

    @property
    def text(self) -> str:
        packed = self.account_id.bytes + self.id.bytes + self.secret
        return PREFIX + urlsafe_b64encode(packed).rstrip(b"=").decode()

    @property
    def secret_hash(self) -> bytes:
        return hashlib.sha256(self.secret).digest()

    def matches(self, secret_hash: bytes) -> bool:
        return hmac.compare_digest(self.secret_hash, secret_hash)


def make(account_id: UUID, key_id: UUID) -> ParsedKey:
    return ParsedKey(account_id=account_id, id=key_id, secret=secrets.token_bytes(SECRET_BYTES))


def parse(text: str) -> ParsedKey | None:
    """Return the parts of a key; None for a text that is none."""
    if not _FORM.fullmatch(text):
        return None
    packed = urlsafe_b64decode(text.removeprefix(PREFIX) + "=")
    return ParsedKey(account_id=UUID(bytes=packed[:16]), id=UUID(bytes=packed[16:32]), secret=packed[32:])
