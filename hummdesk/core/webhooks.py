"""Webhooks: their secrets and signatures (https://www.standardwebhooks.com), and which addresses may receive them."""

import base64
import hashlib
import hmac
import secrets
from collections.abc import Sequence
from uuid import UUID

from hummdesk.core.config import Settings
from hummdesk.core.errors import Invalid
from hummdesk.core.outbound import Policy, RefusedAddress, networks_of

PREFIX = "whsec_"
SECRET_BYTES = 32
EVERY_EVENT = "*"
TEST_EVENT = "test"


def policy(settings: Settings) -> Policy:
    """Return which addresses may receive webhooks."""
    return Policy(
        networks=networks_of(settings.webhook_allowed_networks),
        allows_http=settings.hummdesk_env == "development",
        setting="WEBHOOK_ALLOWED_NETWORKS",
    )


def check_url(settings: Settings, url: str) -> None:
    """Raises Invalid for an address that a relay would not request. The addresses of its name are checked later."""
    try:
        policy(settings).check_url(url)
    except RefusedAddress as refusal:
        raise Invalid(details={"url": [str(refusal)]}) from refusal


def new_secret() -> bytes:
    return secrets.token_bytes(SECRET_BYTES)


def shown(secret: bytes) -> str:
    """Return a secret as the receiver configures it."""
    return PREFIX + base64.b64encode(secret).decode()


def context_of(account_id: UUID, webhook_id: UUID) -> str:
    """What an encrypted secret is bound to."""
    return f"webhooks/{account_id}/{webhook_id}"


def signed_headers(delivery_id: str, timestamp: int, body: bytes, secrets: Sequence[bytes]) -> dict[str, str]:
    """Return the headers by which a receiver verifies a delivery, with a signature by each valid secret."""
    content = f"{delivery_id}.{timestamp}.".encode() + body
    signatures = (base64.b64encode(hmac.digest(secret, content, hashlib.sha256)).decode() for secret in secrets)
    return {
        "webhook-id": delivery_id,
        "webhook-timestamp": str(timestamp),
        "webhook-signature": " ".join(f"v1,{signature}" for signature in signatures),
    }
