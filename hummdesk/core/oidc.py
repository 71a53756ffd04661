"""OpenID Connect: the authorization code flow with PKCE, state and nonce, and the verification of ID tokens.

What an identity provider answers is untrusted, see `hummdesk.core.outbound`. Its documents are read anew for each
sign-in: these are rare, and a rotated key is known at once.
"""

import asyncio
import base64
import hashlib
import hmac
import http.client
import re
import secrets
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, Self
from urllib.parse import quote, urlencode
from uuid import UUID

import jwt
import orjson
from jwt import PyJWK, PyJWKSet

from hummdesk.core.config import Settings
from hummdesk.core.encryption import Encryption, Undecryptable
from hummdesk.core.outbound import Policy, RefusedAddress, requested

CALLBACK = "/sign-in/callback"
DISCOVERY = "/.well-known/openid-configuration"
ATTEMPT_SECONDS = 600
"""Longest time from the click to the return from the provider."""
LEEWAY_SECONDS = 30
ALGORITHMS = frozenset({"RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA"})
"""Signatures with a public key. HS256 would make the client secret a signing key."""
MOST_GROUPS = 1000
LONGEST_SUBJECT = 255
LONGEST_EMAIL = 254
LONGEST_NAME = 100
EMAIL = re.compile(r"[^\s@]+@[^\s@]+")
REQUEST_SECONDS = 5.0
MAX_BYTES = 262_144
WAIT_SECONDS = REQUEST_SECONDS + 1.0
"""Longest wait for an answer. Resolving a name takes as long as the system lets it."""

_threads = ThreadPoolExecutor(max_workers=8, thread_name_prefix="oidc")


class SignInFailed(Exception):
    """A sign-in that the provider or its answer does not allow. `reason` is in the log and on the page."""

    def __init__(self, reason: str, cause: object = None) -> None:
        super().__init__(reason)
        self.reason = reason
        self.cause = cause


def redirect_uri(settings: Settings, account_id: UUID) -> str:
    """The address to which the provider of an account sends browsers back, and which is registered there."""
    return f"{settings.public_address}{CALLBACK}/{account_id}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Client:
    """What a provider knows HummDesk by, for one account."""

    issuer: str
    client_id: str
    client_secret: str | None
    """None: a public client, which PKCE alone protects."""
    scopes: tuple[str, ...]
    redirect_uri: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """A sign-in in progress, in a cookie of the browser that has begun it."""

    account_id: UUID
    state: str
    nonce: str
    verifier: str
    expires_at: float

    @classmethod
    def new(cls, account_id: UUID) -> Self:
        state, nonce, verifier = (secrets.token_urlsafe(32) for _ in range(3))
        expires_at = time.time() + ATTEMPT_SECONDS
        return cls(account_id=account_id, state=state, nonce=nonce, verifier=verifier, expires_at=expires_at)

    def sealed(self, settings: Settings) -> str:
        """The attempt as text that only the server can read and write."""
        fields = {name: getattr(self, name) for name in self.__dataclass_fields__}
        return base64.urlsafe_b64encode(_sealing(settings).encrypt(orjson.dumps(fields), context=_CONTEXT)).decode()

    @classmethod
    def opened(cls, settings: Settings, sealed: str | None) -> Self | None:
        """Return the attempt of an untrusted text; None if it is forged or has expired."""
        try:
            stored = base64.urlsafe_b64decode(sealed or "")
            fields = orjson.loads(_sealing(settings).decrypt(stored, context=_CONTEXT))
        except (Undecryptable, ValueError):
            return None
        attempt = cls(**fields | {"account_id": UUID(fields["account_id"])})
        return attempt if time.time() < attempt.expires_at else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """Whom the provider has authenticated."""

    issuer: str
    subject: str
    email: str | None
    email_verified: bool | None
    """None: the provider does not say."""
    name: str | None
    groups: tuple[str, ...] | None
    """None: the provider sent no groups."""


_CONTEXT = "oidc attempt"


def _sealing(settings: Settings) -> Encryption:
    return Encryption([settings.jwt_secret])


