"""The certificates of other servers, and how long they are valid."""

import socket
import ssl
from datetime import UTC, datetime

from hummdesk.core.findings import Finding

CERTIFICATE_DAYS = 14


def certificate_of(host: str, port: int, *, timeout: float, request: bytes = b"") -> bytes | None:
    """Return the certificate of a server in DER, whether it is valid or not; None if the server offers no TLS.

    `request` is sent before the handshake, for a protocol in which the server answers it with S. Raises OSError.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    with socket.create_connection((host, port), timeout) as plain:
        if request:
            plain.sendall(request)
            if plain.recv(1) != b"S":
                return None
        with context.wrap_socket(plain, server_hostname=host) as secured:
            return secured.getpeercert(binary_form=True)


def end_of(certificate: bytes) -> datetime | None:
    """Return until when a certificate in DER is valid; None if it cannot be read: OpenSSL accepts more."""
    from cryptography.x509 import load_der_x509_certificate

    try:
        return load_der_x509_certificate(certificate).not_valid_after_utc
    except ValueError:
        return None


def certificate_findings(subject: str, ends: datetime | None, *, of: str = "its certificate") -> list[Finding]:
    """Report a certificate that is valid for a few days only, or no longer; nothing of one that cannot be read."""
    if ends is None:
        return []
    days = (ends - datetime.now(UTC)).days
    if days >= CERTIFICATE_DAYS:
        return []
    problem = f"{of} expires in {days} days" if days >= 0 else f"{of} has expired"
    return [Finding(subject, problem, "renew it, and check its renewal")]
