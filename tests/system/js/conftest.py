"""A web process, and the users of one account with their tokens, for scripts in JavaScript."""

import json
import secrets
from collections.abc import AsyncIterator
from dataclasses import replace

import pytest

from hummdesk.core.config import Settings
from tests.integration.server.accounts import Account
from tests.integration.server.conftest import running
from tests.system.js.script_runner import ScriptRunner, install_packages


@pytest.fixture(scope="session")
def node() -> ScriptRunner:
    return install_packages()


@pytest.fixture(scope="session")
async def javascript_desk(settings: Settings) -> AsyncIterator[tuple[Settings, str]]:
    """A web process with a short timeout of typing; its settings and URL."""
    quick = replace(settings, typing_timeout_seconds=0.5)
    async with running(quick, name="javascript") as (url, _):
        yield quick, url


@pytest.fixture
async def account(javascript_desk: tuple[Settings, str]) -> Account:
    settings, url = javascript_desk
    return await Account(settings=settings, url=url).make()


def script_environment(account: Account) -> dict[str, str]:
    """Environment of a script: the server's URL, a conversation, and the account's users with their tokens."""
    forger = replace(account, settings=replace(account.settings, jwt_secret=secrets.token_hex(32)))
    tokens = {name: account.token(name) for name in account.people} | {
        "expired": account.token("agent", hours=-1),
        "forged": forger.token("agent"),
        "garbage": "not.a.token",
    }
    people = {name: person.wire() for name, person in account.people.items()}
    desk = {"url": account.url, "conversation": str(account.conversation), "people": people, "tokens": tokens}
    return {"DESK": json.dumps(desk)}
