"""The Python REST client against a server that fails: retries, idempotency keys, errors."""

import re
from collections.abc import Callable, Sequence

import httpx2
import pytest
from hummdesk_client import __version__ as client_version
from hummdesk_client.rest import (
    FeedError,
    FeedPosition,
    NoResponseError,
    ProblemError,
    RestClient,
    etag_of,
)
from hummdesk_client.rest.routes import FeedEvent, NewKey

from docs.generate import ROOT
from hummdesk import __version__

NEW_KEY: NewKey = {"name": "shop", "scope": "read"}
PROBLEM = {
    "type": "urn:hummdesk:problem:validation-error",
    "title": "Invalid request",
    "status": 422,
    "code": "VALIDATION_ERROR",
    "detail": "The request is invalid.",
    "errors": [{"field": "name", "message": "Missing."}],
}
KEY = {"id": "1", "name": "shop", "scope": "read", "createdAt": "2026-01-31T12:00:00.000Z"}

Given = httpx2.Response | Exception
Desk = Callable[..., tuple[RestClient, list[httpx2.Request]]]


@pytest.fixture
def desk() -> Desk:
    """A client whose requests are answered one after another, and those requests."""

    def with_answers(*answers: Given) -> tuple[RestClient, list[httpx2.Request]]:
        requests: list[httpx2.Request] = []
        transport = httpx2.MockTransport(lambda request: answer(request, requests, answers))
        return RestClient("https://desk.example/", token="hd_key", backoff=0.001, transport=transport), requests

    return with_answers


def answer(request: httpx2.Request, requests: list[httpx2.Request], answers: Sequence[Given]) -> httpx2.Response:
    requests.append(request)
    given = answers[min(len(requests), len(answers)) - 1]
    if isinstance(given, Exception):
        raise given
    return given


def problem(status: int, **headers: str) -> httpx2.Response:
    sent = {"Content-Type": "application/problem+json", **headers}
    return httpx2.Response(status, json=PROBLEM | {"status": status}, headers=sent)


def ok(body: object, **headers: str) -> httpx2.Response:
    return httpx2.Response(200, json=body, headers=headers)


async def test_method_sends_token_query_and_body_and_returns_resource_with_etag(desk: Desk) -> None:
    rest, requests = desk(ok({"keys": []}), ok(KEY, ETag='"a"'))
    await rest.list_keys({"limit": 3})
    key = await rest.create_key(NEW_KEY)
    assert etag_of(key) == '"a"'
    assert etag_of(dict(key)) is None
    assert str(requests[0].url) == "https://desk.example/api/v1/keys?limit=3"
    assert requests[0].headers["Authorization"] == "Bearer hd_key"
    assert requests[1].content == b'{"name":"shop","scope":"read"}'
    assert requests[1].headers["User-Agent"] == f"hummdesk-client/{client_version}"


async def test_parameter_of_path_is_quoted(desk: Desk) -> None:
    rest, requests = desk(ok(KEY))
    await rest.get_key("../audit?x=1")
    assert requests[0].url.raw_path == b"/api/v1/keys/..%2Faudit%3Fx%3D1"


async def test_post_is_repeated_with_its_key_until_it_is_answered(desk: Desk) -> None:
    failures = [httpx2.ConnectError("refused"), problem(429), problem(409, **{"Retry-After": "0.01"})]
    rest, requests = desk(*failures, ok(KEY))
    assert (await rest.create_key(NEW_KEY))["id"] == "1"
    assert len(requests) == 4
    assert len({request.headers["Idempotency-Key"] for request in requests}) == 1


async def test_calls_have_an_idempotency_key_each_or_the_given_one(desk: Desk) -> None:
    rest, requests = desk(ok(KEY))
    await rest.create_key(NEW_KEY)
    await rest.create_key(NEW_KEY, idempotency_key="mine")
    await rest.list_keys()
    keys = [request.headers.get("Idempotency-Key") for request in requests]
    assert re.fullmatch(r"[0-9a-f-]{36}", keys[0] or "")
    assert keys[1:] == ["mine", None]


@pytest.mark.parametrize("status", [400, 404, 409, 412, 422, 500])
async def test_refusal_is_raised_as_problem_at_once(desk: Desk, status: int) -> None:
    rest, requests = desk(problem(status))
    with pytest.raises(ProblemError, match=r"^The request is invalid\. name: Missing\.$") as raised:
        await rest.create_key(NEW_KEY)
    assert (raised.value.status, raised.value.code, len(requests)) == (status, "VALIDATION_ERROR", 1)
    assert raised.value.is_transient is (status == 500)


