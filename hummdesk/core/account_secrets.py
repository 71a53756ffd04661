"""Secrets that name their account: of sign-in links and staff sessions.

The database stores only their hash. The account is in the secret, because row-level security shows no row without it.
"""

import base64
import hashlib
import secrets
from dataclasses import dataclass
from typing import Self
from uuid import UUID

SECRET_BYTES = 32
ACCOUNT_BYTES = 16
LENGTH = 64
"""Characters of a secret: base64 without padding."""


@dataclass(frozen=True, slots=True)
class AccountSecret:
    account_id: UUID
    secret: bytes

    @classmethod
    def new(cls, account_id: UUID) -> Self:
        return cls(account_id, secrets.token_bytes(SECRET_BYTES))

    @classmethod
    def parsed(cls, text: object) -> Self | None:
        """Return the secret of an untrusted text; None if it is not one."""
        if not isinstance(text, str) or len(text) != LENGTH:
            return None
        try:
            decoded = base64.urlsafe_b64decode(text)
        except ValueError:
            return None
        if len(decoded) != ACCOUNT_BYTES + SECRET_BYTES:
            return None
        found = cls(UUID(bytes=decoded[:ACCOUNT_BYTES]), decoded[ACCOUNT_BYTES:])
        return found if found.text == text else None  # the decoder skips and accepts other characters

    @property
    def text(self) -> str:
        return base64.urlsafe_b64encode(self.account_id.bytes + self.secret).decode()

    @property
    def hash(self) -> bytes:
        return hash_of(self.secret)


def hash_of(secret: bytes) -> bytes:
    """The hash that is stored. A secret is random, so that one round without salt is enough."""
    return hashlib.sha256(secret).digest()
