"""Choice and construction of AI providers; models and SDKs are imported only when they are needed."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from hummdesk.ai.protocol import Provider
from hummdesk.core.config import Settings
from hummdesk.core.extras import explain_missing


def _embedded() -> Provider:
    with explain_missing():
        from hummdesk.ai.embedded.provider import EmbeddedProvider

    return EmbeddedProvider()


LOCAL: dict[str, Callable[[], Provider]] = {"embedded": _embedded}
"""The providers that run in this process."""


def local_provider(name: str) -> Provider:
    """Make a local provider. Reads its models on first use, which takes about a second.

    Raises CommandError if its packages are not installed.
    """
    return LOCAL[name]()


@asynccontextmanager
async def open_provider(settings: Settings) -> AsyncIterator[Provider]:
    """Open the provider that AI_PROVIDER names. Raises CommandError if its packages are not installed."""
    if settings.ai_provider in LOCAL:
        yield local_provider(settings.ai_provider)
        return
    with explain_missing():
        from hummdesk.ai.external.model import ExternalModel

    model = ExternalModel(settings.ai_provider, settings)
    try:
        yield model.provider()
    finally:
        await model.close()


def preload(settings: Settings) -> None:
    """Import and read all models and SDKs that the settings allow, so that processes forked afterwards share them.

    Raises CommandError if a package is not installed.
    """
    local_provider("embedded")
    with explain_missing():
        from hummdesk.ai.external import model

    for name in settings.providers[1:]:
        model.import_sdk(name)
