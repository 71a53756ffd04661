"""JSON Web Tokens: the command line issues them, the web process verifies them.

A token is signed with a key of its account, which it names by `kid`, or else with the key of the settings.
"""

import base64
import math
import time
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, get_args
from uuid import UUID

import jwt
import orjson
from jwt.algorithms import get_default_algorithms
from jwt.types import Options

from hummdesk.core.config import Settings, SettingsError
from hummdesk.core.errors import TokenExpired, Unauthorized
from hummdesk.core.models import Person, Role

LONGEST = 8192
"""Characters; longer tokens are rejected before they are parsed."""
LONGEST_KID = 128

REFUSED = "The token is not valid"
SESSION = "staffSession"
"""The claim of a token for a staff session; read only if HummDesk itself has issued the token."""
TOO_LONG_VALID = "The token is valid for longer than JWT_MAX_HOURS"


@dataclass(frozen=True, slots=True, kw_only=True)
class VerificationKey:
    """A key, the only algorithm that is accepted with it, and required values of `iss` and `aud`; empty: not checked.

    `account_id` and `name` are those of a key of an account, which verifies tokens of that account only.
    """

    algorithm: str
    key: Any
    issuer: str = ""
    audience: str = ""
    account_id: UUID | None = None
    name: str | None = None

    @property
    def is_own(self) -> bool:
        """Whether HummDesk itself issues tokens with this key."""
        return self.account_id is None and self.algorithm == "HS256"


NOBODY = UUID(int=0)
EXTERNAL_ID = "externalId"


@dataclass(frozen=True, slots=True, kw_only=True)
class Claims:
    """The claims of a verified token. The database decides whether its bearer has access, and limits the role."""

    user_id: UUID
    """NOBODY for a customer who is named by `externalId` only."""
    account_id: UUID
    email: str
    role: Role
    expires_at: float
    """Seconds since 1970, as from `time.time()`."""
    signed_with: str | None = None
    """The name of the account's key; None: that of the settings."""
    staff_session_id: UUID | None = None
    """The session for which the token was issued, and with which it ends."""
    customer: dict[str, Any] | None = None
    """All claims, not validated yet, of a customer with an `externalId` under a key of the account."""

    @property
    def is_revocable(self) -> bool:
        return self.signed_with is not None or self.staff_session_id is not None


def issue(settings: Settings, person: Person, *, hours: float = 1.0, staff_session_id: UUID | None = None) -> str:
    """Issue a token for `person`. Raise SettingsError if tokens are signed with a private key.

    With `staff_session_id` it ends with that session.
    """
    if settings.jwt_algorithm != "HS256":
        raise SettingsError(
            [f"JWT_ALGORITHM: {settings.jwt_algorithm} tokens can be issued only with their private key"]
        )
    now = time.time()
    claims: dict[str, Any] = person.wire() | {"iat": int(now), "exp": math.ceil(now + hours * 3600)}
    if staff_session_id is not None:
        claims[SESSION] = str(staff_session_id)
    if settings.jwt_issuer:
        claims["iss"] = settings.jwt_issuer
    if settings.jwt_audience:
        claims["aud"] = settings.jwt_audience
    return jwt.encode(claims, settings.jwt_secret, algorithm="HS256")


def verify(settings: Settings, token: object, key: VerificationKey | None = None) -> Claims:
    """Return the claims of a valid token, or raise TokenExpired or Unauthorized.

    `key`: that of the account; without one, the key of the settings verifies. `token` is untrusted input of any type.
    No error or cause of an error contains it.
    """
    if not isinstance(token, str) or len(token) > LONGEST:
        raise Unauthorized(REFUSED)
    try:
        return _verified(settings, token, key or key_of(settings))
    except jwt.ExpiredSignatureError:
        raise TokenExpired from None
    except Unauthorized:
        raise
    except Exception:  # a hostile token may make the parsers raise anything
        raise Unauthorized(REFUSED) from None


def named_key(token: object) -> tuple[UUID, str] | None:
    """Return the account and the `kid` that an unverified token names; None if it names no key."""
    if not isinstance(token, str) or len(token) > LONGEST:
        return None
    try:
        header, payload, _ = token.split(".")
        kid = _part(header).get("kid")
        if not isinstance(kid, str) or not 0 < len(kid) <= LONGEST_KID:
            return None
        return UUID(_part(payload)["accountId"]), kid
    except Exception:  # not a token, which `verify` refuses
        return None


