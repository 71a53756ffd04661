"""The REST client: authentication, retries, errors."""

import asyncio
import json
import random
import uuid
from collections.abc import AsyncIterator
from types import TracebackType
from typing import Any, Self

import httpx2

from hummdesk_client import __version__
from hummdesk_client.errors import NoResponseError, ProblemError
from hummdesk_client.rest.calls import CallOptions, Resource
from hummdesk_client.rest.feed import FeedPosition, events_of
from hummdesk_client.rest.routes import FeedEvent, FeedPage, FeedQuery, Routes
from hummdesk_client.tokens import Token, text_of

BASE = "/api/v1"
LONGEST_RETRY_AFTER_SECONDS = 60.0
RETRIED = frozenset({429, 502, 503, 504})


class RestClient(Routes):
    """A client of the REST API: a method for each route.

    `token` is an API key or the token of a user, or a function that returns it for each request. A request that is
    limited, or finds the server unavailable, is sent again, at most `attempts` times in all. So is one without a
    response, unless it has `if_match`: it may have been carried out. A POST has an `Idempotency-Key`, so that it acts
    once. `backoff` is the wait before the second attempt, in seconds; it is doubled before each further one.

    Each method raises ProblemError if the server refuses the request, and NoResponseError if it does not respond.
    """

    def __init__(
        self,
        url: str,
        *,
        token: Token,
        attempts: int = 4,
        backoff: float = 0.5,
        timeout: float = 30.0,
        transport: httpx2.AsyncBaseTransport | None = None,
    ) -> None:
        self._token = token
        self._attempts = attempts
        self._backoff = backoff
        self._timeout = timeout
        agent = {"User-Agent": f"hummdesk-client/{__version__}"}
        self._http = httpx2.AsyncClient(base_url=url.rstrip("/") + BASE, headers=agent, transport=transport)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Close the connections."""
        await self._http.aclose()

    async def feed(
        self, start: FeedPosition | None = None, *, wait: int = 25
    ) -> AsyncIterator[tuple[FeedEvent, FeedPosition]]:
        """Iterate over the changes of the account in the order of their numbers, and those to come.

        Each has its position: store that of an event that was processed, and continue from it later. Without `start`
        the first event is the first of the account. The events are proved to be all: their numbers are contiguous,
        and the server's digest over them is compared. A request that fails is sent again. `wait`: how long a request
        waits for the next event, in seconds.

        Raises FeedError if the events do not continue those before the position, and ProblemError with the status 410
        if the events after the position are not kept any more.
        """

        async def read(query: FeedQuery) -> FeedPage:
            return await self.get_feed(query, timeout=wait + self._timeout)

        async for event, position in events_of(read, start or FeedPosition(), wait, self._backoff):
            yield event, position

    async def feed_position(self) -> FeedPosition:
        """The position of the last event of the feed, to read only the changes to come."""
        page = await self.get_feed()
        return FeedPosition(number=page["completeTo"], digest=page["digest"], epoch=page["epoch"])

    async def _call(
        self, method: str, path: str, options: CallOptions, *, query: Any = None, body: object = None
    ) -> Any:
        headers = {"If-Match": options["if_match"]} if "if_match" in options else {}
        if method == "POST":
            headers["Idempotency-Key"] = options.get("idempotency_key") or str(uuid.uuid4())
        backoff = self._backoff
        for attempt in range(1, self._attempts + 1):
            response = await self._send(method, path, headers, options.get("timeout", self._timeout), query, body)
            if response is not None and response.is_success:
                return _result(response)
            delay = _delay(response, backoff, is_conditional="if_match" in options)
            if delay is None or attempt == self._attempts:
                break
            await asyncio.sleep(delay)
            backoff *= 2
        if response is None:
            raise NoResponseError
        raise ProblemError(_problem(response))

    async def _send(
        self, method: str, path: str, headers: dict[str, str], timeout: float, query: Any, body: object
    ) -> httpx2.Response | None:
        """Send a request. Returns None without a complete answer."""
        authorization = {"Authorization": f"Bearer {await text_of(self._token)}"}
        params = {name: _text(value) for name, value in (query or {}).items() if value is not None}
        try:
            async with asyncio.timeout(timeout):
                return await self._http.request(
                    method, path, params=params, json=body, headers=headers | authorization, timeout=None
                )
        except (TimeoutError, httpx2.TransportError):
            return None


def _text(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _result(response: httpx2.Response) -> Resource | None:
    if not response.content:
        return None
    resource = Resource(response.json())
    resource.etag = response.headers.get("ETag")
    return resource


def _delay(response: httpx2.Response | None, backoff: float, *, is_conditional: bool) -> float | None:
    """How long to wait before a request is sent again, in seconds; None if that cannot help."""
    jittered = backoff * (0.5 + random.random())
    if response is None:
        return None if is_conditional else jittered
    after = response.headers.get("Retry-After", "")
    if response.status_code not in RETRIED and not after:
        return None
    try:
        delay = float(after) or jittered
    except ValueError:
        delay = jittered
    return delay if delay <= LONGEST_RETRY_AFTER_SECONDS else None


def _problem(response: httpx2.Response) -> dict[str, Any]:
    """The problem of a response; one is made for the response of a proxy, which has none."""
    if response.headers.get("Content-Type", "").startswith("application/problem+json"):
        problem: dict[str, Any] = json.loads(response.content)
        return problem
    status, title = response.status_code, response.reason_phrase or f"HTTP status {response.status_code}"
    code = "UNAVAILABLE" if status >= 500 else "VALIDATION_ERROR"
    detail = f"The server answered {status} {response.reason_phrase}".strip()
    return {"type": "about:blank", "title": title, "status": status, "code": code, "detail": detail}
