"""Letter C, and fault row 43: erase during reconnects, by the commands, one of which is killed.

The erasure itself, in PostgreSQL, Redis and search, is tested in tests/integration/server/test_erasure.py.
"""

import asyncio
import os
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from hummdesk.core.config import Settings
from hummdesk.operator import contact
from tests.integration.server.accounts import Account
from tests.integration.server.conftest import running
from tests.integration.server.test_erasure import found_in_database, found_in_redis
from tests.system.js.conftest import script_environment
from tests.system.js.script_runner import ScriptRunner, install_packages
from tests.system.js.test_client import HERE, TEST, assert_all_passed
from tests.system.js.web_process import environment

SECRET = "swordfish3"
MESSAGES = 60


@pytest.fixture
async def account(settings: Settings) -> AsyncIterator[Account]:
    async with running(settings, name="personal-data") as (url, _):
        yield await Account(settings=settings, url=url).make()


@pytest.fixture(scope="session")
def node() -> ScriptRunner:
    return install_packages()


@asynccontextmanager
async def command(settings: Settings, *arguments: str) -> AsyncIterator[Process]:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "hummdesk", *arguments, env=os.environ | environment(settings), stdout=PIPE, stderr=PIPE
    )
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


async def plant(account: Account) -> None:
    customer = await account.connect("customer")
    payload = {"conversationId": str(account.conversation), "content": f"My password is {SECRET}"}
    for _ in range(MESSAGES):
        await customer.do("send_message", payload)
    await customer.close()


async def until_requested(account: Account, erasing: Process) -> None:
    """Wait until the command has recorded the erasure: it takes a second to start, and less to erase."""
    async with await account.superuser() as connection:
        while not (await connection.execute("SELECT FROM erasures WHERE account_id = %s", (account.id,))).rowcount:
            assert not erasing.returncode, "it may have ended meanwhile"
            await asyncio.sleep(0.005)


@pytest.mark.timeout(120, func_only=True)  # without the installation of Node.js packages
async def test_erasure_that_is_killed_and_repeated_during_reconnects_leaves_nothing(
    account: Account, settings: Settings, node: ScriptRunner
) -> None:
    await plant(account)
    customer_id = account.people["customer"].id
    env = script_environment(account) | {"SECRET": SECRET, "LAST_SEQ": str(MESSAGES)}
    async with node.running(*TEST, HERE / "erasure.test.mjs", env=env) as script:
        assert script.stdout is not None
        output = await script.stdout.readuntil(b"ready\n")
        async with command(settings, "contact", "erase", str(customer_id), "--yes") as killed:
            await until_requested(account, killed)
        receipt = await contact.erase(settings, customer_id)
        output += (await script.communicate(b"erased\n"))[0]
    assert script.returncode == 0, output.decode()
    assert_all_passed(output.decode())

    assert receipt["completedAt"] is not None
    erased = receipt["erased"]
    assert isinstance(erased, dict)
    assert erased["messages"] == MESSAGES
    assert await found_in_database(settings, SECRET) == []
    assert await found_in_redis(settings, SECRET) == []
    verified, left = await contact.verify(settings, customer_id)
    assert left == {}
    assert verified["verifiedAt"] is not None


async def test_verification_without_an_erasure_fails(account: Account, settings: Settings) -> None:
    async with command(settings, "contact", "verify-erasure", str(account.people["customer"].id)) as process:
        _, errors = await process.communicate()
    assert process.returncode == 2
    assert errors.decode() == "hummdesk: No erasure of this id was requested\n"
