"""The protocol of clients of batch interfaces: requests that are answered within a day, at half the price."""

import logging
from collections.abc import AsyncIterator, Iterable, Mapping
from dataclasses import dataclass
from typing import Protocol

from hummdesk.ai.external.client import Completion, CompletionRequest, stable_names
from hummdesk.ai.protocol import ProviderRefused

log = logging.getLogger(__name__)

NOT_OFFERED = frozenset({404, 405, 501})
"""Statuses of a server that has no batch interface."""
CODES = {
    "invalid_request_error": "bad_request",
    "authentication_error": "unauthorized",
    "permission_error": "forbidden",
    "billing_error": "spent",
    "insufficient_quota": "spent",
    "rate_limit_error": "rate_limited",
    "rate_limit_exceeded": "rate_limited",
    "overloaded_error": "overloaded",
    "api_error": "server_error",
    "server_error": "server_error",
    "expired": "expired",
    "batch_expired": "expired",
    "canceled": "missing",
    "batch_cancelled": "missing",
}
"""Outcomes of model calls by the names of errors in a batch. None of these requests is charged."""


class BatchGone(ProviderRefused):
    """The provider does not know the batch."""

    def __init__(self) -> None:
        super().__init__("the provider does not know the batch", code="missing")


class BatchFailed(ProviderRefused):
    """The provider has accepted a batch, and then refused it as a whole: it answers and charges nothing."""

    def __init__(self, code: str) -> None:
        super().__init__("the provider has refused the batch", code=code)


def batch_code(names: Iterable[object]) -> str:
    """Return the outcome for the names of an error that the provider has chosen, `failed` for others, and log them."""
    known = stable_names(names)
    code = next((CODES[name] for name in known if name in CODES), "failed")
    log.warning("ai_batch.request_failed", extra={"code": code, "names": " ".join(known)[:200]})
    return code


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchAnswer:
    """The result of one request of a batch. Without `completion`, `code` says why: it was refused, or has expired."""

    id: str
    completion: Completion | None
    code: str = "ok"


class BatchClient(Protocol):
    """A client of one provider's batch interface. All methods raise ProviderError, as those of ModelClient."""

    async def is_offered(self) -> bool:
        """Return whether the server has a batch interface: many with OpenAI's API have none."""

    async def submit(self, requests: Mapping[str, CompletionRequest]) -> str:
        """Submit requests by their ids, and return the id of the batch."""

    async def has_ended(self, batch_id: str) -> bool:
        """Return whether all requests are answered, refused, cancelled or expired. Raises BatchGone, BatchFailed."""

    def answers(self, batch_id: str) -> AsyncIterator[BatchAnswer]:
        """Return the answers of a batch that has ended, in any order; some may be missing."""

    async def cancel(self, batch_id: str) -> None:
        """Answer no more requests of a batch; it ends soon afterwards."""

    async def delete(self, batch_id: str) -> None:
        """Delete requests and answers of a batch that has ended."""
