"""Add, list and revoke the keys with which accounts sign tokens."""

from dataclasses import asdict, dataclass
from uuid import UUID

import orjson
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, EllipticCurvePublicKey
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.serialization import load_pem_public_key

from hummdesk.core import jwks, tokens
from hummdesk.core.config import MINIMUM_SECRET_BYTES, Settings
from hummdesk.core.encryption import Encryption
from hummdesk.core.errors import CommandError
from hummdesk.core.outbound import RefusedAddress
from hummdesk.operator.tables import aligned
from hummdesk.storage import accounts, signing_keys
from hummdesk.storage.database import operator
from hummdesk.storage.signing_keys import NewSigningKey, SigningKey, context_of

MINIMUM_RSA_BITS = 2048
HEADINGS = ("account", "kid", "algorithm", "kind", "created", "revoked")


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyName:
    """What a new key of any kind has."""

    account_id: UUID
    kid: str
    issuer: str | None = None
    audience: str | None = None


def of_secret(settings: Settings, name: KeyName, secret: bytes) -> NewSigningKey:
    """Raises CommandError for a weak secret, and SettingsError without ENCRYPTION_KEYS."""
    if len(secret) < MINIMUM_SECRET_BYTES:
        raise CommandError(f"the secret is shorter than {MINIMUM_SECRET_BYTES} bytes: without --secret, one is made")
    sealed = Encryption.of(settings).encrypt(secret, context=context_of(name.account_id, name.kid))
    return NewSigningKey(**asdict(name), algorithm="HS256", secret=sealed)


def of_public_key(name: KeyName, pem: str) -> NewSigningKey:
    """Raises CommandError for text that is no public key of an accepted kind."""
    if "PRIVATE KEY" in pem:
        raise CommandError("this is a private key: give the public one, and keep the private one to yourself")
    try:
        key = load_pem_public_key(pem.encode())
    except ValueError:
        raise CommandError("this is not a public key as PEM") from None
    if isinstance(key, RSAPublicKey) and key.key_size >= MINIMUM_RSA_BITS:
        algorithm = "RS256"
    elif isinstance(key, EllipticCurvePublicKey) and isinstance(key.curve, SECP256R1):
        algorithm = "ES256"
    elif isinstance(key, Ed25519PublicKey):
        algorithm = "EdDSA"
    else:
        raise CommandError(f"the key is none of RSA with {MINIMUM_RSA_BITS} bits or more, P-256 and Ed25519")
    return NewSigningKey(**asdict(name), algorithm=algorithm, public_key=pem)


def of_address(settings: Settings, name: KeyName, url: str, algorithm: str) -> NewSigningKey:
    """Raises CommandError for an address that a web process would not request."""
    try:
        jwks.policy(settings).check_url(url)
    except RefusedAddress as refusal:
        raise CommandError(str(refusal)) from refusal
    return NewSigningKey(**asdict(name), algorithm=algorithm, jwks_url=url)


async def add(settings: Settings, key: NewSigningKey) -> None:
    """Raises CommandError for an unknown account, and for a kid that the account has."""
    if not 0 < len(key.kid) <= tokens.LONGEST_KID or not key.kid.isprintable():
        raise CommandError(f"--kid must have 1 to {tokens.LONGEST_KID} printable characters")
    async with operator(settings) as database, database.all_accounts() as tx:
        if key.account_id not in {one.account_id for one in await accounts.accounts(tx)}:
            raise CommandError(f"no account has the id {key.account_id}")
        if not await signing_keys.add(tx, key):
            raise CommandError(f"the account has or had a key {key.kid!r}: choose another --kid")


async def listed(settings: Settings, account_id: UUID | None, *, as_json: bool) -> list[str]:
    """Return a line for each key, below headings unless `as_json`."""
    async with operator(settings) as database, database.all_accounts() as tx:
        found = await signing_keys.keys(tx, account_id=account_id)
    if as_json:
        return [orjson.dumps(_shown(one)).decode() for one in found]
    return aligned([HEADINGS, *(_row(one) for one in found)])


async def revoke(settings: Settings, account_id: UUID, kid: str) -> None:
    """Raises CommandError for a key that the account does not have, or that was revoked before."""
    async with operator(settings) as database, database.all_accounts() as tx:
        if not await signing_keys.revoke(tx, account_id=account_id, kid=kid):
            raise CommandError(f"the account has no key {kid!r} that is not revoked: `signing-key list` shows its keys")


def _shown(key: SigningKey) -> dict[str, object]:
    shown = {
        "account": key.account_id,
        "kid": key.kid,
        "algorithm": key.algorithm,
        "kind": key.kind,
        "jwks": key.jwks_url,
        "issuer": key.issuer,
        "audience": key.audience,
        "created": key.created_at,
        "revoked": key.revoked_at,
    }
    return {name: value for name, value in shown.items() if value is not None}


def _row(key: SigningKey) -> tuple[str, ...]:
    revoked = "" if key.revoked_at is None else f"{key.revoked_at:%Y-%m-%d %H:%M}"
    return (str(key.account_id), key.kid, key.algorithm, key.kind, f"{key.created_at:%Y-%m-%d %H:%M}", revoked)
