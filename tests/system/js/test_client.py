"""The official JavaScript client against the real web process."""

import re
import signal
from contextlib import AsyncExitStack
from dataclasses import replace
from pathlib import Path

import pytest

from hummdesk.core.config import Settings
from hummdesk.dev.redis import free_port
from tests.integration.server.accounts import Account
from tests.integration.server.conftest import running
from tests.system.js.conftest import desk_of
from tests.system.js.node import Node
from tests.system.js.serving import serving

HERE = Path(__file__).parent
TEST = ("--test-reporter=tap", "--test-reporter-destination=stdout")


@pytest.mark.parametrize("script", ["connect", "talk", "wrapped", "recovery"])
async def test_client(script: str, node: Node, account: Account) -> None:
    output = await node.run(*TEST, HERE / f"{script}.test.mjs", env=desk_of(account))
    assert_all_passed(output)


def assert_all_passed(output: str) -> None:
    assert re.search(r"^# pass [1-9]", output, re.MULTILINE), output
    assert re.search(r"^# skipped 0$", output, re.MULTILINE), output


async def test_client_past_the_window(node: Node, settings: Settings) -> None:
    settings = replace(settings, recovery_window_seconds=1.0)
    async with running(settings, name="short-window") as (url, _):
        account = await Account(settings=settings, url=url).make()
        assert_all_passed(await node.run(*TEST, HERE / "expired.test.mjs", env=desk_of(account)))


async def test_client_through_a_kill(node: Node, settings: Settings) -> None:
    await through(node, settings, "killed", signal.SIGKILL)


async def test_client_through_a_restart(node: Node, settings: Settings) -> None:
    await through(node, settings, "restart", signal.SIGTERM)


async def through(node: Node, settings: Settings, name: str, number: signal.Signals) -> None:
    """Run a script whose web process ends by this signal when it is ready, and another one follows."""
    settings = replace(settings, port=free_port(0))
    account = await Account(settings=settings, url=f"http://127.0.0.1:{settings.port}").make()
    async with AsyncExitStack() as stack:
        async with serving(settings, ends_by=number):
            started = node.running(*TEST, HERE / f"{name}.test.mjs", env=desk_of(account))
            script = await stack.enter_async_context(started)
            assert script.stdout is not None
            said = await script.stdout.readuntil(b"ready\n")
        async with serving(settings):
            said += (await script.communicate(b"back\n"))[0]
        assert script.returncode == 0, said.decode()
    assert_all_passed(said.decode())
