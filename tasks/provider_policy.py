"""Decisions about providers: which one answers, how long a request may take, and whether to retry or fall back."""

import time
from collections.abc import Collection, Mapping, Sequence
from decimal import Decimal
from typing import Protocol
from uuid import UUID

from hummdesk.ai.protocol import ProviderRefused
from hummdesk.core.config import Settings
from hummdesk.storage.runs import RunKey
from tasks.backoff import max_backoff_seconds

RESERVED_SECONDS = 2.0
"""Time of a run reserved for the embedded provider, and for storing and publishing the result."""

MINIMUM_SECONDS = 1.0
"""An external model is not called with less time than this."""

SOFT_LIMIT_SHARE = 0.9
"""Share of the soft limit that a request may take, so that its timeout fires before that of the attempt."""


class Request(Protocol):
    """For what a provider is asked: an AI run, or a question of a simulation."""

    @property
    def run_id(self) -> UUID | None:
        """The run of its calls; None: they belong to none."""

    @property
    def account_id(self) -> UUID: ...

    @property
    def attempts(self) -> int: ...

    @property
    def provider(self) -> str | None:
        """The account's choice; None for the default."""

    @property
    def daily_tokens(self) -> int | None: ...

    @property
    def daily_dollars(self) -> Decimal | None: ...

    @property
    def deadline(self) -> float:
        """In seconds of `time.monotonic()`."""


def provider_name(run: Request, settings: Settings) -> str:
    return run.provider or settings.ai_provider


def request_seconds(run: Request, settings: Settings) -> float:
    """The time limit of a request to an external model. Raises ProviderRefused if too little time is left."""
    longest = SOFT_LIMIT_SHARE * settings.ai_soft_limit_seconds
    seconds = min(seconds_left(run), longest)
    if seconds < min(MINIMUM_SECONDS, longest):
        raise ProviderRefused("no time left for a request", code="no_time")
    return seconds


def should_retry(run: Request, error: Exception, settings: Settings) -> bool:
    """Whether another attempt may succeed before the deadline; otherwise the embedded provider answers."""
    if isinstance(error, ProviderRefused) or run.attempts >= settings.ai_max_attempts:
        return False
    delay = max_backoff_seconds(settings, run.attempts, error)
    return seconds_left(run) - delay >= MINIMUM_SECONDS


def seconds_left(run: Request) -> float:
    return run.deadline - time.monotonic() - RESERVED_SECONDS


def partition(
    keys: Sequence[RunKey], providers: Mapping[UUID, str], external: Collection[str]
) -> tuple[list[RunKey], dict[str, list[RunKey]]]:
    """Runs to be processed here, and runs by external provider. `providers` names the provider of each account."""
    own = [key for key in keys if providers[key[0]] not in external]
    forwarded: dict[str, list[RunKey]] = {}
    for key in keys:
        if (provider := providers[key[0]]) in external:
            forwarded.setdefault(provider, []).append(key)
    return own, forwarded
