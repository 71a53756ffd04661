"""A web process inside the test process: Sanic on a port, with PostgreSQL and Redis."""

import secrets
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

import pytest
from sanic import Sanic

from hummdesk.bus import shared_limits, stream_reader, token_leases
from hummdesk.core.config import Settings
from hummdesk.dev import sign_in
from hummdesk.server import composition
from hummdesk.server.app import build
from hummdesk.server.node import Node
from hummdesk.server.tcp_connections import LimitedProtocol
from tests.conftest import UNLIMITED
from tests.integration.server.accounts import Account, Client
from tests.integration.server.reconnecting import Connection, ReconnectingClient, reconnecting_client, send_text


@asynccontextmanager
async def running(settings: Settings, *, name: str) -> AsyncIterator[tuple[str, Node]]:
    """Run a web process with these settings; return its address and node."""
    name = f"{name}-{secrets.token_hex(4)}"  # the tests of another folder may have one of the same name
    app = build(settings, name=name, extra_routes=sign_in.routes(settings))
    app.config.TOUCHUP = False  # it rewrites Sanic itself, and cannot do so for a second application
    listener = socket.create_server(("127.0.0.1", 0))
    server: Any = await app.create_server(sock=listener, protocol=LimitedProtocol, return_asyncio_server=True)
    assert server is not None
    with pytest.MonkeyPatch.context() as patch:  # see `patience`; readers that begin without Redis report a loss
        patch.setattr(composition, "ANSWER_SECONDS", 20.0)
        patch.setattr(stream_reader, "BEGIN_SECONDS", 20.0)
        await server.startup()
        await server.before_start()
        await server.after_start()
        try:
            yield f"http://127.0.0.1:{listener.getsockname()[1]}", app.ctx.node
        finally:
            await server.before_stop()
            await server.close()
            await server.after_stop()
            Sanic._app_registry.pop(name)


@pytest.fixture(autouse=True)
def patience(monkeypatch: pytest.MonkeyPatch) -> None:
    """On a busy machine Redis may take longer than usual, after which each process would apply the limits alone.

    After five seconds in which it stands still, a process would return its tokens, and begin with a batch on credit.
    """
    monkeypatch.setattr(shared_limits, "ANSWER_SECONDS", 20.0)
    monkeypatch.setattr(token_leases, "IDLE_SECONDS", 60.0)


@pytest.fixture(scope="session")
def web_settings(settings: Settings) -> Settings:
    """Short times where a test would wait, and no rate limits. A machine that stands still ends nothing else."""
    return replace(
        settings,
        presence_grace_seconds=0.6,
        presence_lease_seconds=15,
        typing_timeout_seconds=0.5,
        db_timeout_seconds=12,
        **UNLIMITED,
        metrics_accounts=10_000,
        encryption_keys="a key of the tests with at least 32 bytes",
    )


@pytest.fixture(scope="session")
async def first(web_settings: Settings) -> AsyncIterator[tuple[str, Node]]:
    async with running(web_settings, name="first") as web:
        yield web


@pytest.fixture(scope="session")
def desk_url(first: tuple[str, Node]) -> str:
    return first[0]


@pytest.fixture(scope="session")
def node(first: tuple[str, Node]) -> Node:
    return first[1]


@pytest.fixture(scope="session")
async def second_url(web_settings: Settings) -> AsyncIterator[str]:
    """Another web process on the same PostgreSQL and Redis."""
    async with running(web_settings, name="second") as (url, _):
        yield url


@pytest.fixture
async def new_account(web_settings: Settings, desk_url: str) -> AsyncIterator[Callable[[], Awaitable[Account]]]:
    made: list[Account] = []

    async def make() -> Account:
        made.append(await Account(settings=web_settings, url=desk_url).make())
        return made[-1]

    yield make
    for account in made:
        await account.close()


@pytest.fixture
async def account(new_account: Callable[[], Awaitable[Account]]) -> Account:
    return await new_account()


@pytest.fixture
async def foreign(new_account: Callable[[], Awaitable[Account]]) -> Any:
    """Another account on the same desk."""
    return await new_account()


@pytest.fixture
async def sender(account: Account) -> Client:
    return await account.connect("agent", joins=True)


@pytest.fixture
async def clients() -> AsyncIterator[ReconnectingClient]:
    async with reconnecting_client() as clients:
        yield clients


@pytest.fixture
async def lost(account: Account, clients: ReconnectingClient, sender: Client) -> Connection:
    """A connection of the customer, aborted after it joined the conversation and received a message."""
    connection = await clients.connect(account.url, account.token("customer"))
    await connection.receives("authenticated")
    await connection.do("join_conversation", str(account.conversation))
    await send_text(account, sender, "before")
    await connection.receives("new_message", content="before")
    connection.cut()
    return connection