@dataclass(frozen=True, slots=True, kw_only=True)
class Provider:
    """The provider of a client, as its discovery document describes it."""

    client: Client
    policy: Policy
    authorization_endpoint: str
    token_endpoint: str
    jwks_uri: str
    userinfo_endpoint: str | None
    auth_methods: tuple[str, ...]

    @classmethod
    async def discover(cls, client: Client, policy: Policy) -> Self:
        """Raises SignInFailed."""
        document = await _json(client.issuer.rstrip("/") + DISCOVERY, policy)
        if document.get("issuer") != client.issuer:
            raise SignInFailed("provider", "the discovery document names another issuer")
        methods = document.get("token_endpoint_auth_methods_supported")
        userinfo = document.get("userinfo_endpoint")
        provider = cls(
            client=client,
            policy=policy,
            authorization_endpoint=_text(document, "authorization_endpoint"),
            token_endpoint=_text(document, "token_endpoint"),
            jwks_uri=_text(document, "jwks_uri"),
            userinfo_endpoint=userinfo if isinstance(userinfo, str) else None,
            auth_methods=tuple(methods) if isinstance(methods, list) else ("client_secret_basic",),
        )
        try:
            policy.check_url(provider.authorization_endpoint.partition("?")[0])
        except RefusedAddress as error:
            raise SignInFailed("provider", error) from error
        return provider

    def authorization_url(self, attempt: Attempt) -> str:
        challenge = base64.urlsafe_b64encode(hashlib.sha256(attempt.verifier.encode()).digest()).rstrip(b"=").decode()
        query = {
            "response_type": "code",
            "client_id": self.client.client_id,
            "redirect_uri": self.client.redirect_uri,
            "scope": " ".join(self.client.scopes),
            "state": attempt.state,
            "nonce": attempt.nonce,
            "code_challenge": challenge,
            "code_challenge_method": "S256",
        }
        separator = "&" if "?" in self.authorization_endpoint else "?"
        return f"{self.authorization_endpoint}{separator}{urlencode(query)}"

    async def identify(self, code: str, attempt: Attempt, *, groups_claim: str) -> Identity:
        """Exchange a code for the identity of its user. Raises SignInFailed."""
        granted = await self._exchange(code, attempt)
        claims = await self._verified(_text(granted, "id_token"), attempt)
        if self.userinfo_endpoint and not {"email", groups_claim} <= claims.keys():
            claims = await self._userinfo(_text(granted, "access_token"), claims["sub"]) | claims
        return _identity(self.client.issuer, claims, groups_claim)

    async def _exchange(self, code: str, attempt: Attempt) -> dict[str, Any]:
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": self.client.redirect_uri,
            "client_id": self.client.client_id,
            "code_verifier": attempt.verifier,
        }
        headers: dict[str, str] = {}
        secret = self.client.client_secret
        if secret is not None and "client_secret_basic" in self.auth_methods:
            pair = f"{quote(self.client.client_id, safe='')}:{quote(secret, safe='')}"  # RFC 6749, 2.3.1
            headers["Authorization"] = f"Basic {base64.b64encode(pair.encode()).decode()}"
            del form["client_id"]
        elif secret is not None:
            form["client_secret"] = secret
        return await _json(self.token_endpoint, self.policy, form=form, headers=headers)

    async def _verified(self, id_token: str, attempt: Attempt) -> dict[str, Any]:
        """Return the claims of a valid ID token (OpenID Connect Core, 3.1.3.7)."""
        document = await _json(self.jwks_uri, self.policy)
        try:
            key = _key(document, id_token)
            claims: dict[str, Any] = jwt.decode(
                id_token,
                key.key,
                algorithms=[key.algorithm_name],
                audience=self.client.client_id,
                issuer=self.client.issuer,
                leeway=LEEWAY_SECONDS,
                options={"require": ["iss", "sub", "aud", "exp", "iat"]},
            )
        except SignInFailed:
            raise
        except Exception as error:  # a hostile token may make the parsers raise anything
            raise SignInFailed("id_token", type(error).__name__) from None
        _check_claims(claims, self.client.client_id, attempt.nonce)
        return claims

    async def _userinfo(self, access_token: str, subject: str) -> dict[str, Any]:
        headers = {"Authorization": f"Bearer {access_token}"}
        found = await _json(self.userinfo_endpoint or "", self.policy, headers=headers)
        if found.get("sub") != subject:
            raise SignInFailed("provider", "the user info is of another user")
        return found


