"""Signing in by a click: for who sits at this machine, in development, and nobody else."""

from collections.abc import AsyncIterator
from dataclasses import replace

import aiohttp
import pytest

from hummdesk.core import tokens
from hummdesk.core.config import Settings
from hummdesk.dev import demo
from tests.integration.server.conftest import running


@pytest.fixture
def furnished(settings: Settings, fresh_database_url: str) -> Settings:
    return replace(settings, database_url=fresh_database_url)


@pytest.fixture
async def desk(furnished: Settings) -> AsyncIterator[aiohttp.ClientSession]:
    await demo.load(furnished)
    async with running(furnished, name="signing-in") as (url, _), aiohttp.ClientSession(url) as session:
        yield session


async def test_a_click_makes_one_of_the_demo_people(desk: aiohttp.ClientSession, furnished: Settings) -> None:
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
        claims = tokens.verify(furnished, (await answer.json())["token"])
        assert (str(claims.user_id), claims.email, claims.role) == (person["userId"], person["email"], person["role"])
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
async def test_another_page_or_machine_finds_nothing(desk: aiohttp.ClientSession, headers: dict[str, str]) -> None:
    assert (await desk.get("/demo/people", headers=headers)).status == 404
    assert (await desk.post("/demo/sign-in", json={}, headers=headers)).status == 404


async def test_in_production_and_without_demo_people_there_is_none(furnished: Settings) -> None:
    async with running(furnished, name="unfurnished") as (url, _), aiohttp.ClientSession(url) as session:
        assert await (await session.get("/demo/people")).json() == {"accounts": []}
    await demo.load(furnished)
    earnest = replace(furnished, hummdesk_env="production")
    async with running(earnest, name="earnest") as (url, _), aiohttp.ClientSession(url) as session:
        assert (await session.get("/demo/people")).status == 404
        assert (await session.post("/demo/sign-in", json={})).status == 404
