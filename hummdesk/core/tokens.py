"""JSON Web Tokens: the command line issues them, the web process verifies them."""

import math
import time
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, get_args
from uuid import UUID

import jwt
from jwt.algorithms import get_default_algorithms
from jwt.types import Options

from hummdesk.core.config import Settings, SettingsError
from hummdesk.core.errors import TokenExpired, Unauthorized
from hummdesk.core.models import Person, Role

LONGEST = 8192
"""Characters; longer tokens are rejected before they are parsed."""

REFUSED = "The token is not valid"


@dataclass(frozen=True, slots=True, kw_only=True)
class Claims:
    """The claims of a verified token. The database decides whether its bearer has access, and with which role."""

    user_id: UUID
    account_id: UUID
    email: str
    role: Role
    expires_at: float
    """Seconds since 1970, as from `time.time()`."""


def issue(settings: Settings, person: Person, *, hours: float = 1.0) -> str:
    """Issue a token for `person`. Raise SettingsError if tokens are signed with a private key."""
    if settings.jwt_algorithm != "HS256":
        raise SettingsError(
            [f"JWT_ALGORITHM: {settings.jwt_algorithm} tokens can be issued only with their private key"]
        )
    claims: dict[str, Any] = person.wire() | {"exp": math.ceil(time.time() + hours * 3600)}
    if settings.jwt_issuer:
        claims["iss"] = settings.jwt_issuer
    if settings.jwt_audience:
        claims["aud"] = settings.jwt_audience
    return jwt.encode(claims, settings.jwt_secret, algorithm="HS256")


def verify(settings: Settings, token: object) -> Claims:
    """Return the claims of a valid token, or raise TokenExpired or Unauthorized.

    `token` is untrusted input of any type. No error or cause of an error contains it.
    """
    if not isinstance(token, str) or len(token) > LONGEST:
        raise Unauthorized(REFUSED)
    try:
        return _claims(_decode(settings, token))
    except jwt.ExpiredSignatureError:
        raise TokenExpired from None
    except Exception:  # a hostile token may make the parsers raise anything
        raise Unauthorized(REFUSED) from None


def check(settings: Settings) -> None:
    """Reject an unusable key at the start instead of at the first token."""
    try:
        verification_key(settings.jwt_algorithm, settings.jwt_public_key, settings.jwt_secret)
    except Exception as error:
        reason = error.strerror if isinstance(error, OSError) else f"not a PEM key of {settings.jwt_algorithm}"
        raise SettingsError([f"JWT_PUBLIC_KEY: {reason}"]) from error


@lru_cache(maxsize=8)
def verification_key(algorithm: str, public_key: str, secret: str) -> Any:
    """Return the parsed key, cached: parsing a PEM key costs more than a verification."""
    if algorithm == "HS256":
        return secret
    pem = public_key.replace("\\n", "\n") if public_key.startswith("-----") else Path(public_key).read_text()
    if "PRIVATE KEY" in pem:
        raise ValueError("a private key")
    return get_default_algorithms()[algorithm].prepare_key(pem)


def _decode(settings: Settings, token: str) -> dict[str, Any]:
    options: Options = {
        "require": ["exp"],
        "verify_aud": bool(settings.jwt_audience),
        "verify_iss": bool(settings.jwt_issuer),
        # Nothing depends on these, and the clock of an issuer may be a second ahead.
        "verify_iat": False,
        "verify_sub": False,
        "verify_jti": False,
    }
    return jwt.decode(
        token,
        verification_key(settings.jwt_algorithm, settings.jwt_public_key, settings.jwt_secret),
        algorithms=[settings.jwt_algorithm],
        options=options,
        audience=settings.jwt_audience or None,
        issuer=settings.jwt_issuer or None,
    )


def _claims(payload: dict[str, Any]) -> Claims:
    role, email, expiry = payload["role"], payload["email"], payload["exp"]
    if role not in get_args(Role) or not isinstance(email, str) or type(expiry) not in (int, float):
        raise ValueError("a claim of the wrong type")
    return Claims(
        user_id=UUID(payload["userId"]),
        account_id=UUID(payload["accountId"]),
        email=email,
        role=role,
        expires_at=float(expiry),
    )
