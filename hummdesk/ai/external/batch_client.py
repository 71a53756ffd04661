"""The protocol of clients of batch interfaces: requests that are answered within a day, at half the price."""

from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from typing import Protocol

from hummdesk.ai.external.client import Completion, CompletionRequest

NOT_OFFERED = frozenset({401, 403, 404, 405, 501})
"""Statuses of a server that has no batch interface, or whose key may not use it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchAnswer:
    """What became of one request of a batch. Without `completion`, `code` says why: it was refused, or has expired."""

    id: str
    completion: Completion | None
    code: str = "ok"


class BatchClient(Protocol):
    """A client of one provider's batch interface. All methods raise ProviderError, as those of ModelClient."""

    async def is_offered(self) -> bool:
        """Return whether the key may use a batch interface: many servers with OpenAI's API have none."""

    async def submit(self, requests: Mapping[str, CompletionRequest]) -> str:
        """Submit requests by their ids, and return the id of the batch."""

    async def has_ended(self, batch_id: str) -> bool:
        """Return whether all requests are answered, refused, cancelled or expired."""

    def answers(self, batch_id: str) -> AsyncIterator[BatchAnswer]:
        """Return the answers of a batch that has ended, in any order; some may be missing."""

    async def cancel(self, batch_id: str) -> None:
        """Answer no more requests of a batch; it ends soon afterwards."""

    async def delete(self, batch_id: str) -> None:
        """Delete requests and answers of a batch that has ended."""
