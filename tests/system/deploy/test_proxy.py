"""The configuration of HAProxy: consistent with the web processes, and run by a haproxy on the PATH."""

import asyncio
import http.client
import os
import re
import shutil
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from docs.generate import ROOT
from hummdesk.core.config import Settings
from hummdesk.dev.redis import free_port
from hummdesk.operator.proxy_checks import proxy_findings
from tests.integration.server.accounts import Account
from tests.system.js.conftest import script_environment
from tests.system.js.script_runner import HERE, ScriptRunner
from tests.system.js.web_process import get, serving

CONFIGURATION = (ROOT / "deploy/haproxy.cfg").read_text()
HANDSHAKE = "/socket.io/?EIO=4&transport=polling"
HAPROXY = shutil.which("haproxy")
needs_haproxy = pytest.mark.skipif(HAPROXY is None, reason="haproxy is not on the PATH")


def test_proxy_timeouts_exceed_the_heartbeat() -> None:
    heartbeat = Settings.ping_interval_seconds + Settings.ping_timeout_seconds
    for side in ("client", "server", "tunnel"):
        found = re.search(rf"timeout {side} (\d+)s$", CONFIGURATION, re.MULTILINE)
        assert found is not None
        assert int(found[1]) > heartbeat


def test_proxy_servers_are_the_web_processes_of_the_compose_file() -> None:
    servers = re.findall(r"server (\S+) (\S+):5000 cookie (\S+)", CONFIGURATION)
    names = re.findall(r"^  (web-\d+): \*web$", (ROOT / "docker-compose.yml").read_text(), re.MULTILINE)
    assert servers == [(name, name, name) for name in names]


def test_proxy_log_format_has_no_query_which_may_hold_a_token() -> None:
    log_format = re.search(r'log-format "(.*)"', CONFIGURATION)
    assert log_format is not None
    assert not re.search(r"%(\{[^}]*\})?(HU|HQ|HV|r|hr|hs)\b", log_format[1])
    assert "option httplog" not in CONFIGURATION


@asynccontextmanager
async def haproxy(folder: Path, port: int, webs: dict[str, int]) -> AsyncIterator[str]:
    text = CONFIGURATION.replace("bind :8080", f"bind 127.0.0.1:{port}").replace(" resolvers docker", "")
    for name, web in webs.items():
        text = text.replace(f"{name}:5000", f"127.0.0.1:{web}")
    file = folder / "haproxy.cfg"
    file.write_text(text)
    assert HAPROXY is not None
    process = await asyncio.create_subprocess_exec(HAPROXY, "-f", file, stdout=asyncio.subprocess.DEVNULL)
    try:
        async with asyncio.timeout(60):
            while await get(f"http://127.0.0.1:{port}/health/ready") != 200:
                assert process.returncode is None
                await asyncio.sleep(0.1)
        yield f"http://127.0.0.1:{port}"
    finally:
        if process.returncode is None:
            process.terminate()
            await process.wait()


@asynccontextmanager
async def desk(settings: Settings, folder: Path, **env: str) -> AsyncIterator[str]:
    """Run two web processes behind the proxy, and yield its address."""
    first, second, port = (free_port(0) for _ in range(3))
    env |= {"PROXIES_COUNT": "1", "TYPING_TIMEOUT_SECONDS": "0.5", "AUTH_TIMEOUT_SECONDS": "1"}
    async with (
        serving(replace(settings, port=first), env),
        serving(replace(settings, port=second), env),
        haproxy(folder, port, {"web-1": first, "web-2": second}) as url,
    ):
        yield url


