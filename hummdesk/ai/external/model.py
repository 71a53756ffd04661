"""An external model with everything that requests to it need: client, prompts, prices."""

import importlib
import logging
from collections.abc import Callable

from hummdesk.ai.external.client import ModelClient
from hummdesk.ai.external.draft_batches import DraftBatches
from hummdesk.ai.external.pricing import load_prices, unpriced
from hummdesk.ai.external.provider import ExternalProvider, Reserve, unlimited
from hummdesk.ai.external.request_templates import RequestTemplates
from hummdesk.ai.protocol import ProviderRefused
from hummdesk.core.config import Settings
from hummdesk.core.extras import explain_missing
from hummdesk.core.models import ModelCall

log = logging.getLogger(__name__)


class ExternalModel:
    """One per process, with a provider for each run. Raises CommandError if the SDK is not installed."""

    def __init__(self, name: str, settings: Settings) -> None:
        self._client = _client(name, settings)
        self._templates = RequestTemplates.of(name, settings)
        self._prices = load_prices(settings.ai_prices)
        for model, kinds in unpriced(self._prices, name, settings).items():
            log.warning("ai_price.unknown", extra={"model": model, "kinds": " ".join(kinds)})
        self._is_streaming = settings.ai_streaming == "on"
        self._has_batches: bool | None = None

    def provider(
        self,
        *,
        record: Callable[[ModelCall], None] = lambda call: None,
        reserve: Reserve = unlimited,
        timeout_seconds: float = float("inf"),
    ) -> ExternalProvider:
        """Make a provider that calls `reserve` before and `record` after each request; see ExternalProvider."""
        return ExternalProvider(
            self._client,
            self._templates,
            self._prices,
            record=record,
            reserve=reserve,
            timeout_seconds=timeout_seconds,
            is_streaming=self._is_streaming,
        )

    @property
    def draft_batches(self) -> DraftBatches:
        return DraftBatches(self._client.provider, self._client.batches, self._templates.draft, self._prices)

    async def has_batches(self) -> bool:
        """Return whether the provider has a batch interface; it is asked once. Raises ProviderError.

        It is asked again after a refusal, which may be temporary.
        """
        if self._has_batches is None:
            try:
                self._has_batches = await self._client.batches.is_offered()
            except ProviderRefused as refusal:
                log.warning("ai_batch.refused", extra={"code": refusal.code})
                return False
        return self._has_batches

    async def close(self) -> None:
        await self._client.close()


def import_sdk(name: str) -> None:
    """Import the client of a provider and its SDK. Raises CommandError if the SDK is not installed."""
    with explain_missing():
        importlib.import_module(f"hummdesk.ai.external.{name}")


def _client(name: str, settings: Settings) -> ModelClient:
    """Import the SDK only here: together they take 60 MB, which deployments without external models save."""
    import_sdk(name)
    if name == "anthropic":
        from hummdesk.ai.external.anthropic import AnthropicClient

        return AnthropicClient(settings)
    from hummdesk.ai.external.openai import OpenAIClient

    return OpenAIClient(settings)
