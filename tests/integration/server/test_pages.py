"""Pages as browsers receive them: compressed, cached, and with security headers."""

import gzip
import re
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from uuid import uuid4

import aiohttp
import pytest

from hummdesk.contract.table import EVENTS, REQUESTS
from hummdesk.core.config import Settings
from hummdesk.server.http import pages
from tests.integration.server.conftest import running


@pytest.fixture
async def browser(desk_url: str) -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession(desk_url, auto_decompress=False) as session:
        yield session


async def script_of(browser: aiohttp.ClientSession) -> str:
    """The address of the console's script."""
    page = await (await browser.get("/", headers={"Accept-Encoding": "identity"})).text()
    (script,) = re.findall(r'src="(/assets/[^"]+\.js)"', page)
    assert not re.search(r"<script[^>]*>[^<]|<style|\bon\w+=|\bstyle=", page)
    return str(script)


async def test_page_headers_allow_own_scripts_only(browser: aiohttp.ClientSession) -> None:
    for path in ("/", "/widget.js", await script_of(browser)):
        headers = (await browser.get(path)).headers
        policy = dict(part.split(" ", 1) for part in headers["Content-Security-Policy"].split("; "))
        assert policy["default-src"] == policy["frame-ancestors"] == policy["base-uri"] == "'none'"
        assert policy["script-src"] == policy["style-src"] == policy["connect-src"] == "'self'"
        assert "unsafe" not in headers["Content-Security-Policy"]
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert headers["Referrer-Policy"] == "no-referrer"


async def test_addresses_of_the_console_serve_its_page(browser: aiohttp.ClientSession) -> None:
    page = await browser.get("/")
    settings = "/settings", "/settings/people", f"/settings/webhooks/{uuid4()}"
    supervisor = "/supervisor", "/supervisor/closed/7/team/all"
    for path in (f"/c/{uuid4()}", *settings, *supervisor):
        answer = await browser.get(path)
        assert (answer.status, answer.headers["ETag"]) == (200, page.headers["ETag"])
        assert answer.headers["Content-Security-Policy"] == page.headers["Content-Security-Policy"]
        assert answer.headers["Cache-Control"] == "no-cache"
    for path in ("/c/7", "/c", f"/c/{uuid4()}/messages"):
        assert (await browser.get(path)).status == 404


async def test_texts_are_readable_by_pages_of_other_origins(browser: aiohttp.ClientSession) -> None:
    for language, word in (("en", "Send"), ("de", "Senden")):
        (file,) = (pages.BUILT / "assets").glob(f"widget-{language}-*.json")
        answer = await browser.get(f"/assets/{file.name}", headers={"Accept-Encoding": "identity"})
        assert answer.headers["Access-Control-Allow-Origin"] == "*"
        assert "immutable" in answer.headers["Cache-Control"]
        assert (await answer.json())["widget.send"] == word
    assert (await browser.get("/upload.js")).headers["Access-Control-Allow-Origin"] == "*"  # a module, for the widget
    assert "Access-Control-Allow-Origin" not in (await browser.get("/")).headers


async def test_allowed_origins_can_open_the_console(web_settings: Settings) -> None:
    for named, origins, policy in (
        (
            "https://app.example.com, https://two.example.com/",
            ["https://app.example.com", "https://two.example.com"],
            0,
        ),
        ("", [], 1),
    ):
        settings = replace(web_settings, console_origins=named, cors_origin="*")
        async with running(settings, name="opened") as (url, _), aiohttp.ClientSession(url) as session:
            assert await (await session.get("/console/origins")).json() == {"origins": origins}
            headers = (await session.get("/")).headers
            assert headers["Cross-Origin-Opener-Policy"] == ("unsafe-none", "same-origin")[policy]


async def test_contract_page_lists_requests_and_events(browser: aiohttp.ClientSession) -> None:
    answer = await browser.get("/docs")
    page = await answer.text()
    assert answer.headers["Content-Security-Policy"] == pages.SECURITY["Content-Security-Policy"]
    assert all(f"<code>{name}</code>" in page for name in EVENTS.keys() | REQUESTS.keys())
    links, targets = set(re.findall(r'href="#(\w+)"', page)), set(re.findall(r'id="(\w+)"', page))
    assert links <= targets
    assert not re.search(r"<script|<style|\bon\w+=|\bstyle=", page)
    assert (await browser.get("/docs.css")).status == 200
    assert (await (await browser.get("/docs/asyncapi.json")).json())["asyncapi"] == "3.0.0"


async def test_hashed_files_are_immutable_and_others_revalidated(browser: aiohttp.ClientSession) -> None:
    script = await script_of(browser)
    assert "immutable" in (await browser.get(script)).headers["Cache-Control"]
    for path in ("/", "/widget.js"):
        answer = await browser.get(path)
        assert answer.headers["Cache-Control"] == "no-cache"
        again = await browser.get(path, headers={"If-None-Match": answer.headers["ETag"]})
        assert (again.status, await again.read()) == (304, b"")


async def test_file_is_served_in_the_smallest_accepted_encoding(browser: aiohttp.ClientSession) -> None:
    script = await script_of(browser)
    answers = {
        accepted: await browser.get(script, headers={"Accept-Encoding": accepted})
        for accepted in ("identity", "gzip", "gzip, deflate, br;q=1.0")
    }
    assert [answer.headers.get("Content-Encoding") for answer in answers.values()] == [None, "gzip", "br"]
    plain, zipped, smallest = [await answer.read() for answer in answers.values()]
    assert gzip.decompress(zipped) == plain
    assert len(smallest) < len(zipped) < len(plain)
    assert {answer.headers["Vary"] for answer in answers.values()} == {"Accept-Encoding"}


async def test_head_has_no_body_and_sources_are_not_served(browser: aiohttp.ClientSession) -> None:
    answer = await browser.head("/")
    assert (answer.status, await answer.read()) == (200, b"")
    for path in ("/built", "/index.html", "/widget.js.gz", "/assets/../app.py", "/assets/%2e%2e/%2e%2e/pages.py"):
        assert (await browser.get(path)).status == 404


async def test_server_without_built_pages_explains_how_to_build_them(
    web_settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pages, "BUILT", tmp_path)
    async with running(web_settings, name="unbuilt") as (url, _), aiohttp.ClientSession(url) as session:
        answer = await session.get("/")
        assert answer.status == 503
        assert "make web" in await answer.text()
        assert (await session.get("/health/live")).status == 200
