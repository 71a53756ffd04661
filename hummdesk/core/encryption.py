"""Encryption of secrets that the database stores: AES-256-GCM with keys that can be rotated.

The newest of ENCRYPTION_KEYS encrypts; all of them decrypt. A stored secret names its key, and is bound to its context,
for instance its account: moved to another row, it does not decrypt.
"""

import hashlib
import secrets
from collections.abc import Sequence

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from hummdesk.core.config import Settings, SettingsError

FORMAT = b"\x01"
NAME_BYTES = 8
NONCE_BYTES = 12


class Undecryptable(Exception):
    """No key decrypts the secret: its key is missing, or it was changed or moved. The message is its context."""


class Encryption:
    def __init__(self, keys: Sequence[str]) -> None:
        """`keys`: the newest first."""
        derived = [_derived(key) for key in keys]
        self._keys = {_name(key): AESGCM(key) for key in derived}
        self._newest = _name(derived[0]) if derived else None

    @classmethod
    def of(cls, settings: Settings) -> "Encryption":
        return cls([key.strip() for key in settings.encryption_keys.split(",") if key.strip()])

    @property
    def can_encrypt(self) -> bool:
        """Whether there is a key."""
        return self._newest is not None

    def encrypt(self, secret: bytes, *, context: str) -> bytes:
        """Raises SettingsError without a key."""
        if self._newest is None:
            raise SettingsError(["ENCRYPTION_KEYS: not set; `openssl rand -hex 32` makes one"])
        nonce = secrets.token_bytes(NONCE_BYTES)
        sealed = self._keys[self._newest].encrypt(nonce, secret, context.encode())
        return FORMAT + self._newest + nonce + sealed

    def decrypt(self, stored: bytes, *, context: str) -> bytes:
        """Raises Undecryptable."""
        key = self._keys.get(_name_in(stored))
        if key is None or not stored.startswith(FORMAT):
            raise Undecryptable(context)
        rest = stored[len(FORMAT) + NAME_BYTES :]
        try:
            return key.decrypt(rest[:NONCE_BYTES], rest[NONCE_BYTES:], context.encode())
        except (InvalidTag, ValueError):
            raise Undecryptable(context) from None

    def is_current(self, stored: bytes) -> bool:
        """Whether the newest key has encrypted a secret."""
        return _name_in(stored) == self._newest


def _derived(key: str) -> bytes:
    """Return 256 bits, whatever form the key has."""
    return HKDF(algorithm=SHA256(), length=32, salt=None, info=b"hummdesk secrets at rest").derive(key.encode())


def _name(key: bytes) -> bytes:
    return hashlib.sha256(b"name of " + key).digest()[:NAME_BYTES]


def _name_in(stored: bytes) -> bytes:
    return stored[len(FORMAT) :][:NAME_BYTES]
