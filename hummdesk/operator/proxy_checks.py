"""Checks of the proxy in front of the web processes, made through it as a browser connects."""

import http
import http.client
import json
import ssl
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from http.cookies import CookieError, SimpleCookie
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from hummdesk.core.certificates import certificate_findings
from hummdesk.core.config import Settings
from hummdesk.core.findings import Finding, clock_findings

TIMEOUT_SECONDS = 10.0
MAX_BYTES = 1 << 20
USUAL_IDLE_SECONDS = 60.0
"""Load balancers close a connection that was idle for so long unless they are configured otherwise."""
REQUESTS_OF_SESSION = 6
"""Further requests of one session: with two processes, all reach the right one by chance once in 64 times."""
LOOPBACK = ("localhost", "127.0.0.1", "::1")
POLLING = "/socket.io/?EIO=4&transport=polling"
WEBSOCKET = "/socket.io/?EIO=4&transport=websocket"
DESCRIPTION = "docs/deployment.md#behind-a-load-balancer"


class Unusable(Exception):
    """The proxy cannot be checked further."""

    def __init__(self, finding: Finding) -> None:
        super().__init__(str(finding))
        self.finding = finding


class Answer(NamedTuple):
    status: int
    headers: Mapping[str, str]
    body: str
    asked_at: datetime


class Handshake(NamedTuple):
    sid: str
    ping_interval: float
    """In seconds, as the next field."""
    ping_timeout: float


def proxy_findings(settings: Settings, url: str) -> list[Finding]:
    """Check the address of a deployment, `https://desk.example.com`, from this machine. Takes a few requests."""
    found: list[Finding] = []
    try:
        for finding in _findings(settings, Browser(url)):
            found.append(finding)
    except Unusable as reason:
        found.append(reason.finding)
    return found


class Browser:
    """Sends each request on a new connection, with the cookies of earlier answers."""

    def __init__(self, url: str) -> None:
        self.url = url
        parts = urlsplit(url)
        self.is_secure = parts.scheme == "https"
        self.host, self.port = parts.hostname or "", parts.port
        self.origin: str | None = url
        self.certificate: Any = None
        self._context = ssl.create_default_context() if self.is_secure else None
        self._cookies: dict[str, str] = {}

    def request(self, method: str, path: str, body: str | None = None, **headers: str) -> Answer:
        """Raises Unusable without an answer."""
        connection, asked_at = self._connection(), datetime.now(UTC)
        try:
            connection.connect()
            if isinstance(connection.sock, ssl.SSLSocket):
                self.certificate = connection.sock.getpeercert()
            sent = {"Connection": "close", **self._own_headers(), **headers}
            connection.request(method, path, body, sent)
            response = connection.getresponse()
            is_upgraded = response.status == http.HTTPStatus.SWITCHING_PROTOCOLS
            text = "" if is_upgraded else response.read(MAX_BYTES).decode(errors="replace")
            self._store(response.headers.get_all("Set-Cookie", []))
        except ssl.SSLCertVerificationError as error:
            problem = f"its certificate is not valid ({error.verify_message})"
            remedy = "renew it, or install it with all intermediate certificates"
            raise Unusable(Finding(self.url, problem, remedy, is_error=True)) from error
        except (OSError, ValueError, CookieError, http.client.HTTPException) as error:
            problem = f"no answer from it ({' '.join(str(error).split()) or type(error).__name__})"
            raise Unusable(Finding(self.url, problem, "start the proxy, or correct --url", is_error=True)) from error
        finally:
            connection.close()
        return Answer(
            response.status, {name.lower(): value for name, value in response.headers.items()}, text, asked_at
        )

    def _store(self, cookies: list[str]) -> None:
        for cookie in cookies:
            self._cookies |= {name: morsel.value for name, morsel in SimpleCookie(cookie).items()}

    def _connection(self) -> http.client.HTTPConnection:
        if self.is_secure:
            return http.client.HTTPSConnection(self.host, self.port, timeout=TIMEOUT_SECONDS, context=self._context)
        return http.client.HTTPConnection(self.host, self.port, timeout=TIMEOUT_SECONDS)

    def _own_headers(self) -> dict[str, str]:
        cookies = "; ".join(f"{name}={value}" for name, value in self._cookies.items())
        return {name: value for name, value in (("Origin", self.origin), ("Cookie", cookies)) if value}


def _findings(settings: Settings, browser: Browser) -> Iterator[Finding]:
    answer = browser.request("GET", "/health/ready")
    yield from _readiness(browser, answer)
    yield from _headers(browser, answer)
    yield from _certificate(browser)
    yield from _forwarded_settings(settings, browser)
    yield from _metrics(browser)
    handshake = _handshake(browser)
    yield from _intervals(settings, browser, handshake)
    yield from _stickiness(browser, handshake)
    yield from _websocket(browser)


def _readiness(browser: Browser, answer: Answer) -> Iterator[Finding]:
    try:
        checks = dict(json.loads(answer.body)["checks"])
    except (ValueError, TypeError, KeyError):
        problem = f"/health/ready answers with status {answer.status}, and not as a web process does"
        remedy = "route all paths to the web processes, and start them"
        raise Unusable(Finding(browser.url, problem, remedy, is_error=True)) from None
    failed = [f"{name} {state}" for name, state in checks.items() if state != "ok"]
    if failed:
        remedy = "repair what is down; nothing else has to be restarted"
        yield Finding(browser.url, f"a web process reports failed checks ({', '.join(failed)})", remedy, is_error=True)