def _key(document: dict[str, Any], id_token: str) -> PyJWK:
    """Return the key that the token names; without a name the only one of its algorithm."""
    header = jwt.get_unverified_header(id_token)
    algorithm, kid = header.get("alg"), header.get("kid")
    if algorithm not in ALGORITHMS:
        raise SignInFailed("id_token", "algorithm")
    keys = [
        key
        for key in PyJWKSet.from_dict(document).keys
        if key.public_key_use in ("sig", None)
        and key.algorithm_name == algorithm
        and kid in (None, key.key_id)
        and not key.Algorithm.check_key_length(key.key)
    ]
    if len(keys) != 1:
        raise SignInFailed("id_token", "unknown key")
    return keys[0]


def _check_claims(claims: dict[str, Any], client_id: str, nonce: str) -> None:
    subject = claims["sub"]
    if not isinstance(subject, str) or not 0 < len(subject) <= LONGEST_SUBJECT or not subject.isprintable():
        raise SignInFailed("id_token", "sub")
    if not hmac.compare_digest(str(claims.get("nonce")).encode(), nonce.encode()):
        raise SignInFailed("id_token", "nonce")
    has_more_audiences = isinstance(claims["aud"], list) and len(claims["aud"]) > 1
    if claims.get("azp", None if has_more_audiences else client_id) != client_id:
        raise SignInFailed("id_token", "azp")


def _identity(issuer: str, claims: dict[str, Any], groups_claim: str) -> Identity:
    verified, name, groups = claims.get("email_verified"), claims.get("name"), claims.get(groups_claim)
    if isinstance(groups, str):
        groups = [groups]
    return Identity(
        issuer=issuer,
        subject=claims["sub"],
        email=_email(claims.get("email")),
        email_verified=verified if isinstance(verified, bool) else {"true": True, "false": False}.get(str(verified)),
        name="".join(filter(str.isprintable, name))[:LONGEST_NAME].strip() or None if isinstance(name, str) else None,
        groups=tuple(one for one in groups[:MOST_GROUPS] if isinstance(one, str)) if isinstance(groups, list) else None,
    )


def _email(claim: object) -> str | None:
    if isinstance(claim, str) and len(claim) <= LONGEST_EMAIL and claim.isprintable() and EMAIL.fullmatch(claim):
        return claim
    return None


async def _json(
    url: str, policy: Policy, *, form: dict[str, str] | None = None, headers: dict[str, str] | None = None
) -> dict[str, Any]:
    """Return the JSON object at an address. Raises SignInFailed."""
    try:
        async with asyncio.timeout(WAIT_SECONDS):
            body = await asyncio.get_running_loop().run_in_executor(_threads, _body, url, policy, form, headers or {})
        found = orjson.loads(body)
    except (RefusedAddress, OSError, http.client.HTTPException, ValueError) as error:
        raise SignInFailed("provider", f"{type(error).__name__}: {error}"[:200]) from error
    if not isinstance(found, dict):
        raise SignInFailed("provider", "no JSON object")
    return found


def _body(url: str, policy: Policy, form: dict[str, str] | None, headers: dict[str, str]) -> bytes:
    """Return the body at an address, for a form that of the answer to its POST."""
    sent = {"Accept": "application/json"} | headers
    if form is not None:
        sent["Content-Type"] = "application/x-www-form-urlencoded"
    with requested(
        "GET" if form is None else "POST",
        url,
        policy,
        headers=sent,
        body=None if form is None else urlencode(form).encode(),
        seconds=REQUEST_SECONDS,
        max_bytes=MAX_BYTES,
    ) as response:
        if response.status != http.client.OK:
            raise http.client.HTTPException(f"HTTP status {response.status}")
        return response.read()


def _text(document: dict[str, Any], name: str) -> str:
    value = document.get(name)
    if not isinstance(value, str):
        raise SignInFailed("provider", f"no {name}")
    return value