def check(settings: Settings) -> None:
    """Reject an unusable key at the start instead of at the first token."""
    try:
        parsed_key(settings.jwt_algorithm, settings.jwt_public_key, settings.jwt_secret)
    except Exception as error:
        reason = error.strerror if isinstance(error, OSError) else f"not a PEM key of {settings.jwt_algorithm}"
        raise SettingsError([f"JWT_PUBLIC_KEY: {reason}"]) from error


def key_of(settings: Settings) -> VerificationKey:
    return VerificationKey(
        algorithm=settings.jwt_algorithm,
        key=parsed_key(settings.jwt_algorithm, settings.jwt_public_key, settings.jwt_secret),
        issuer=settings.jwt_issuer,
        audience=settings.jwt_audience,
    )


@lru_cache(maxsize=8)
def parsed_key(algorithm: str, public_key: str, secret: str) -> Any:
    """Return the parsed key, cached: parsing a PEM key costs more than a verification."""
    if algorithm == "HS256":
        return secret
    pem = public_key.replace("\\n", "\n") if public_key.startswith("-----") else Path(public_key).read_text()
    return parsed_pem(algorithm, pem)


def parsed_pem(algorithm: str, pem: str) -> Any:
    """Return the public key of a PEM text. Raises an exception of the parser unless it is one of the algorithm."""
    if "PRIVATE KEY" in pem:
        raise ValueError("a private key")
    return get_default_algorithms()[algorithm].prepare_key(pem)


def _part(part: str) -> dict[str, Any]:
    found: dict[str, Any] = orjson.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))
    return found


def _verified(settings: Settings, token: str, key: VerificationKey) -> Claims:
    payload = _decode(token, key)
    claims = _claims(payload, key)
    if key.account_id not in (None, claims.account_id):
        raise ValueError("a key of another account")
    _check_times(settings, payload, claims.expires_at)
    return claims


def _decode(token: str, key: VerificationKey) -> dict[str, Any]:
    options: Options = {
        "require": ["exp"],
        "verify_aud": bool(key.audience),
        "verify_iss": bool(key.issuer),
        # These two have a leeway, and `exp` has none.
        "verify_nbf": False,
        "verify_iat": False,
        # Nothing depends on these.
        "verify_sub": False,
        "verify_jti": False,
    }
    return jwt.decode(
        token,
        key.key,
        algorithms=[key.algorithm],
        options=options,
        audience=key.audience or None,
        issuer=key.issuer or None,
    )


def _claims(payload: dict[str, Any], key: VerificationKey) -> Claims:
    if EXTERNAL_ID in payload and key.account_id is not None and payload.get("role", "customer") == "customer":
        return Claims(
            user_id=_contact(payload.get("userId")),
            account_id=UUID(payload["accountId"]),
            email="",
            role="customer",
            expires_at=_time(payload["exp"]),
            signed_with=key.name,
            customer=payload,
        )
    role, email = payload["role"], payload["email"]
    if role not in get_args(Role) or not isinstance(email, str):
        raise ValueError("a claim of the wrong type")
    return Claims(
        user_id=UUID(payload["userId"]),
        account_id=UUID(payload["accountId"]),
        email=email,
        role=role,
        expires_at=_time(payload["exp"]),
        signed_with=key.name,
        staff_session_id=UUID(payload[SESSION]) if SESSION in payload and key.is_own else None,
    )


def _contact(value: object) -> UUID:
    """The contact that a customer's token names beside `externalId`, if any."""
    try:
        return UUID(value) if isinstance(value, str) else NOBODY
    except ValueError:
        return NOBODY


def _check_times(settings: Settings, payload: dict[str, Any], expires_at: float) -> None:
    """Check `nbf`, `iat` and the time from issue to expiry. The clock of an issuer may be ahead by the leeway."""
    now, leeway, longest = time.time(), settings.jwt_leeway_seconds, settings.jwt_max_hours * 3600
    begins = [_time(payload[name]) for name in ("nbf", "iat") if name in payload]
    if begins and max(begins) > now + leeway:
        raise ValueError("not valid yet")
    issued_at = _time(payload["iat"]) if "iat" in payload else now
    if longest and expires_at - issued_at > longest + leeway:
        raise Unauthorized(TOO_LONG_VALID)


def _time(value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise ValueError("not a time")
    return float(value)
