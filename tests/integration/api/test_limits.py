"""Limits of calls: over all processes, with headers; and the headers of calls that are deprecated."""

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import date

import aiohttp
import pytest

from hummdesk.contract.rest import ROUTES
from hummdesk.core.config import Settings
from hummdesk.server.api import headers
from hummdesk.server.node import Node
from tests.integration.api.rest_client import RestClient
from tests.integration.server.accounts import Account
from tests.integration.server.conftest import running


@pytest.fixture(scope="module")
async def limited(web_settings: Settings) -> AsyncIterator[tuple[str, Node]]:
    settings = replace(web_settings, rate_limit_person_calls_per_minute=8, rate_limit_account_calls_per_minute=100)
    async with running(settings, name="limited-api") as web:
        yield web


async def test_calls_beyond_the_limit_are_refused_with_headers(limited: tuple[str, Node], account: Account) -> None:
    url, node = limited
    async with aiohttp.ClientSession(url) as session:
        client = await RestClient.of(session, node.context.database, account.id, "read")
        other = await RestClient.of(session, node.context.database, account.id, "admin")
        first = await client.call("get_me")
        assert first.headers["RateLimit-Policy"] == '"person";q=8;w=60, "account";q=100;w=60'
        assert first.headers["RateLimit"].startswith('"person";r=7;t=')
        answers = [await client.call("get_me") for _ in range(12)]
        assert {answer.status for answer in answers} == {200, 429}
        refused = answers[-1]
        assert refused.body["details"]["limit"] == "person_calls"
        assert 1 <= int(refused.headers["Retry-After"]) <= 60
        assert refused.headers["RateLimit"].startswith('"person";r=0;t=')
        assert (await other.call("get_me")).status == 200


async def test_call_without_a_limit_has_no_headers_of_it(admin: RestClient) -> None:
    assert "RateLimit" not in (await admin.call("get_me")).headers


def test_deprecated_call_says_until_when_it_works() -> None:
    route = replace(ROUTES["get_me"], deprecated=date(2027, 1, 1), sunset=date(2028, 1, 1))
    assert headers.of_route(route) == {
        "Cache-Control": "no-store",
        "Deprecation": "@1798761600",
        "Sunset": "Sat, 01 Jan 2028 00:00:00 GMT",
    }
