"""The keys that an identity provider publishes at a JWKS address (RFC 7517).

An address comes from a tenant: see core/outbound.py.
"""

import asyncio
import http.client
import logging
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from urllib.parse import urlsplit

import orjson
from jwt import PyJWK, PyJWKClient, PyJWKSet
from jwt.exceptions import PyJWKClientConnectionError, PyJWTError

from hummdesk.core.config import Settings
from hummdesk.core.errors import Unavailable
from hummdesk.core.metrics import ERRORS
from hummdesk.core.outbound import EVERYWHERE, Policy, RefusedAddress, requested

log = logging.getLogger(__name__)

FETCH_SECONDS = 5.0
"""Longest request, from the connect to the last byte."""
MAX_BYTES = 262_144
NEVER = float("-inf")
FRESH_SECONDS = 300.0
STALE_SECONDS = 3600.0
"""While the address does not answer, keys that were fetched within this time are still accepted."""
RETRY_SECONDS = 10.0
"""After a failed request no other one is made for this time."""
UNKNOWN_KEY_SECONDS = 30.0
"""A token with an unknown `kid` causes a request at most this often."""
WAIT_SECONDS = FETCH_SECONDS + 1.0
"""Longest wait of a token for a request. Resolving a name takes as long as the system lets it."""

_threads = ThreadPoolExecutor(max_workers=16, thread_name_prefix="jwks")


def policy(settings: Settings) -> Policy:
    """Return which JWKS addresses may be requested."""
    is_development = settings.hummdesk_env == "development"
    return Policy(
        networks=EVERYWHERE if is_development else (),
        hosts=frozenset(host.strip().lower() for host in settings.jwks_internal_hosts.split(",")),
        setting="JWKS_INTERNAL_HOSTS",
    )


def fetch(url: str, policy: Policy) -> bytes:
    """Return the body at `url`; blocks for at most FETCH_SECONDS, and the time that a name takes to resolve.

    Raises RefusedAddress, OSError, http.client.HTTPException, or ValueError for a body that is too large.
    """
    headers = {"Accept": "application/json"}
    with requested("GET", url, policy, headers=headers, seconds=FETCH_SECONDS, max_bytes=MAX_BYTES) as response:
        if response.status != http.client.OK:
            raise http.client.HTTPException(f"HTTP status {response.status}")
        return response.read()


class JwksClient(PyJWKClient):
    """PyJWT's client, with the request above, which blocks; the keys that were fetched are read from any thread."""

    def __init__(self, url: str, policy: Policy) -> None:
        super().__init__(url, cache_jwk_set=False)
        self._policy = policy
        self._fetched: PyJWKSet | None = None
        self._fetched_at = NEVER

    def fetch_data(self) -> Any:
        """Fetch and parse the keys. Raises PyJWKClientConnectionError."""
        try:
            document = orjson.loads(fetch(self.uri, self._policy))
            fetched = PyJWKSet.from_dict(self._as_jwk_set_payload(document))
        except (RefusedAddress, OSError, http.client.HTTPException, ValueError, PyJWTError) as error:
            raise PyJWKClientConnectionError(f"{type(error).__name__}: {error}"[:200]) from error
        self._fetched, self._fetched_at = fetched, time.monotonic()
        return fetched

    def has_fetched(self, *, within: float) -> bool:
        return time.monotonic() - self._fetched_at < within

    def known(self, kid: str, *, within: float) -> PyJWK | None:
        """Return a key that was fetched within that many seconds."""
        if self._fetched is None or not self.has_fetched(within=within):
            return None
        return self.match_kid([one for one in self._fetched.keys if one.public_key_use in ("sig", None)], kid)


class JwksKeys:
    """The keys of one address. One request at a time; it blocks a thread and never the event loop."""

    def __init__(self, url: str, policy: Policy) -> None:
        self._client = JwksClient(url, policy)
        self._request: asyncio.Task[None] | None = None
        self._failed_at = NEVER

    async def find(self, kid: str) -> PyJWK | None:
        """Return the key of a `kid`, or None. Raises Unavailable while the address does not answer."""
        known = self._client.known(kid, within=FRESH_SECONDS)
        if known is not None or self._client.has_fetched(within=UNKNOWN_KEY_SECONDS):
            return known
        if not self._has_failed():
            await self._fetch()
            known = self._client.known(kid, within=FRESH_SECONDS)
        if known is not None or not self._has_failed():
            return known
        stale = self._client.known(kid, within=STALE_SECONDS)
        if stale is None:
            raise Unavailable("The keys of the token's issuer cannot be fetched; try again")
        return stale

    async def _fetch(self) -> None:
        """Wait for the request in progress, or for a new one."""
        if self._request is None or self._request.done():
            self._request = asyncio.create_task(self._refresh())
        await asyncio.wait([self._request], timeout=WAIT_SECONDS)
        if not self._request.done():
            self._fail("timeout")

    async def _refresh(self) -> None:
        try:
            await asyncio.get_running_loop().run_in_executor(_threads, self._client.get_jwk_set)
        except Exception as error:  # a hostile document may make the parsers raise anything
            self._fail(str(error))

    def _has_failed(self) -> bool:
        return time.monotonic() - self._failed_at < RETRY_SECONDS

    def _fail(self, reason: str) -> None:
        self._failed_at = time.monotonic()
        ERRORS.labels("jwks", Unavailable.code).inc()
        log.warning("jwks.fetch_failed", extra={"host": urlsplit(self._client.uri).hostname, "reason": reason})
