"""The AI providers behind one protocol, and which there are."""

import importlib
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

from hummdesk.ai.embedded.provider import EmbeddedProvider
from hummdesk.ai.external import pricing
from hummdesk.ai.external.client import Model
from hummdesk.ai.external.provider import OutsideProvider
from hummdesk.ai.external.request_templates import Tasks
from hummdesk.ai.protocol import Provider
from hummdesk.core.config import Settings

PROVIDERS: dict[str, Callable[[], Provider]] = {"embedded": EmbeddedProvider}
"""Those of the house, which are always there."""


def provider(name: str) -> Provider:
    """Make a provider of the house; making one may take a tenth of a second (its data is read)."""
    return PROVIDERS[name]()


def load(settings: Settings) -> None:
    """Read now what the first answers would, which takes seconds: processes that are forked afterwards share it."""
    provider("embedded")
    for name in settings.providers[1:]:
        importlib.import_module(f"hummdesk.ai.external.{name}")


@asynccontextmanager
async def opened(settings: Settings) -> AsyncIterator[Provider]:
    """The provider that AI_PROVIDER names."""
    if settings.ai_provider in PROVIDERS:
        yield provider(settings.ai_provider)
        return
    outside = Outside(settings.ai_provider, settings)
    try:
        yield outside.provider()
    finally:
        await outside.close()


class Outside:
    """A model outside with what is asked of it; one for a process, and a provider of it for each run."""

    def __init__(self, name: str, settings: Settings) -> None:
        self._model = _model(name, settings)
        self._tasks = Tasks.of(name, settings)
        self._prices = pricing.prices(settings.ai_prices)

    def provider(self, **bounds: Any) -> OutsideProvider:
        """With `note` and `seconds` of OutsideProvider."""
        return OutsideProvider(self._model, self._tasks, self._prices, **bounds)

    async def close(self) -> None:
        await self._model.close()


def _model(name: str, settings: Settings) -> Model:
    """The clients are imported when they are needed: a desk without them does without their 60 MB."""
    if name == "anthropic":
        from hummdesk.ai.external.anthropic import AnthropicModel

        return AnthropicModel(settings)
    from hummdesk.ai.external.openai import OpenAIModel

    return OpenAIModel(settings)
