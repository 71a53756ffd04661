"""The AI providers behind one protocol, and which there are."""

from collections.abc import Callable

from hummdesk.ai.embedded import EmbeddedProvider
from hummdesk.ai.protocol import Provider

PROVIDERS: dict[str, Callable[[], Provider]] = {"embedded": EmbeddedProvider}


def provider(name: str) -> Provider:
    """Make the provider of that name; making one may take a tenth of a second (its data is read)."""
    return PROVIDERS[name]()