@pytest.fixture(scope="module")
async def proxied(settings: Settings, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[str]:
    async with desk(settings, tmp_path_factory.mktemp("proxy")) as url:
        yield url


@pytest.mark.systems
@pytest.mark.engine("HAProxy")
@needs_haproxy
@pytest.mark.parametrize("script", ["connect", "conversation"])
async def test_javascript_client_works_through_the_proxy(
    script: str, settings: Settings, node: ScriptRunner, proxied: str
) -> None:
    account = await Account(settings=settings, url=proxied).make()
    await node.run(HERE / f"{script}.test.mjs", env=script_environment(account))


@pytest.mark.systems
@pytest.mark.engine("HAProxy")
@needs_haproxy
async def test_handshake_sets_a_cookie_for_the_same_process(proxied: str) -> None:
    cookies = await asyncio.to_thread(handshake_cookies, proxied.removeprefix("http://"))
    assert re.match(r"hummdesk=web-[12];.*HttpOnly", cookies)


@pytest.mark.systems
@pytest.mark.engine("HAProxy")
@needs_haproxy
async def test_doctor_finds_nothing_at_the_proxy(settings: Settings, proxied: str) -> None:
    assert await asyncio.to_thread(proxy_findings, settings, proxied) == []


@pytest.mark.systems
@pytest.mark.engine("HAProxy")
@needs_haproxy
@pytest.mark.parametrize("path", ["/metrics", "/metrics/", "/%6detrics", "/METRICS", "/metrics?x=1"])
async def test_metrics_through_the_proxy_are_not_found(proxied: str, path: str) -> None:
    assert await get(f"{proxied}/health/live") == 200
    connection = http.client.HTTPConnection(proxied.removeprefix("http://"), timeout=5)
    await asyncio.to_thread(connection.request, "GET", path)
    answer = connection.getresponse()
    assert (answer.status, answer.getheader("X-Content-Type-Options")) == (404, "nosniff")
    connection.close()


@pytest.mark.systems
@pytest.mark.engine("HAProxy")
@needs_haproxy
async def test_rate_limit_ignores_a_forged_x_forwarded_for(settings: Settings, tmp_path: Path) -> None:
    async with desk(settings, tmp_path, RATE_LIMIT_CONNECTS_PER_MINUTE="3") as url:
        answers = [await get(url + HANDSHAKE, **{"X-Forwarded-For": f"192.0.2.{number}"}) for number in range(4)]
        assert answers == [200, 200, 200, 429]


def handshake_cookies(host: str) -> str:
    connection = http.client.HTTPConnection(host, timeout=5)
    connection.request("GET", HANDSHAKE)
    cookies = connection.getresponse().getheader("Set-Cookie", "")
    connection.close()
    return cookies


@pytest.mark.systems
@pytest.mark.engine("HAProxy")
@needs_haproxy
async def test_configuration_is_valid_with_and_without_a_certificate(tmp_path: Path) -> None:
    certificate = tmp_path / "desk.pem"
    await run("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=desk.example.com",
              "-keyout", tmp_path / "key.pem", "-out", tmp_path / "chain.pem")  # fmt: skip
    certificate.write_text((tmp_path / "chain.pem").read_text() + (tmp_path / "key.pem").read_text())
    file = tmp_path / "haproxy.cfg"
    file.write_text(CONFIGURATION.replace("/run/secrets/certificate", str(certificate)))
    assert HAPROXY is not None
    await run(HAPROXY, "-c", "-f", file, TLS="")
    await run(HAPROXY, "-c", "-f", file, TLS="on")
    await run(HAPROXY, "-c", "-f", file, TLS="on", IPV6="on")


@pytest.mark.systems
@pytest.mark.engine("HAProxy")
@needs_haproxy
async def test_proxy_with_a_certificate_sets_strict_transport_security(tmp_path: Path) -> None:
    """Also in its own answers: there is no web process behind it."""
    await run("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=desk.example.com",
              "-keyout", tmp_path / "key.pem", "-out", tmp_path / "chain.pem")  # fmt: skip
    (tmp_path / "desk.pem").write_text((tmp_path / "chain.pem").read_text() + (tmp_path / "key.pem").read_text())
    plain, tls = free_port(0), free_port(0)
    text = CONFIGURATION.replace("/run/secrets/certificate", str(tmp_path / "desk.pem")).replace(
        " resolvers docker", ""
    )
    text = text.replace("bind :8080", f"bind 127.0.0.1:{plain}").replace("bind :8443", f"bind 127.0.0.1:{tls}")
    (tmp_path / "haproxy.cfg").write_text(text)
    assert HAPROXY is not None
    command = (HAPROXY, "-f", tmp_path / "haproxy.cfg")
    process = await asyncio.create_subprocess_exec(
        *command, env=os.environ | {"TLS": "on"}, stdout=asyncio.subprocess.DEVNULL
    )
    try:
        async with asyncio.timeout(60):
            while await get(f"http://127.0.0.1:{plain}/proxy") != 200:
                await asyncio.sleep(0.05)
        context = ssl.create_default_context(cafile=tmp_path / "chain.pem")
        context.check_hostname = False
        answer = await asyncio.to_thread(answer_of, http.client.HTTPSConnection("127.0.0.1", tls, context=context))
        assert answer.getheader("Strict-Transport-Security") == "max-age=31536000"
        redirect = await asyncio.to_thread(answer_of, http.client.HTTPConnection("127.0.0.1", plain))
        assert (redirect.status, redirect.getheader("Strict-Transport-Security")) == (302, None)
    finally:
        process.terminate()
        await process.wait()


def answer_of(connection: http.client.HTTPConnection) -> http.client.HTTPResponse:
    connection.request("GET", "/")
    answer = connection.getresponse()
    connection.close()
    return answer


async def run(*command: str | Path, **env: str) -> None:
    pipe = asyncio.subprocess.PIPE
    process = await asyncio.create_subprocess_exec(*command, env=os.environ | env, stdout=pipe, stderr=pipe)
    said = await process.communicate()
    assert process.returncode == 0, said
