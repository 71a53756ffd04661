"""The delay before a run is retried."""

import random

from hummdesk.core.config import Settings


def backoff_seconds(settings: Settings, attempts: int, error: Exception) -> float:
    """A random delay between half of the maximum and the maximum, but at least what the provider asks for."""
    return max(_exponential(settings, attempts) * random.uniform(0.5, 1), _retry_after(error))


def max_backoff_seconds(settings: Settings, attempts: int, error: Exception) -> float:
    return max(_exponential(settings, attempts), _retry_after(error))


def _exponential(settings: Settings, attempts: int) -> float:
    """Doubles with each attempt up to the cap."""
    delay: float = settings.ai_retry_base_seconds * 2.0 ** (attempts - 1)
    return min(settings.ai_retry_cap_seconds, delay)


def _retry_after(error: Exception) -> float:
    return getattr(error, "retry_after", None) or 0.0
