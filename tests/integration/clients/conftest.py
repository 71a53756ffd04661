"""A web process for the Python client."""

from collections.abc import AsyncIterator
from dataclasses import replace

import pytest

from hummdesk.core.config import Settings
from tests.integration.server.accounts import Account
from tests.integration.server.conftest import running


@pytest.fixture(scope="session")
async def client_desk(settings: Settings) -> AsyncIterator[tuple[Settings, str]]:
    """The settings and the URL of a web process."""
    quick = replace(settings, auth_timeout_seconds=1.0)
    async with running(quick, name="clients") as (url, _):
        yield quick, url


@pytest.fixture
async def account(client_desk: tuple[Settings, str]) -> Account:
    settings, url = client_desk
    return await Account(settings=settings, url=url).make()
