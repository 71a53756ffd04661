"""What the public port of a web process reveals: metrics only with a token, and answers that browsers do not sniff."""

import asyncio
from dataclasses import replace
from typing import Literal

import aiohttp
import pytest

from hummdesk.core.config import Settings
from tests.integration.server.accounts import Account
from tests.integration.server.conftest import running

TOKEN = "a token of the monitoring"
POLLING = "/socket.io/?EIO=4&transport=polling"


async def status(session: aiohttp.ClientSession, path: str, **headers: str) -> int:
    async with session.get(path, headers=headers) as answer:
        return answer.status


async def test_metrics_in_production_without_a_token_are_not_found(web_settings: Settings) -> None:
    production = replace(web_settings, hummdesk_env="production")
    async with running(production, name="closed") as (url, _), aiohttp.ClientSession(url) as session:
        assert await status(session, "/metrics") == 404
        assert await status(session, "/metrics", Authorization="Bearer ") == 404


@pytest.mark.parametrize("environment", ["production", "development"])
async def test_metrics_with_a_token_need_it(
    web_settings: Settings, environment: Literal["production", "development"]
) -> None:
    guarded = replace(web_settings, hummdesk_env=environment, metrics_token=TOKEN)
    async with running(guarded, name=f"guarded_{environment}") as (url, _), aiohttp.ClientSession(url) as session:
        assert await status(session, "/metrics") == 401
        for wrong in ("", "Bearer ", "Bearer wrong", f"Basic {TOKEN}", f"Bearer {TOKEN}x", f"bearer\t{TOKEN}"):
            assert await status(session, "/metrics", Authorization=wrong) == 401
        assert await status(session, f"/metrics?token={TOKEN}") == 401
        assert await status(session, "/metrics", Authorization=f"Bearer {TOKEN}") == 200


async def test_metrics_in_development_are_open_to_this_machine_only(account: Account) -> None:
    async with aiohttp.ClientSession(account.url) as session:
        assert await status(session, "/metrics") == 200
        assert await status(session, "/metrics", **{"X-Forwarded-For": "127.0.0.1"}) == 404
        assert await status(session, "/metrics", Forwarded="for=127.0.0.1") == 404


async def test_every_answer_forbids_sniffing(account: Account) -> None:
    async with aiohttp.ClientSession(account.url) as session:
        sid = (await (await session.get(POLLING)).text()).split('"sid":"')[1].split('"')[0]
        asked = [
            *(
                ("GET", path)
                for path in ("/", "/ops", "/docs", "/docs/asyncapi.json", "/widget.js", "/console/origins")
            ),
            *(("GET", path) for path in ("/health/live", "/metrics", "/nothing/here", "/socket.io/", "/%00")),
            *(("POST", path) for path in ("/", "/widget/session", f"{POLLING}&sid={sid}", f"{POLLING}&sid=unknown")),
            ("GET", f"{POLLING}&sid={sid}"),
            ("OPTIONS", "/socket.io/"),
            ("PUT", POLLING),
        ]
        for method, path in asked:
            answer = await session.request(method, path, data=b"40" if method == "POST" else None)
            assert answer.headers.get("X-Content-Type-Options") == "nosniff", (method, path, answer.status)


@pytest.mark.parametrize("request_line", [b"GARBAGE\r\n\r\n", b"GET / HTTP/9.9\r\n\r\n", b"GET /" + b"a" * 20_000])
async def test_answer_to_a_malformed_request_forbids_sniffing(account: Account, request_line: bytes) -> None:
    host, _, port = account.url.removeprefix("http://").partition(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    writer.write(request_line)
    async with asyncio.timeout(20):
        answer = await reader.read(4096)
    writer.close()
    assert not answer or b"x-content-type-options: nosniff" in answer.lower()


async def test_pages_of_each_setting_may_do_only_what_it_names(web_settings: Settings) -> None:
    origins = {kind: f"https://{kind}.example" for kind in ("cors", "widget", "console")}
    settings = replace(
        web_settings,
        cors_origin=origins["cors"],
        widget_origins=origins["widget"],
        console_origins=origins["console"],
    )
    async with running(settings, name="separate") as (url, _), aiohttp.ClientSession(url) as session:
        connects = {kind: await status(session, POLLING, Origin=origin) for kind, origin in origins.items()}
        assert connects == {"cors": 200, "widget": 200, "console": 400}
        assert (await (await session.get("/console/origins")).json()) == {"origins": [origins["console"]]}


async def test_any_widget_page_may_connect_without_credentials(web_settings: Settings) -> None:
    settings = replace(web_settings, widget_origins="*")
    async with running(settings, name="any_widget") as (url, _), aiohttp.ClientSession(url) as session:
        answer = await session.get(POLLING, headers={"Origin": "https://shop.example"})
        assert answer.headers["Access-Control-Allow-Origin"] in ("*", "https://shop.example")
        assert "Access-Control-Allow-Credentials" not in answer.headers
        assert (await (await session.get("/console/origins")).json()) == {"origins": []}