async def test_client_without_answer_raises_after_its_attempts(desk: Desk) -> None:
    rest, requests = desk(httpx2.ReadError("reset"))
    with pytest.raises(NoResponseError):
        await rest.list_keys()
    assert len(requests) == 4


async def test_conditional_request_without_answer_is_not_repeated(desk: Desk) -> None:
    rest, requests = desk(httpx2.ReadError("reset"))
    with pytest.raises(NoResponseError):
        await rest.revoke_key("1", if_match='"a"')
    assert [request.headers["If-Match"] for request in requests] == ['"a"']


async def test_answer_that_asks_to_wait_longer_than_a_minute_is_raised(desk: Desk) -> None:
    rest, requests = desk(problem(429, **{"Retry-After": "3600"}))
    with pytest.raises(ProblemError):
        await rest.list_keys()
    assert len(requests) == 1


async def test_answer_of_proxy_becomes_problem(desk: Desk) -> None:
    rest, _ = desk(httpx2.Response(502, text="<h1>Bad gateway</h1>"))
    with pytest.raises(ProblemError, match="The server answered 502 Bad Gateway") as raised:
        await rest.list_keys()
    assert raised.value.code == "UNAVAILABLE"


async def test_iterator_requests_pages_until_the_last(desk: Desk) -> None:
    rest, requests = desk(ok({"keys": [KEY, KEY], "nextCursor": "c"}), ok({"keys": [KEY]}))
    assert len([key async for key in rest.all_keys({"limit": 2})]) == 3
    assert [request.url.query for request in requests] == [b"limit=2", b"limit=2&cursor=c"]


async def test_token_function_is_called_for_each_request() -> None:
    tokens = iter(["one", "two"])
    sent: list[str] = []

    async def next_token() -> str:
        return next(tokens)

    def record(request: httpx2.Request) -> httpx2.Response:
        sent.append(request.headers["Authorization"])
        return ok({"keys": []})

    async with RestClient("http://desk.example", token=next_token, transport=httpx2.MockTransport(record)) as rest:
        await rest.list_keys()
        await rest.list_keys()
    assert sent == ["Bearer one", "Bearer two"]


def event(number: int) -> FeedEvent:
    return {"number": number, "type": "user_created", "at": KEY["createdAt"], "subjectId": str(number), "data": {}}


SECOND = FeedPosition().after(event(1)).after(event(2))


def page(*events: FeedEvent, **more: object) -> httpx2.Response:
    return ok({"events": events, "completeTo": 2, "digest": SECOND.digest, "epoch": "one", **more})


async def test_feed_after_failure_continues_with_the_next_event(desk: Desk) -> None:
    third = SECOND.after(event(3))
    failures = [problem(500), httpx2.ReadError("reset")]
    rest, requests = desk(page(event(1), event(2)), *failures, page(event(3), completeTo=3, digest=third.digest))
    events = rest.feed()
    found = [await anext(events) for _ in range(3)]
    assert [one["number"] for one, _ in found] == [1, 2, 3]
    assert found[2][1] == FeedPosition(number=3, digest=third.digest, epoch="one")
    assert [request.url.params["after"] for request in requests] == ["0", "2", "2", "2"]


@pytest.mark.parametrize(
    "wrong",
    [
        page(event(1)),
        page(event(2)),
        page(event(1), event(2), digest="0" * 64),
        page(event(1), {**event(2), "subjectId": "3"}),
        page(event(1), event(2), epoch="two"),
    ],
    ids=["incomplete", "gap", "other digest", "other event", "replaced"],
)
async def test_feed_that_does_not_continue_is_refused(desk: Desk, wrong: httpx2.Response) -> None:
    rest, _ = desk(wrong)
    with pytest.raises(FeedError):
        await anext(rest.feed(FeedPosition(epoch="one")))


async def test_feed_ends_where_history_is_gone(desk: Desk) -> None:
    rest, _ = desk(problem(410))
    with pytest.raises(ProblemError):
        await anext(rest.feed(SECOND))


def test_packages_have_the_version_of_hummdesk() -> None:
    npm = re.search(r'"version": "(.+?)"', (ROOT / "web/client/package.json").read_text())
    assert npm is not None
    assert {client_version, npm[1]} == {__version__}
