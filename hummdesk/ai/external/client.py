"""What a model outside takes and gives, whoever serves it, and what its failures mean."""

import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import Any, Literal, Protocol

from hummdesk.ai.protocol import ProviderError, ProviderRefused
from hummdesk.core.models import TokenUsage

Role = Literal["user", "assistant"]

RETRYABLE = frozenset({408, 409, 425, 429})
"""Beside 500 and above: as both official clients see it."""

SPENT = frozenset({"insufficient_quota", "billing_error", "billing_hard_limit_reached", "billing_not_active"})
"""Codes of an account that has to be paid for first; so have those that end in `spend_limit_reached`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    model: str
    system: str
    """The same for all requests of a kind, so that it can be cached."""
    turns: tuple[tuple[Role, str], ...]
    name: str
    """Of the schema."""
    schema: dict[str, Any]
    """JSON Schema of the answer."""
    max_tokens: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Completion:
    text: str
    stop: Literal["end", "length", "refusal"]
    usage: TokenUsage


class Model(Protocol):
    """A client of one provider's protocol. It never retries: the run's owner does."""

    provider: str

    async def complete(self, request: Request) -> Completion:
        """Raises ProviderError, whose text has nothing of what was sent or received."""

    async def close(self) -> None: ...


@contextmanager
def translated(sdk: Any) -> Iterator[None]:
    """Raise ProviderError in place of what an official client raises (both are made by one generator).

    Their exceptions quote what was sent and received, so none is kept as a cause.
    """
    try:
        yield
    except sdk.APITimeoutError:
        raise ProviderError("no answer in time", code="timeout") from None
    except sdk.APIConnectionError:
        raise ProviderError("no connection", code="unreachable") from None
    except sdk.APIStatusError as fault:
        raise of_status(fault.status_code, _codes(fault), fault.response.headers) from None
    except (sdk.APIError, ValueError, AttributeError, TypeError, LookupError):
        raise unusable("not what the protocol says") from None


def of_status(status: int, codes: Iterable[str], headers: Mapping[str, str]) -> ProviderError:
    """What an HTTP status means. 429 is also the answer to an account that has used up its credit."""
    words = f"status {status}, {' '.join(codes) or 'no code'}"
    if status == 402 or any(code in SPENT or code.endswith("spend_limit_reached") for code in codes):
        return ProviderRefused(words, code="spent")
    if status in RETRYABLE or status >= 500:
        code = {408: "timeout", 429: "rate_limited", 529: "overloaded"}.get(status, "server_error")
        return ProviderError(words, code=code, retry_after=retry_after(headers))
    return ProviderRefused(words, code={401: "unauthorized", 403: "forbidden"}.get(status, "bad_request"))


def unusable(what: str) -> ProviderError:
    return ProviderError(what, code="unusable")


def retry_after(headers: Mapping[str, str]) -> float | None:
    """Seconds that the server asks to wait, given as milliseconds, seconds or a date (RFC 9110, 10.2.3)."""
    milliseconds, given = headers.get("retry-after-ms"), headers.get("retry-after")
    for text, unit in ((milliseconds, 1000.0), (given, 1.0)):
        try:
            return max(0.0, float(text or "") / unit)
        except ValueError:
            continue
    try:
        return max(0.0, parsedate_to_datetime(given or "").timestamp() - time.time())
    except ValueError:
        return None


def _codes(fault: Any) -> list[str]:
    """The stable names of the error, never its message, which may quote the request."""
    names = [getattr(fault, name, None) for name in ("code", "type", "error_code")]
    return [name for name in names if isinstance(name, str) and name.isidentifier()]
