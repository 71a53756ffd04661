"""Signing keys that an account adds: a secret, a public key, or the address of public keys."""

from dataclasses import asdict, dataclass
from uuid import UUID

from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, EllipticCurvePublicKey
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.serialization import load_pem_public_key

from hummdesk.core import jwks
from hummdesk.core.config import Settings
from hummdesk.core.config_checks import MINIMUM_SECRET_BYTES
from hummdesk.core.encryption import Encryption
from hummdesk.core.errors import Invalid
from hummdesk.core.outbound import RefusedAddress
from hummdesk.storage.signing_keys import NewSigningKey, context_of

MINIMUM_RSA_BITS = 2048


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyName:
    """What a new key of any kind has."""

    account_id: UUID
    kid: str
    issuer: str | None = None
    audience: str | None = None


def of_secret(settings: Settings, name: KeyName, secret: bytes) -> NewSigningKey:
    """Raises Invalid for a weak secret, and SettingsError without ENCRYPTION_KEYS."""
    if len(secret) < MINIMUM_SECRET_BYTES:
        raise _invalid("secret", f"the secret is shorter than {MINIMUM_SECRET_BYTES} bytes; without one, it is made")
    sealed = Encryption.of(settings).encrypt(secret, context=context_of(name.account_id, name.kid))
    return NewSigningKey(**asdict(name), algorithm="HS256", secret=sealed)


def of_public_key(name: KeyName, pem: str) -> NewSigningKey:
    """Raises Invalid for text that is no public key of an accepted kind."""
    if "PRIVATE KEY" in pem:
        raise _invalid("publicKey", "this is a private key: give the public one, and keep the private one to yourself")
    try:
        key = load_pem_public_key(pem.encode())
    except ValueError:
        raise _invalid("publicKey", "this is not a public key as PEM") from None
    if isinstance(key, RSAPublicKey) and key.key_size >= MINIMUM_RSA_BITS:
        algorithm = "RS256"
    elif isinstance(key, EllipticCurvePublicKey) and isinstance(key.curve, SECP256R1):
        algorithm = "ES256"
    elif isinstance(key, Ed25519PublicKey):
        algorithm = "EdDSA"
    else:
        raise _invalid("publicKey", f"the key is none of RSA with {MINIMUM_RSA_BITS} bits or more, P-256 and Ed25519")
    return NewSigningKey(**asdict(name), algorithm=algorithm, public_key=pem)


def of_address(settings: Settings, name: KeyName, url: str, algorithm: str) -> NewSigningKey:
    """Raises Invalid for an address that a web process would not request."""
    try:
        jwks.policy(settings).check_url(url)
    except RefusedAddress as refusal:
        raise _invalid("jwksUrl", str(refusal)) from refusal
    return NewSigningKey(**asdict(name), algorithm=algorithm, jwks_url=url)


def _invalid(field: str, message: str) -> Invalid:
    return Invalid(message, details={field: [message]})
