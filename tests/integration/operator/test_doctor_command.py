"""`hummdesk doctor` against PostgreSQL, Redis and web processes behind a proxy that is sound, or is not."""

import asyncio
import ssl
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from hummdesk.core.config import Settings
from hummdesk.operator import doctor
from hummdesk.operator.proxy_checks import Browser, proxy_findings
from tests.conftest import UNLIMITED
from tests.integration.operator.forwarding import forwarding
from tests.integration.server.conftest import running
from tests.system.redis import certificates


@pytest.fixture(scope="module")
def here(settings: Settings) -> Settings:
    return replace(settings, **UNLIMITED)


async def ready(url: str) -> str:
    async with asyncio.timeout(60):
        while (await asyncio.to_thread(Browser(url).request, "GET", "/health/ready")).status != 200:
            await asyncio.sleep(0.05)
    return url


@pytest.fixture(scope="module")
async def web(here: Settings) -> AsyncIterator[str]:
    async with running(here, name="doctor") as (url, _):
        yield await ready(url)


async def lines(settings: Settings, url: str) -> list[str]:
    found = await asyncio.to_thread(proxy_findings, settings, url)
    assert all("\n" not in str(finding) for finding in found)
    return [str(finding).removeprefix(f"{url}: ") for finding in found]


async def test_doctor_finds_nothing_at_a_sound_deployment(here: Settings, web: str) -> None:
    async with forwarding(web) as url:
        assert await doctor.findings(here, url) == []


async def test_doctor_finds_sessions_that_reach_different_processes(here: Settings, web: str) -> None:
    async with running(here, name="doctor-2") as (second, _), forwarding(web, await ready(second)) as url:
        [found] = await lines(here, url)
    assert found.startswith("long polling: requests of one session reach different processes (status 400); use sticky")


async def test_doctor_finds_a_proxy_that_passes_no_websocket(here: Settings, web: str) -> None:
    def without_upgrade(head: bytes) -> bytes:
        return head.replace(b"Upgrade: websocket\r\n", b"")

    async with forwarding(web, change=without_upgrade) as url:
        [found] = await lines(here, url)
    assert found.startswith("WebSocket is not passed on (status 400)")


async def test_doctor_finds_an_address_that_does_not_lead_to_a_web_process(here: Settings, web: str) -> None:
    async with forwarding(web, change=lambda head: head.replace(b"/health/ready", b"/elsewhere")) as url:
        [found] = await lines(here, url)
    assert found.startswith("/health/ready answers with status 404, and not as a web process does; route all paths")


async def test_doctor_finds_nothing_that_listens_at_the_address(here: Settings) -> None:
    [found] = await lines(here, "http://127.0.0.1:1")
    assert found == "no answer from it ([Errno 111] Connection refused); start the proxy, or correct --url"


@pytest.mark.parametrize(
    "answer",
    [b"", b"SSH-2.0-OpenSSH_9.2\r\n", b"HTTP/1.1 200 OK\r\nSet-Cookie: a\x01b=1\r\nContent-Length: 2\r\n\r\n[]"],
    ids=["nothing", "another protocol", "another application"],
)
async def test_doctor_reports_a_server_of_something_else_in_one_line(here: Settings, answer: bytes) -> None:
    async def respond(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(answer)
        writer.close()

    async with await asyncio.start_server(respond, "127.0.0.1", 0) as server:
        [found] = await lines(here, f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}")
    assert found.startswith(("no answer from it (", "/health/ready answers with status 200, and not as a web process"))


async def test_doctor_finds_intervals_that_differ_or_exceed_idle_timeouts(here: Settings, web: str) -> None:
    [found] = await lines(replace(here, ping_interval_seconds=7), web)
    assert found == (
        "PING_INTERVAL_SECONDS, PING_TIMEOUT_SECONDS: web processes use 25 and 60 s, here they are set to 7 and 60 s; "
        "set the same on all machines, and restart the web processes"
    )


async def test_doctor_finds_what_a_proxy_with_tls_lacks(
    here: Settings, web: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = certificates.make(tmp_path)
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(made.certificate, made.key)

    def secured(head: bytes) -> bytes:
        return head.replace(b"\r\n", b"\r\nX-Forwarded-Proto: https\r\nX-Forwarded-For: 192.0.2.1\r\n", 1)

    async with forwarding(web, context=context) as url:
        [unknown] = await lines(here, url)
        monkeypatch.setenv("SSL_CERT_FILE", str(made.authority))
        plain = await lines(here, url)
    async with forwarding(web, context=context, change=secured) as url:
        forwarded = await lines(replace(here, proxies_count=1, public_url=url), url)
    assert unknown.startswith("its certificate is not valid (unable to get local issuer certificate); renew it")
    expected = [
        "answers have no Strict-Transport-Security; add it: Strict-Transport-Security: max-age=31536000",
        "its certificate expires in 0 days; renew it, and check its renewal",
    ]
    assert forwarded == expected
    assert plain[:2] == expected
    assert [line.partition(":")[0] for line in plain[2:4]] == ["PROXIES_COUNT", "PUBLIC_URL"]
    assert plain[4] == "/metrics is forwarded (status 200); answer it with 404 in the proxy"
    assert plain[5].startswith("web processes refuse the origin of their own pages; set X-Forwarded-Proto")
