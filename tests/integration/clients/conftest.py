"""A web process for the Python client."""

from collections.abc import AsyncIterator

import pytest

from hummdesk.core.config import Settings
from tests.integration.server.accounts import Account
from tests.integration.server.conftest import running


@pytest.fixture(scope="session")
async def client_desk(settings: Settings) -> AsyncIterator[tuple[Settings, str]]:
    """The settings and the URL of a web process."""
    async with running(settings, name="clients") as (url, _):
        yield settings, url


@pytest.fixture
async def account(client_desk: tuple[Settings, str]) -> Account:
    settings, url = client_desk
    return await Account(settings=settings, url=url).make()
