"""Failures of external models and their codes."""

import socket
from typing import Any

import pytest
from aiohttp import web

from hummdesk.ai.protocol import ProviderError, ProviderRefused
from tests.integration.ai.fake_api import (
    CLASSIFICATION,
    PROTOCOLS,
    Behaviour,
    FakeApi,
    answer,
    close_connection,
    drip,
    fail,
    hang,
    send_body,
    serve_fake_api,
)
from tests.integration.ai.recorded_model import CONTEXT, MESSAGE, RecordedModel, recorded_model
from tests.running_time import running_timeout

SHORT_TIMEOUTS = {"ai_classify_seconds": 0.5, "ai_draft_seconds": 0.5}
"""Where the API does not answer. A busy machine may take as long for an answer."""
INVALID_ANSWERS = (answer("I would say billing."), answer({"category": "billing"}))
"""Answers that are requested once more before they are a failure."""

FAILURES: list[tuple[str, Behaviour, str, bool]] = [
    ("too many requests", fail(429, "rate_limit_error"), "rate_limited", True),
    ("internal error", fail(500, "api_error"), "server_error", True),
    ("bad gateway", fail(502), "server_error", True),
    ("overloaded", fail(529, "overloaded_error"), "overloaded", True),
    ("request time-out", fail(408), "timeout", True),
    ("conflict", fail(409), "server_error", True),
    ("no answer", hang, "timeout", True),
    ("endless answer", drip, "timeout", True),
    ("connection closed", close_connection, "unreachable", True),
    ("HTML page", send_body(b"<html>Welcome to nginx!</html>", "text/html"), "unusable", True),
    ("no JSON", send_body(b"{'a': 1"), "unusable", True),
    ("other JSON", send_body(b'{"hello": "world"}'), "unusable", True),
    ("JSON list", send_body(b"[1, 2]"), "unusable", True),
    ("null", send_body(b"null"), "unusable", True),
    ("empty body", send_body(b""), "unusable", True),
    ("no fields", send_body(b'{"choices": [{}], "content": [{}], "usage": {}}'), "unusable", True),
    ("no JSON in answer", INVALID_ANSWERS[0], "unusable", True),
    ("incomplete answer", INVALID_ANSWERS[1], "unusable", True),
    ("refusal", answer(CLASSIFICATION, stop="refusal"), "refusal", False),
    ("too long", answer('{"category": "bil', stop="length"), "length", False),
    ("no credit by 402", fail(402, "billing_error"), "spent", False),
    ("no credit by 429", fail(429, "insufficient_quota"), "spent", False),
    ("bad request", fail(400, "invalid_request_error"), "bad_request", False),
    ("wrong key", fail(401, "authentication_error"), "unauthorized", False),
    ("not allowed", fail(403, "permission_error"), "forbidden", False),
    ("no such model", fail(404, "not_found_error"), "bad_request", False),
    ("too large", fail(413), "bad_request", False),
    ("unprocessable", fail(422), "bad_request", False),
]


@pytest.fixture(scope="module", autouse=True)
async def loaded_sdks() -> None:
    """Send one request with each SDK: the first one imports modules, for which the short timeouts leave no time."""
    for protocol in PROTOCOLS:
        async with serve_fake_api(protocol) as api, recorded_model(api) as model:
            api.respond_with(answer(CLASSIFICATION))
            await model.provider.classify(MESSAGE, CONTEXT)


@pytest.mark.parametrize(
    ("behaviour", "code", "is_transient"), [case[1:] for case in FAILURES], ids=[case[0] for case in FAILURES]
)
async def test_failure_has_code_and_no_customer_text(
    api: FakeApi, behaviour: Behaviour, code: str, is_transient: bool
) -> None:
    api.respond_with(behaviour)
    async with recorded_model(api, **(SHORT_TIMEOUTS if behaviour in (hang, drip) else {})) as model:
        with pytest.raises(ProviderError) as failure:
            async with running_timeout(3):
                await model.provider.classify(MESSAGE, CONTEXT)
    assert failure.value.code == code
    assert isinstance(failure.value, ProviderRefused) is not is_transient
    assert "charged" not in str(failure.value), "a customer's text must not reach the log"
    assert failure.value.__cause__ is None
    requests = 2 if behaviour in INVALID_ANSWERS else 1
    assert len(api.requests) == requests, "the client does not retry"
    assert model.outcomes == [code] * requests


