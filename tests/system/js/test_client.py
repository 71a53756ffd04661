"""The JavaScript clients against a real web process: the official Socket.IO client, and @hummdesk/client."""

import asyncio
import re
import signal
from contextlib import AsyncExitStack
from dataclasses import replace
from pathlib import Path

import pytest
from redis.asyncio import Redis

from hummdesk.core.config import Settings
from hummdesk.dev.redis import free_port
from tests.integration.server.accounts import Account
from tests.integration.server.conftest import running
from tests.system.js.conftest import script_environment
from tests.system.js.script_runner import ScriptRunner
from tests.system.js.web_process import serving

HERE = Path(__file__).parent
TEST = ("--test-reporter=tap", "--test-reporter-destination=stdout")


@pytest.mark.parametrize("script", ["connect", "conversation", "client", "recovery", "rest"])
async def test_script_with_running_server_passes(script: str, node: ScriptRunner, account: Account) -> None:
    output = await node.run(*TEST, HERE / f"{script}.test.mjs", env=script_environment(account))
    assert_all_passed(output)


@pytest.mark.systems
async def test_session_cut_a_hundred_times_is_recovered_each_time(node: ScriptRunner, account: Account) -> None:
    env = {**script_environment(account), "CUTS": "100"}
    assert_all_passed(await node.run(*TEST, HERE / "recovery.test.mjs", env=env))


def assert_all_passed(output: str) -> None:
    assert re.search(r"^# pass [1-9]", output, re.MULTILINE), output
    assert re.search(r"^# skipped 0$", output, re.MULTILINE), output


async def test_client_after_recovery_window_starts_new_session(node: ScriptRunner, settings: Settings) -> None:
    settings = replace(settings, recovery_window_seconds=1.0, auth_timeout_seconds=3.0)
    async with AsyncExitStack() as stack:
        url, _ = await stack.enter_async_context(running(settings, name="short-window"))
        redis = await stack.enter_async_context(Redis.from_url(settings.redis))
        account = await Account(settings=settings, url=url).make()
        started = node.running(*TEST, HERE / "recovery-window.test.mjs", env=script_environment(account))
        script = await stack.enter_async_context(started)
        assert script.stdout is not None
        output = ""
        while not (found := re.search(r"^cut (\S+)\n", output, re.MULTILINE)):
            line = await script.stdout.readline()
            assert line, output
            output += line.decode()
        while await redis.exists(f"hummdesk:recovery:{found[1]}"):
            await asyncio.sleep(0.02)
        output += (await script.communicate(b"expired\n"))[0].decode()
    assert_all_passed(output)


async def test_client_of_killed_server_recovers(node: ScriptRunner, settings: Settings) -> None:
    await run_through_restart(node, settings, "server-killed", signal.SIGKILL)


async def test_client_of_restarted_server_recovers(node: ScriptRunner, settings: Settings) -> None:
    await run_through_restart(node, settings, "server-restart", signal.SIGTERM)


async def run_through_restart(node: ScriptRunner, settings: Settings, name: str, number: signal.Signals) -> None:
    """Run a script; when it prints "ready", end its server by this signal and start another at the same address."""
    settings = replace(settings, port=free_port(0))
    account = await Account(settings=settings, url=f"http://127.0.0.1:{settings.port}").make()
    async with AsyncExitStack() as stack:
        async with serving(settings, ends_by=number):
            started = node.running(*TEST, HERE / f"{name}.test.mjs", env=script_environment(account))
            script = await stack.enter_async_context(started)
            assert script.stdout is not None
            output = await script.stdout.readuntil(b"ready\n")
        async with serving(settings):
            output += (await script.communicate(b"back\n"))[0]
        assert script.returncode == 0, output.decode()
    assert_all_passed(output.decode())
