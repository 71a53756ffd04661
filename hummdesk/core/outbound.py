"""Requests to addresses that tenants choose.

What such an address answers is untrusted, and its name may resolve to an internal address. A request is limited in time
and size, follows no redirect, uses no proxy, and connects to exactly the IP address that was checked. It blocks its
thread.
"""

import functools
import http.client
import io
import ipaddress
import os
import socket
import ssl
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network
from urllib.parse import SplitResult, urlsplit

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network

LONGEST_URL = 2048
NAT64 = IPv6Network("64:ff9b::/96")
GLOBAL_UNICAST = IPv6Network("2000::/3")
NOT_PUBLIC: tuple[Network, ...] = (
    IPv4Network("168.63.129.16/32"),
    IPv4Network("192.0.0.0/24"),
    IPv4Network("192.88.99.0/24"),
    IPv6Network("3fff::/20"),
)
"""Not known as such to every supported Python: metadata of machines at Azure and Oracle, 6to4 relays, documentation."""

EVERYWHERE: tuple[Network, ...] = (IPv4Network("0.0.0.0/0"), IPv6Network("::/0"))


class RefusedAddress(Exception):
    """The address may not be requested. The message says why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """Which addresses may be requested: public ones by HTTPS, and what the fields add."""

    networks: tuple[Network, ...] = ()
    """Internal addresses that may be requested, also by HTTP."""
    hosts: frozenset[str] = frozenset()
    """Hosts, in lower case, that may have an internal address."""
    allows_http: bool = False
    setting: str
    """The name of the setting that allows an internal address."""

    def check_url(self, url: str) -> None:
        """Raises RefusedAddress."""
        parts = _parsed(url)
        schemes = {"https", "http"} if self.allows_http or self.networks else {"https"}
        if parts is None or parts.scheme not in schemes or not parts.hostname:
            raise RefusedAddress(f"{url!r} is not an address like https://id.example/path")
        if parts.username is not None or parts.password is not None or parts.fragment:
            raise RefusedAddress("an address has no user, password or fragment")
        with suppress(ValueError):
            self.check_ip(parts, ipaddress.ip_address(parts.hostname))

    def check_ip(self, parts: SplitResult, ip: Address) -> None:
        """Raises RefusedAddress for an IP address that the host of a URL may not have."""
        if any(_mapped(ip) in network or ip in network for network in self.networks):
            return
        host = (parts.hostname or "").lower()
        if host not in self.hosts and not is_public(ip):
            raise RefusedAddress(f"{host} has the internal address {ip}; {self.setting} allows internal addresses")
        if parts.scheme != "https" and not self.allows_http:
            raise RefusedAddress(f"{host} has the address {ip}, to which only https:// is allowed")


def networks_of(text: str) -> tuple[Network, ...]:
    """Parse networks like `10.1.0.0/16`, separated by commas. Raises ValueError."""
    return tuple(ipaddress.ip_network(part.strip()) for part in text.split(",") if part.strip())


def is_public(ip: Address) -> bool:
    """Whether an address belongs to the public Internet, also the IPv4 address that an IPv6 address leads to."""
    if isinstance(ip, IPv6Address):
        if ip in NAT64:
            return is_public(IPv4Address(ip.packed[-4:]))
        teredo = ip.teredo[1] if ip.teredo else None
        for inner in (ip.ipv4_mapped, ip.sixtofour, teredo):
            if inner is not None:
                return is_public(inner)
        if ip not in GLOBAL_UNICAST:
            return False
    is_known = any(ip in network for network in NOT_PUBLIC)
    return ip.is_global and not ip.is_multicast and not ip.is_reserved and not is_known


@contextmanager
def requested(
    method: str,
    url: str,
    policy: Policy,
    *,
    headers: Mapping[str, str],
    body: bytes | None = None,
    seconds: float,
    max_bytes: int,
) -> Iterator[http.client.HTTPResponse]:
    """Send a request and yield its response, whose headers have arrived; leaving the block closes the connection.

    The time from the connect to the end of the block is limited to `seconds`, the size of headers and body together to
    `max_bytes`. Resolving the name takes as long as the system lets it, in addition.

    Raises RefusedAddress, OSError (TimeoutError at the deadline), http.client.HTTPException, or ValueError for a
    response that is too large.
    """
    policy.check_url(url)
    parts = urlsplit(url)
    connection = _Connection(parts, _resolved(parts, policy), seconds=seconds, max_bytes=max_bytes)
    deadline = threading.Timer(seconds, connection.abort)
    deadline.daemon = True
    deadline.start()
    try:
        target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        connection.request(method, target, body, {"Connection": "close", "Accept-Encoding": "identity", **headers})
        with connection.getresponse() as response:
            connection.check_deadline()  # the end of the connection counts as the end of the headers
            yield response
        connection.check_deadline()
    except (OSError, http.client.HTTPException):
        connection.check_deadline()
        raise
    finally:
        deadline.cancel()
        connection.close()


def _parsed(url: str) -> SplitResult | None:
    """Return the parts of a URL; None if it is too long, or its host or port is invalid."""
    if len(url) > LONGEST_URL or not url.isprintable() or " " in url or "\\" in url:
        return None
    try:
        parts = urlsplit(url)
        return None if parts.port == 0 else parts
    except ValueError:
        return None


def _mapped(ip: Address) -> Address:
    return (ip.ipv4_mapped or ip) if isinstance(ip, IPv6Address) else ip


def _port(parts: SplitResult) -> int:
    return parts.port or (443 if parts.scheme == "https" else 80)


def _resolved(parts: SplitResult, policy: Policy) -> list[str]:
    """Return the IP addresses of the host, all of which must be allowed."""
    try:
        found = socket.getaddrinfo(parts.hostname, _port(parts), type=socket.SOCK_STREAM)
    except UnicodeError as error:  # a label that is empty or too long
        raise OSError(f"{parts.hostname!r} is not a host name") from error
    ips = [str(entry[4][0]) for entry in found]
    for ip in ips:
        policy.check_ip(parts, ipaddress.ip_address(ip.partition("%")[0]))
    return ips


@functools.lru_cache(maxsize=1)
def _tls(*_certificates: str | None) -> ssl.SSLContext:
    """Loading the certificates of the authorities takes longer than a request."""
    return ssl.create_default_context()


class _Connection(http.client.HTTPConnection):
    """Connects to an IP address that was checked: a second look-up could return another one."""

    def __init__(self, parts: SplitResult, ips: list[str], *, seconds: float, max_bytes: int) -> None:
        super().__init__(parts.hostname or "", _port(parts))
        self.default_port = 443 if parts.scheme == "https" else 80
        self.response_class = functools.partial(_Response, max_bytes=max_bytes)  # type: ignore[assignment]
        self._ips = ips
        self._deadline = time.monotonic() + seconds
        self._opened: socket.socket | None = None
        self._is_aborted = False

    def connect(self) -> None:
        self.sock = self._opened = self._open()
        self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if self.default_port == 443:
            context = _tls(os.environ.get("SSL_CERT_FILE"), os.environ.get("SSL_CERT_DIR"))
            self.sock = context.wrap_socket(self.sock, server_hostname=self.host, do_handshake_on_connect=False)
            self._opened = self.sock
            self.sock.do_handshake()
        if self._is_aborted:  # before there was a socket to shut down
            raise TimeoutError

    def abort(self) -> None:
        """End a request in progress, from another thread: below TLS, whose state belongs to the other one."""
        self._is_aborted = True
        if self._opened is not None:
            with suppress(OSError):
                socket.socket.shutdown(self._opened, socket.SHUT_RDWR)

    def check_deadline(self) -> None:
        """Raises TimeoutError after `abort`."""
        if self._is_aborted:
            raise TimeoutError("no complete response in time")

    def _open(self) -> socket.socket:
        """Connect to the first address that accepts."""
        for ip in self._ips[:-1]:
            with suppress(OSError):
                return self._open_at(ip)
        return self._open_at(self._ips[-1])

    def _open_at(self, ip: str) -> socket.socket:
        return socket.create_connection((ip, self.port), max(self._deadline - time.monotonic(), 0.001))


class _Response(http.client.HTTPResponse):
    def __init__(self, sock: socket.socket, debuglevel: int = 0, method: str | None = None, *, max_bytes: int) -> None:
        super().__init__(sock, debuglevel, method)
        self.fp = io.BufferedReader(_Limited(self.fp.detach(), max_bytes))


class _Limited(io.RawIOBase):
    """The received bytes of a connection; raises ValueError beyond a limit."""

    def __init__(self, source: io.RawIOBase, max_bytes: int) -> None:
        self._source = source
        self._max_bytes = self._left = max_bytes

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int | None:  # type: ignore[override]
        number = self._source.readinto(buffer)
        self._left -= number or 0
        if self._left < 0:
            raise ValueError(f"more than {self._max_bytes} bytes")
        return number

    def close(self) -> None:
        self._source.close()
        super().close()