async def test_openai_content_filter_is_a_refusal() -> None:
    async with serve_fake_api("openai") as api, recorded_model(api) as model:
        api.respond_with(answer("", stop="filter"))
        with pytest.raises(ProviderRefused) as failure:
            await model.provider.classify(MESSAGE, CONTEXT)
    assert failure.value.code == "refusal"


@pytest.mark.parametrize("code", ["enforced_spend_limit_reached", "contract_spend_limit_reached"])
async def test_spending_limit_counts_as_no_credit(code: str) -> None:
    async with serve_fake_api("anthropic") as api, recorded_model(api) as model:
        error = {"type": "rate_limit_error", "message": "limit", "details": {"error_code": code}}

        async def limited(*_: Any) -> Any:
            return web.json_response({"type": "error", "error": error}, status=429)

        api.respond_with(limited)
        with pytest.raises(ProviderRefused) as failure:
            await model.provider.classify(MESSAGE, CONTEXT)
    assert failure.value.code == "spent"


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"Retry-After": "7"}, 7.0),
        ({"retry-after-ms": "1500", "Retry-After": "7"}, 1.5),
        ({"Retry-After": "Fri, 31 Dec 1999 23:59:59 GMT"}, 0.0),
        ({"Retry-After": "soon"}, None),
        ({}, None),
    ],
)
async def test_retry_after_header_is_passed_on(
    api: FakeApi, model: RecordedModel, headers: dict[str, str], seconds: float | None
) -> None:
    api.respond_with(fail(429, **headers))
    with pytest.raises(ProviderError) as failure:
        await model.provider.classify(MESSAGE, CONTEXT)
    assert failure.value.retry_after == seconds


async def test_closed_port_is_unreachable(api: FakeApi) -> None:
    with socket.socket() as bound:  # and does not listen
        bound.bind(("127.0.0.1", 0))
        address = f"http://127.0.0.1:{bound.getsockname()[1]}"
        async with recorded_model(api, **{f"{api.protocol}_base_url": address}) as model:
            with pytest.raises(ProviderError) as failure:
                await model.provider.classify(MESSAGE, CONTEXT)
    assert (failure.value.code, model.outcomes) == ("unreachable", ["unreachable"])


async def test_second_request_shares_the_timeout_of_the_first(api: FakeApi) -> None:
    api.respond_with(answer("Billing, I think."), hang)
    async with recorded_model(api, ai_classify_seconds=2.0) as model:
        with pytest.raises(ProviderError) as failure:
            async with running_timeout(3.5):
                await model.provider.classify(MESSAGE, CONTEXT)
    assert (failure.value.code, model.outcomes) == ("timeout", ["unusable", "timeout"])


@pytest.mark.parametrize(
    "wrong",
    [
        {"category": "vip"},
        {"priority": "now"},
        {"urgency": 11},
        {"urgency": "6"},
        {"sentiment": "angry"},
        {"confidence": 1.5},
        {"confidence": float("nan")},
        {"language": "English, obviously"},
        {"tags": ["approved-refund"]},
        {"tags": "refund"},
        {"team": None},
    ],
    ids=str,
)
async def test_answer_outside_the_schema_is_unusable(api: FakeApi, model: RecordedModel, wrong: dict[str, Any]) -> None:
    api.respond_with(answer(CLASSIFICATION | wrong))
    with pytest.raises(ProviderError) as failure:
        await model.provider.classify(MESSAGE, CONTEXT)
    assert failure.value.code == "unusable"
