"""What goes wrong with a model outside, and by which code it is told."""

import socket
import time
from typing import Any

import pytest

from hummdesk.ai.protocol import ProviderError, ProviderRefused
from tests.integration.ai.asking import CONTEXT, MESSAGE, WorkerContext
from tests.integration.ai.fake_provider import (
    CLASSIFICATION,
    Behaviour,
    Played,
    drips,
    fails,
    hangs,
    hangs_up,
    playing,
    says,
    sends,
)

QUICK = {"ai_classify_seconds": 0.5, "ai_draft_seconds": 0.5}
REPAIRED = (says("I would say billing."), says({"category": "billing"}))
"""What is asked for once more before it is a failure."""

FAILURES: list[tuple[str, Behaviour, str, bool]] = [
    ("too many requests", fails(429, "rate_limit_error"), "rate_limited", True),
    ("broken", fails(500, "api_error"), "server_error", True),
    ("bad gateway", fails(502), "server_error", True),
    ("overloaded", fails(529, "overloaded_error"), "overloaded", True),
    ("request time-out", fails(408), "timeout", True),
    ("conflict", fails(409), "server_error", True),
    ("hangs", hangs, "timeout", True),
    ("drips", drips, "timeout", True),
    ("hangs up", hangs_up, "unreachable", True),
    ("a page", sends(b"<html>Welcome to nginx!</html>", "text/html"), "unusable", True),
    ("no JSON", sends(b"{'a': 1"), "unusable", True),
    ("other JSON", sends(b'{"hello": "world"}'), "unusable", True),
    ("a list", sends(b"[1, 2]"), "unusable", True),
    ("null", sends(b"null"), "unusable", True),
    ("nothing", sends(b""), "unusable", True),
    ("no fields", sends(b'{"choices": [{}], "content": [{}], "usage": {}}'), "unusable", True),
    ("words", REPAIRED[0], "unusable", True),
    ("wrong form", REPAIRED[1], "unusable", True),
    ("refuses", says(CLASSIFICATION, stop="refusal"), "refusal", False),
    ("too long", says('{"category": "bil', stop="length"), "length", False),
    ("no credit by 402", fails(402, "billing_error"), "spent", False),
    ("no credit by 429", fails(429, "insufficient_quota"), "spent", False),
    ("bad request", fails(400, "invalid_request_error"), "bad_request", False),
    ("wrong key", fails(401, "authentication_error"), "unauthorized", False),
    ("not allowed", fails(403, "permission_error"), "forbidden", False),
    ("no such model", fails(404, "not_found_error"), "bad_request", False),
    ("too large", fails(413), "bad_request", False),
    ("unprocessable", fails(422), "bad_request", False),
]


@pytest.mark.parametrize(
    ("behaviour", "code", "may_be_tried_again"), [case[1:] for case in FAILURES], ids=[case[0] for case in FAILURES]
)
async def test_a_failure_is_told_by_its_code(
    played: Played, behaviour: Behaviour, code: str, may_be_tried_again: bool
) -> None:
    desk = WorkerContext(played, **QUICK)
    played.plays(behaviour)
    began = time.monotonic()
    with pytest.raises(ProviderError) as failure:
        await desk.provider.classify(MESSAGE, CONTEXT)
    assert time.monotonic() - began < 3
    assert failure.value.code == code
    assert isinstance(failure.value, ProviderRefused) is not may_be_tried_again
    assert "charged" not in str(failure.value), "what a customer wrote gets into no log"
    assert failure.value.__cause__ is None
    requests = 2 if behaviour in REPAIRED else 1
    assert len(played.asked) == requests, "whoever called decides whether to try again, not the client"
    assert desk.outcomes == [code] * requests
    await desk.outside.close()


async def test_the_filter_of_openai_is_a_refusal() -> None:
    async with playing("openai") as played:
        desk = WorkerContext(played)
        played.plays(says("", stop="filter"))
        with pytest.raises(ProviderRefused) as failure:
            await desk.provider.classify(MESSAGE, CONTEXT)
        assert failure.value.code == "refusal"
        await desk.outside.close()


@pytest.mark.parametrize("code", ["enforced_spend_limit_reached", "contract_spend_limit_reached"])
async def test_a_spending_limit_is_used_up_credit(code: str) -> None:
    async with playing("anthropic") as played:
        desk = WorkerContext(played)
        error = {"type": "rate_limit_error", "message": "limit", "details": {"error_code": code}}

        async def limited(*_: Any) -> Any:
            from aiohttp import web

            return web.json_response({"type": "error", "error": error}, status=429)

        played.plays(limited)
        with pytest.raises(ProviderRefused) as failure:
            await desk.provider.classify(MESSAGE, CONTEXT)
        assert failure.value.code == "spent"
        await desk.outside.close()


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
async def test_how_long_the_server_asks_to_wait_is_told(
    played: Played, desk: WorkerContext, headers: dict[str, str], seconds: float | None
) -> None:
    played.plays(fails(429, **headers))
    with pytest.raises(ProviderError) as failure:
        await desk.provider.classify(MESSAGE, CONTEXT)
    assert failure.value.retry_after == seconds


async def test_nobody_at_the_address(played: Played) -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        address = f"http://127.0.0.1:{closed.getsockname()[1]}"
    desk = WorkerContext(played, **{f"{played.protocol}_base_url": address})
    with pytest.raises(ProviderError) as failure:
        await desk.provider.classify(MESSAGE, CONTEXT)
    assert (failure.value.code, desk.outcomes) == ("unreachable", ["unreachable"])
    await desk.outside.close()


async def test_the_second_try_shares_the_time_of_the_first(played: Played) -> None:
    desk = WorkerContext(played, ai_classify_seconds=2.0)
    played.plays(says("Billing, I think."), hangs)
    began = time.monotonic()
    with pytest.raises(ProviderError) as failure:
        await desk.provider.classify(MESSAGE, CONTEXT)
    assert time.monotonic() - began < 3.5
    assert (failure.value.code, desk.outcomes) == ("timeout", ["unusable", "timeout"])
    await desk.outside.close()


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
async def test_an_answer_outside_the_schema_is_refused(
    played: Played, desk: WorkerContext, wrong: dict[str, Any]
) -> None:
    played.plays(says(CLASSIFICATION | wrong))
    with pytest.raises(ProviderError) as failure:
        await desk.provider.classify(MESSAGE, CONTEXT)
    assert failure.value.code == "unusable"
