"""Clients of the REST API of the web process of `tests.integration.server`."""

from collections.abc import AsyncIterator

import aiohttp
import pytest

from hummdesk.server.node import Node
from tests.integration.api.rest_client import RestClient
from tests.integration.server.accounts import Account
from tests.integration.server.conftest import (
    account,
    desk_url,
    first,
    foreign,
    new_account,
    node,
    patience,
    sender,
    web_settings,
)

__all__ = ["account", "desk_url", "first", "foreign", "new_account", "node", "patience", "sender", "web_settings"]


@pytest.fixture
async def http(desk_url: str) -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession(desk_url) as session:
        yield session


@pytest.fixture
async def admin(http: aiohttp.ClientSession, node: Node, account: Account) -> RestClient:
    """With a key of scope `admin`."""
    return await RestClient.of(http, node.context.database, account.id, "admin")


@pytest.fixture
async def foreigner(http: aiohttp.ClientSession, node: Node, foreign: Account) -> RestClient:
    """With an `admin` key of another account."""
    return await RestClient.of(http, node.context.database, foreign.id, "admin")
