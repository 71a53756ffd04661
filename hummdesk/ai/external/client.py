"""The protocol of clients of external models, and the translation of their failures."""

import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any, Literal, Protocol

from hummdesk.ai.protocol import ProviderError, ProviderRefused
from hummdesk.core.models import TokenUsage

if TYPE_CHECKING:
    from hummdesk.ai.external.batch_client import BatchClient

Role = Literal["user", "assistant"]
OnText = Callable[[str], None]
Effort = Literal["default", "none", "low", "medium", "high"]
"""Of the reasoning before the answer; `default`: the request says nothing about it."""

RETRYABLE_STATUSES = frozenset({408, 409, 425, 429})
"""Beside 500 and above; the same as in the retries of both official SDKs."""

NO_CREDIT_CODES = frozenset({"insufficient_quota", "billing_error", "billing_hard_limit_reached", "billing_not_active"})
"""Error codes of an account without credit; codes that end in `spend_limit_reached` mean the same."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CompletionRequest:
    model: str
    system: str
    """The system prompt: the same for all requests of a kind, so that the provider can cache it."""
    account_system: str
    """What follows it for an account, the same for all its requests of the kind; empty for most."""
    turns: tuple[tuple[Role, str], ...]
    schema_name: str
    schema: dict[str, Any]
    """JSON Schema of the answer."""
    max_tokens: int
    effort: Effort = "default"

    @property
    def characters(self) -> int:
        return len(self.system) + len(self.account_system) + sum(len(text) for _, text in self.turns)


@dataclass(frozen=True, slots=True, kw_only=True)
class Completion:
    text: str
    stop: Literal["end", "length", "refusal"]
    usage: TokenUsage


class ModelClient(Protocol):
    """A client of one provider's API. It does not retry: the run does."""

    provider: str

    @property
    def batches(self) -> "BatchClient": ...

    async def complete(self, request: CompletionRequest, on_text: OnText | None = None) -> Completion:
        """Return the answer; with `on_text`, request it as a stream and pass on each piece of its text.

        Raise ProviderError, whose text contains nothing that was sent or received.
        """

    async def close(self) -> None: ...


@contextmanager
def translate_sdk_errors(sdk: Any) -> Iterator[None]:
    """Raise ProviderError in place of an error of the SDK; both SDKs are generated with the same error classes.

    The SDKs do not translate errors of httpx2 that occur in the middle of a stream. All these errors quote what was
    sent and received, so none is chained as a cause.
    """
    import httpx2  # which the SDKs need; here, because this module is imported without them, too

    try:
        yield
    except (sdk.APITimeoutError, httpx2.TimeoutException):
        raise ProviderError("no answer in time", code="timeout") from None
    except (sdk.APIConnectionError, httpx2.TransportError):
        raise ProviderError("no connection", code="unreachable") from None
    except sdk.APIStatusError as error:
        raise status_error(error.status_code, _codes(error), error.response.headers) from None
    except (sdk.APIError, ValueError, AttributeError, TypeError, LookupError):
        raise unusable("the answer does not follow the API's protocol") from None


def status_error(status: int, codes: Iterable[str], headers: Mapping[str, str]) -> ProviderError:
    """Return the error for an HTTP status. 429 also means that the account has no credit left.

    An error in the middle of a stream has the status of its beginning, 200.
    """
    message = f"status {status}, {' '.join(codes) or 'no code'}"
    if status == 402 or any(code in NO_CREDIT_CODES or code.endswith("spend_limit_reached") for code in codes):
        return ProviderRefused(message, code="spent")
    if status in RETRYABLE_STATUSES or status >= 500 or status < 400:
        code = {408: "timeout", 429: "rate_limited", 529: "overloaded"}.get(status, "server_error")
        return ProviderError(message, code=code, retry_after=retry_after(headers))
    return ProviderRefused(message, code={401: "unauthorized", 403: "forbidden"}.get(status, "bad_request"))


def unusable(message: str) -> ProviderError:
    return ProviderError(message, code="unusable")


def retry_after(headers: Mapping[str, str]) -> float | None:
    """Return the requested delay in seconds; the header has milliseconds, seconds or a date (RFC 9110, 10.2.3)."""
    milliseconds, seconds_or_date = headers.get("retry-after-ms"), headers.get("retry-after")
    for text, unit in ((milliseconds, 1000.0), (seconds_or_date, 1.0)):
        try:
            return max(0.0, float(text or "") / unit)
        except ValueError:
            continue
    try:
        return max(0.0, parsedate_to_datetime(seconds_or_date or "").timestamp() - time.time())
    except ValueError:
        return None


def _codes(error: Any) -> list[str]:
    """Return the stable names of the error, never its message, which may quote the request."""
    return stable_names(getattr(error, name, None) for name in ("code", "type", "error_code"))


def stable_names(names: Iterable[object]) -> list[str]:
    """Return the names of an error without messages, which may quote the request."""
    return [name for name in names if isinstance(name, str) and name.isidentifier()]
