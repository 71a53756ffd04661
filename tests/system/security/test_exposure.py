"""Processes in production expose no figures without a token, and start without the secrets that they do not need."""

import asyncio
import os
import sys
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from hummdesk.core.config import Settings
from hummdesk.dev.redis import free_port
from tests.system.js.web_process import body, get, serving

TOKEN = "a token of the monitoring"


async def test_metrics_of_a_process_in_production_need_the_token(settings: Settings) -> None:
    web = replace(settings, port=free_port(0))
    url = f"http://127.0.0.1:{web.port}/metrics"
    async with serving(web, {"HUMMDESK_ENV": "production", "METRICS_TOKEN": TOKEN}):
        assert await get(url) == 401
        assert await get(url, Authorization="Bearer wrong") == 401
        assert "hummdesk_connections" in await body(url, Authorization=f"Bearer {TOKEN}")


async def test_metrics_of_a_process_in_production_without_a_token_are_not_found(settings: Settings) -> None:
    web = replace(settings, port=free_port(0))
    async with serving(web, {"HUMMDESK_ENV": "production"}):
        assert await get(f"http://127.0.0.1:{web.port}/metrics") == 404


def without_secret(settings: Settings) -> dict[str, str]:
    given = {name: value for name, value in os.environ.items() if name != "JWT_SECRET"}
    return given | {"DATABASE_URL": settings.postgres, "REDIS_URL": settings.redis, "HUMMDESK_ENV": "production"}


async def run(*arguments: str, env: Mapping[str, str]) -> tuple[int | None, str]:
    pipe, merged = asyncio.subprocess.PIPE, asyncio.subprocess.STDOUT
    process = await asyncio.create_subprocess_exec(sys.executable, *arguments, env=env, stdout=pipe, stderr=merged)
    async with asyncio.timeout(60):
        said = (await process.communicate())[0].decode()
    return process.returncode, said


@pytest.mark.parametrize(
    "arguments", [("-c", "import tasks.app"), ("-m", "hummdesk", "migrate")], ids=["worker", "migrate"]
)
async def test_process_without_tokens_starts_without_the_secret_that_signs_them(
    settings: Settings, arguments: tuple[str, ...]
) -> None:
    assert (await run(*arguments, env=without_secret(settings)))[0] == 0


async def test_relay_without_the_secret_that_signs_tokens_works(settings: Settings) -> None:
    port = free_port(0)
    env = without_secret(settings) | {"METRICS_PORT": str(port)}
    process = await asyncio.create_subprocess_exec(sys.executable, "-m", "hummdesk", "relay", env=env)
    try:
        async with asyncio.timeout(60):
            while await get(f"http://127.0.0.1:{port}/metrics") != 200:
                assert process.returncode is None
                await asyncio.sleep(0.1)
    finally:
        process.terminate()
        await process.wait()


async def test_web_process_without_the_secret_is_refused(settings: Settings, tmp_path: Path) -> None:
    serve = ("-m", "hummdesk", "serve", "--port", "0", "--home", str(tmp_path))  # that of the clone may have a secret
    code, said = await run(*serve, env=without_secret(settings))
    assert code != 0
    assert "JWT_SECRET: not set" in said
