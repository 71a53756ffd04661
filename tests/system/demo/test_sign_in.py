"""Signing in as a demo user by a click: in development and from this machine only."""

from collections.abc import AsyncIterator
from dataclasses import replace

import aiohttp
import pytest

from hummdesk.core import tokens
from hummdesk.core.config import Settings
from hummdesk.dev import demo
from tests.integration.server.conftest import running


@pytest.fixture
def with_demo(settings: Settings, fresh_database_url: str) -> Settings:
    return replace(settings, database_url=fresh_database_url)


@pytest.fixture
async def desk(with_demo: Settings) -> AsyncIterator[aiohttp.ClientSession]:
    await demo.load(with_demo)
    async with running(with_demo, name="signing-in") as (url, _), aiohttp.ClientSession(url) as session:
        yield session


async def test_sign_in_as_a_demo_user_returns_a_token(desk: aiohttp.ClientSession, with_demo: Settings) -> None:
    answer = await desk.get("/demo/people")
    accounts = (await answer.json())["accounts"]
    people = [person for account in accounts for person in account["people"]]
    assert len(accounts) == 2
    assert [person["role"] for person in accounts[0]["people"]] == [
        *("admin", "agent", "agent", "viewer"),
        *("customer", "customer", "customer"),
    ]
    for person in people:
        answer = await desk.post("/demo/sign-in", json={"userId": person["userId"]})
        assert answer.headers["Cache-Control"] == "no-store"
        claims = tokens.verify(with_demo, (await answer.json())["token"])
        assert (str(claims.user_id), claims.email, claims.role) == (person["userId"], person["email"], person["role"])
    wrong: object
    for wrong in ({"userId": "somebody"}, {"userId": None}, {}, [], "text"):
        assert (await desk.post("/demo/sign-in", json=wrong)).status == 404
    assert (await desk.post("/demo/sign-in", data=b"{", headers={"Content-Type": "application/json"})).status == 400


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Host": "evil.example:5000"},
        {"Host": "localhost.evil.example"},
        {"X-Forwarded-For": "203.0.113.7"},
    ],
)
async def test_sign_in_from_another_page_or_machine_is_not_found(
    desk: aiohttp.ClientSession, headers: dict[str, str]
) -> None:
    assert (await desk.get("/demo/people", headers=headers)).status == 404
    assert (await desk.post("/demo/sign-in", json={}, headers=headers)).status == 404


async def test_sign_in_in_production_is_not_found(with_demo: Settings) -> None:
    async with running(with_demo, name="without-demo") as (url, _), aiohttp.ClientSession(url) as session:
        assert await (await session.get("/demo/people")).json() == {"accounts": []}
    await demo.load(with_demo)
    production = replace(with_demo, hummdesk_env="production")
    async with running(production, name="production") as (url, _), aiohttp.ClientSession(url) as session:
        assert (await session.get("/demo/people")).status == 404
        assert (await session.post("/demo/sign-in", json={})).status == 404