def _headers(browser: Browser, answer: Answer) -> Iterator[Finding]:
    if "date" in answer.headers:
        yield from _date(browser, answer)
    if "nosniff" not in answer.headers.get("x-content-type-options", ""):
        problem = "the header X-Content-Type-Options of the web process does not arrive"
        yield Finding(browser.url, problem, "pass the headers of answers on unchanged")
    if browser.is_secure and "max-age" not in answer.headers.get("strict-transport-security", ""):
        problem = "answers have no Strict-Transport-Security"
        yield Finding(browser.url, problem, "add it: Strict-Transport-Security: max-age=31536000")
    if not browser.is_secure and browser.host not in LOOPBACK:
        yield Finding(browser.url, "tokens are sent unencrypted", "configure TLS, and use https://")


def _date(browser: Browser, answer: Answer) -> Iterator[Finding]:
    from email.utils import parsedate_to_datetime

    try:
        at = parsedate_to_datetime(answer.headers["date"])
    except ValueError:
        return
    yield from clock_findings(browser.url, at if at.tzinfo else at.replace(tzinfo=UTC), asked_at=answer.asked_at)


def _certificate(browser: Browser) -> Iterator[Finding]:
    if not browser.certificate:
        return
    ends = datetime.fromtimestamp(ssl.cert_time_to_seconds(browser.certificate["notAfter"]), UTC)
    yield from certificate_findings(browser.url, ends)


def _forwarded_settings(settings: Settings, browser: Browser) -> Iterator[Finding]:
    """Settings of this environment that do not fit an address with TLS, which a proxy ends."""
    if browser.is_secure and settings.proxies_count == 0:
        problem = "is 0 behind a proxy: all clients share one rate limit"
        yield Finding("PROXIES_COUNT", problem, "set it to the number of proxies that append to X-Forwarded-For")
    if (browser.is_secure or settings.public_url) and settings.public_address != browser.url:
        problem = f"is {settings.public_url or 'not set'}: links to sign in do not lead to {browser.url}"
        yield Finding("PUBLIC_URL", problem, f"set it to {browser.url}")


def _metrics(browser: Browser) -> Iterator[Finding]:
    if browser.host in LOOPBACK and not browser.is_secure:
        return  # in development the web process itself opens them to this machine
    status = browser.request("GET", "/metrics").status
    if status in (http.HTTPStatus.OK, http.HTTPStatus.UNAUTHORIZED):
        yield Finding(browser.url, f"/metrics is forwarded (status {status})", "answer it with 404 in the proxy")


def _handshake(browser: Browser) -> Handshake:
    answer = browser.request("GET", POLLING)
    try:
        opened = json.loads(answer.body.removeprefix("0"))
        return Handshake(str(opened["sid"]), opened["pingInterval"] / 1000, opened["pingTimeout"] / 1000)
    except (ValueError, TypeError, KeyError):
        raise Unusable(_refused(browser, answer)) from None


def _refused(browser: Browser, answer: Answer) -> Finding:
    if answer.status == http.HTTPStatus.TOO_MANY_REQUESTS:
        remedy = "set PROXIES_COUNT, or repeat the check later"
        return Finding(browser.url, "this address opens too many sessions (status 429)", remedy, is_error=True)
    browser.origin = None
    if browser.request("GET", POLLING).status == http.HTTPStatus.OK:
        problem = "web processes refuse the origin of their own pages"
        return Finding(
            browser.url, problem, "set X-Forwarded-Proto and Host in the proxy, or PUBLIC_URL", is_error=True
        )
    problem = f"long polling is not possible (status {answer.status})"
    return Finding(browser.url, problem, f"forward /socket.io/ as in {DESCRIPTION}", is_error=True)


def _intervals(settings: Settings, browser: Browser, handshake: Handshake) -> Iterator[Finding]:
    if handshake.ping_interval >= USUAL_IDLE_SECONDS:
        problem = (
            f"a connection may be silent for {handshake.ping_interval:g} s, and proxies usually close it after 60 s"
        )
        remedy = "lower PING_INTERVAL_SECONDS, and set idle time-outs above it and PING_TIMEOUT_SECONDS together"
        yield Finding(browser.url, problem, remedy)
    here = (settings.ping_interval_seconds, settings.ping_timeout_seconds)
    if here != handshake[1:]:
        problem = (
            f"web processes use {handshake.ping_interval:g} and {handshake.ping_timeout:g} s, here they are set to "
        )
        problem += f"{here[0]:g} and {here[1]:g} s"
        subject = "PING_INTERVAL_SECONDS, PING_TIMEOUT_SECONDS"
        yield Finding(subject, problem, "set the same on all machines, and restart the web processes")


def _stickiness(browser: Browser, handshake: Handshake) -> Iterator[Finding]:
    """Send requests of one session: a web process that does not have it refuses them."""
    path = f"{POLLING}&sid={handshake.sid}"
    pong, close = "3", "1"
    for _ in range(REQUESTS_OF_SESSION):
        answer = browser.request("POST", path, pong)
        if answer.status != http.HTTPStatus.OK:
            problem = f"long polling: requests of one session reach different processes (status {answer.status})"
            remedy = f"use sticky sessions, by a cookie or by the client's address: {DESCRIPTION}"
            yield Finding(browser.url, problem, remedy, is_error=True)
            return
    browser.request("POST", path, close)


def _websocket(browser: Browser) -> Iterator[Finding]:
    upgrade = {"Connection": "Upgrade", "Upgrade": "websocket", "Sec-WebSocket-Version": "13"}
    upgrade["Sec-WebSocket-Key"] = "aHVtbWRlc2sgZG9jdG9yLg=="
    answer = browser.request("GET", WEBSOCKET, **upgrade)
    if answer.status == http.HTTPStatus.SWITCHING_PROTOCOLS:
        return
    problem = f"WebSocket is not passed on (status {answer.status}): clients use long polling, which costs more"
    yield Finding(browser.url, problem, "pass the headers Upgrade and Connection on, with HTTP/1.1")
