"""How long a run waits for its next try."""

import random

from hummdesk.core.config import Settings


def backoff_seconds(settings: Settings, attempts: int, fault: Exception) -> float:
    """From half of the longest to all of it, so that many do not come back at once; more if the provider asks."""
    return max(_doubled(settings, attempts) * random.uniform(0.5, 1), _asked_for(fault))


def longest_backoff_seconds(settings: Settings, attempts: int, fault: Exception) -> float:
    return max(_doubled(settings, attempts), _asked_for(fault))


def _doubled(settings: Settings, attempts: int) -> float:
    """With each try, up to the cap."""
    longest: float = settings.ai_retry_base_seconds * 2.0 ** (attempts - 1)
    return min(settings.ai_retry_cap_seconds, longest)


def _asked_for(fault: Exception) -> float:
    return getattr(fault, "retry_after", None) or 0.0
