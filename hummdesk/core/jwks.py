"""The keys that an identity provider publishes at a JWKS address (RFC 7517).

An address comes from a tenant, and what it answers is untrusted: the request is limited in size and time, follows no
redirect, uses no proxy, and connects to public IP addresses only, to exactly the one that was checked.
"""

import asyncio
import http.client
import ipaddress
import logging
import socket
import ssl
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from ipaddress import IPv4Address, IPv6Address
from typing import Any
from urllib.parse import SplitResult, urlsplit

import orjson
from jwt import PyJWK, PyJWKClient, PyJWKSet
from jwt.exceptions import PyJWKClientConnectionError, PyJWTError

from hummdesk.core.config import Settings
from hummdesk.core.errors import Unavailable
from hummdesk.core.metrics import ERRORS

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

Address = IPv4Address | IPv6Address
NAT64 = ipaddress.IPv6Network("64:ff9b::/96")

_threads = ThreadPoolExecutor(max_workers=16, thread_name_prefix="jwks")


class RefusedAddress(Exception):
    """The address may not be requested. The message says why."""


class Policy:
    """Which addresses may be requested."""

    def __init__(self, settings: Settings) -> None:
        self._in_development = settings.hummdesk_env == "development"
        self._internal_hosts = {host.strip().lower() for host in settings.jwks_internal_hosts.split(",")}

    def check_url(self, url: str) -> None:
        """Raises RefusedAddress."""
        parts = _parsed(url)
        schemes = {"https", "http"} if self._in_development else {"https"}
        if parts is None or parts.scheme not in schemes or not parts.hostname:
            raise RefusedAddress(f"{url!r} is not an address like https://id.example/jwks.json")
        if parts.username is not None or parts.password is not None or parts.fragment:
            raise RefusedAddress("a JWKS address has no user, password or fragment")
        with suppress(ValueError):
            self.check_ip(parts.hostname, ipaddress.ip_address(parts.hostname))

    def check_ip(self, host: str, ip: Address) -> None:
        """Raises RefusedAddress for an address that is not public, unless its host may have one."""
        if not (self._in_development or host.lower() in self._internal_hosts or is_public(ip)):
            raise RefusedAddress(f"{host} has the internal address {ip}; JWKS_INTERNAL_HOSTS allows hosts that may")


def _parsed(url: str) -> SplitResult | None:
    """Return the parts of a URL; None if its host or port is invalid."""
    try:
        parts = urlsplit(url)
        return None if parts.port == 0 else parts
    except ValueError:
        return None


def is_public(ip: Address) -> bool:
    """Whether an address belongs to the public Internet, also the IPv4 address that an IPv6 address leads to."""
    if isinstance(ip, IPv6Address):
        if ip in NAT64:
            return is_public(IPv4Address(ip.packed[-4:]))
        teredo = ip.teredo[1] if ip.teredo else None
        for inner in (ip.ipv4_mapped, ip.sixtofour, teredo):
            if inner is not None:
                return is_public(inner)
    return ip.is_global and not ip.is_multicast and not ip.is_reserved


def fetch(url: str, policy: Policy) -> bytes:
    """Return the body at `url`; blocks for at most FETCH_SECONDS, and the time that a name takes to resolve.

    Raises RefusedAddress, OSError, http.client.HTTPException, or ValueError for a body that is too large.
    """
    policy.check_url(url)
    parts = urlsplit(url)
    host, port = parts.hostname or "", parts.port or (443 if parts.scheme == "https" else 80)
    ip = _resolved(host, port, policy)
    connection = _Connection(host, port, ip=ip, with_tls=parts.scheme == "https")
    deadline = threading.Timer(FETCH_SECONDS, connection.abort)
    deadline.start()
    try:
        target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        connection.request("GET", target, headers={"Accept": "application/json", "Accept-Encoding": "identity"})
        with connection.getresponse() as response:
            return _body(response)
    finally:
        deadline.cancel()
        connection.close()


def _resolved(host: str, port: int, policy: Policy) -> str:
    """Return the IP address to connect to. All addresses of the host must be allowed."""
    found = [str(entry[4][0]) for entry in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)]
    for ip in found:
        policy.check_ip(host, ipaddress.ip_address(ip.partition("%")[0]))
    return found[0]


def _body(response: http.client.HTTPResponse) -> bytes:
    if response.status != http.client.OK:
        raise http.client.HTTPException(f"HTTP status {response.status}")
    body = response.read(MAX_BYTES + 1)
    if len(body) > MAX_BYTES:
        raise ValueError(f"more than {MAX_BYTES} bytes")
    return body


class _Connection(http.client.HTTPConnection):
    """Connects to an IP address that was checked: a second look-up could return another one."""

    def __init__(self, host: str, port: int, *, ip: str, with_tls: bool) -> None:
        super().__init__(host, port, timeout=FETCH_SECONDS)
        self.default_port = 443 if with_tls else 80
        self._ip = ip
        self._with_tls = with_tls
        self._opened: socket.socket | None = None

    def connect(self) -> None:
        self.sock = self._opened = socket.create_connection((self._ip, self.port), FETCH_SECONDS)
        if self._with_tls:
            self.sock = ssl.create_default_context().wrap_socket(
                self.sock, server_hostname=self.host, do_handshake_on_connect=False
            )
            self._opened = self.sock
            self.sock.do_handshake()

    def abort(self) -> None:
        """End a request in progress, from another thread: below TLS, whose state belongs to the other one."""
        if self._opened is not None:
            with suppress(OSError):
                socket.socket.shutdown(self._opened, socket.SHUT_RDWR)


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
