"""The official JavaScript client against the real web process."""

import asyncio
import os
import re
import sys
import urllib.request
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from hummdesk.config import Settings
from hummdesk.dev.redis import free_port
from tests.js.conftest import desk_of
from tests.js.node import Node
from tests.realtime.world import Account

HERE = Path(__file__).parent
TEST = ("--test-reporter=tap", "--test-reporter-destination=stdout")


@pytest.mark.parametrize("script", ["connect", "talk"])
async def test_client(script: str, node: Node, account: Account) -> None:
    output = await node.run(*TEST, HERE / f"{script}.test.mjs", env=desk_of(account))
    assert_all_passed(output)


def assert_all_passed(output: str) -> None:
    assert re.search(r"^# pass [1-9]", output, re.MULTILINE), output
    assert re.search(r"^# skipped 0$", output, re.MULTILINE), output


@asynccontextmanager
async def serving(settings: Settings) -> AsyncIterator[None]:
    """`serve` in a process of its own, from ready to stopped."""
    values = {"DATABASE_URL": settings.postgres, "REDIS_URL": settings.redis, "JWT_SECRET": settings.jwt_secret}
    command = (sys.executable, "-m", "hummdesk", "serve", "--port", str(settings.port))
    process = await asyncio.create_subprocess_exec(*command, env=os.environ | values)
    try:
        async with asyncio.timeout(15):
            while not await asyncio.to_thread(is_ready, settings.port):
                assert process.returncode is None
                await asyncio.sleep(0.05)
        yield
        process.terminate()
        async with asyncio.timeout(15):
            assert await process.wait() == 0
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


def is_ready(port: int) -> bool:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/health/ready", timeout=2) as answer:
            return bool(answer.status == 200)
    except OSError:
        return False


async def test_client_through_a_restart(node: Node, settings: Settings) -> None:
    settings = replace(settings, port=free_port(0))
    account = await Account(settings=settings, url=f"http://127.0.0.1:{settings.port}").make()
    async with serving(settings):
        script = await node.start(*TEST, HERE / "restart.test.mjs", env=desk_of(account))
        assert script.stdout is not None
        said = await script.stdout.readuntil(b"ready\n")
    async with serving(settings):
        said += (await script.communicate(b"back\n"))[0]
    assert script.returncode == 0, said.decode()
    assert_all_passed(said.decode())
