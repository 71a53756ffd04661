"""One attempt of a delivery: a signed POST to the receiver's address."""

import http.client
import logging
import socket
import ssl
import time
from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus

from hummdesk import __version__
from hummdesk.core.background import in_thread
from hummdesk.core.outbound import Policy, RefusedAddress, requested

log = logging.getLogger(__name__)

MAX_RESPONSE_BYTES = 65_536
HEADERS = {"Content-Type": "application/json", "Accept": "*/*", "User-Agent": f"HummDesk/{__version__}"}
LONGEST_ERROR = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """`error` is None if the receiver has accepted the delivery. It holds nothing that the receiver has sent."""

    http_status: int | None = None
    error: str | None = None
    milliseconds: int = 0
    pause: float = 0.0
    """For how many seconds the receiver asks to be sent nothing."""

    @property
    def is_gone(self) -> bool:
        return self.http_status == HTTPStatus.GONE


class Sender:
    def __init__(self, policy: Policy, *, seconds: float) -> None:
        """`seconds`: the timeout from the connect to the last header of the response."""
        self._policy = policy
        self._seconds = seconds

    async def send(self, url: str, body: bytes, headers: Mapping[str, str]) -> Outcome:
        """Send a delivery. Raises nothing: every failure is an outcome."""
        return await in_thread(lambda: self._send(url, body, headers))

    def _send(self, url: str, body: bytes, headers: Mapping[str, str]) -> Outcome:
        started = time.monotonic()
        status, pause, error = None, 0.0, None
        try:
            with requested(
                "POST",
                url,
                self._policy,
                headers={**HEADERS, **headers},
                body=body,
                seconds=self._seconds,
                max_bytes=MAX_RESPONSE_BYTES,
            ) as response:
                status = response.status
                if not HTTPStatus.OK <= status < HTTPStatus.MULTIPLE_CHOICES:
                    error = f"HTTP {status}"
                    pause = _seconds(response.headers.get("Retry-After", ""))
        except Exception as failure:  # a hostile response may make the parsers raise anything
            if status is None:
                error = self._reason(failure)
        return Outcome(
            http_status=status,
            error=error,
            milliseconds=round((time.monotonic() - started) * 1000),
            pause=pause,
        )

    def _reason(self, failure: Exception) -> str:
        """Return what the account may know: no internal address, and no text of the receiver."""
        if isinstance(failure, RefusedAddress):
            return "the address is not allowed: it is not public, or not https"
        if isinstance(failure, TimeoutError):
            return f"no response within {self._seconds:g} s"
        if isinstance(failure, socket.gaierror):
            return "the name of the host cannot be resolved"
        if isinstance(failure, ssl.SSLCertVerificationError):
            return f"the certificate is not valid: {failure.verify_message}"[:LONGEST_ERROR]
        if isinstance(failure, ssl.SSLError):
            return "the TLS connection has failed"
        if isinstance(failure, http.client.RemoteDisconnected | ConnectionResetError | BrokenPipeError):
            return "the connection was closed without a response"
        if isinstance(failure, OSError):
            return f"the connection has failed: {failure.strerror or type(failure).__name__}"[:LONGEST_ERROR]
        if isinstance(failure, http.client.HTTPException | ValueError):
            return "the response is not valid HTTP, or too large"
        log.error("webhook.attempt_failed", exc_info=failure)
        return "internal error"


def _seconds(retry_after: str) -> float:
    """Parse a Retry-After header in seconds; other forms count as 0."""
    return float(retry_after) if retry_after.isascii() and retry_after.isdigit() and len(retry_after) < 7 else 0.0
