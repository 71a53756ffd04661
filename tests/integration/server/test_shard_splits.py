"""Clients while the number of shards is raised: they notice nothing, and are recovered after it."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace

import pytest
from redis.asyncio import Redis

from hummdesk.bus import stream_reader
from hummdesk.bus.commands import Commands
from hummdesk.bus.shards import SHARDS, Shard, ShardMap, shard_of
from hummdesk.bus.splitting import ShardSplitter
from hummdesk.bus.stream_reader import ShardReader
from hummdesk.core.config import Settings
from hummdesk.core.models import Person
from hummdesk.core.tokens import Claims
from hummdesk.server.context import ServerContext
from hummdesk.server.handlers import connection as handler
from hummdesk.server.node import Node
from hummdesk.server.sockets import ClientSession
from tests.integration.server.accounts import Account, Client
from tests.integration.server.conftest import running
from tests.integration.server.reconnecting import Connection, ReconnectingClient, send_text
from tests.integration.server.test_recovery_refusals import assert_not_recovered

TWICE = 2 * SHARDS


@dataclass
class Processes:
    """Two web processes with a database of Redis that no other process uses."""

    settings: Settings
    first: str
    second: str
    node: Node


@pytest.fixture
async def processes(web_settings: Settings) -> AsyncIterator[Processes]:
    settings = replace(web_settings, redis_url=web_settings.redis.removesuffix("/0") + "/4")
    async with Redis.from_url(settings.redis) as redis:
        await redis.flushdb()
        async with running(settings, name="split") as (first, node), running(settings, name="other") as (second, _):
            yield Processes(settings, first, second, node)
        await redis.flushdb()


@pytest.fixture
async def account(processes: Processes) -> AsyncIterator[Account]:
    """One that moves to a new shard."""
    made = Account(settings=processes.settings, url=processes.first)
    while shard_of(made.id, TWICE) == shard_of(made.id):
        made = Account(settings=processes.settings, url=processes.first)
    yield await made.make()
    await made.close()


@pytest.fixture
async def splitter(processes: Processes) -> AsyncIterator[ShardSplitter]:
    found = ShardSplitter(Commands.of(processes.settings.redis))
    yield found
    await found.close()


@pytest.fixture
async def watching(account: Account, clients: ReconnectingClient, processes: Processes) -> Connection:
    """A connection to the second process, which reads the shard from now on."""
    connection = await clients.connect(processes.second, account.token("colleague"))
    await connection.receives("authenticated")
    return connection


async def test_sockets_of_both_processes_receive_what_follows_the_split(
    account: Account,
    clients: ReconnectingClient,
    watching: Connection,
    sender: Client,
    processes: Processes,
    splitter: ShardSplitter,
) -> None:
    connections = [watching, await clients.connect(account.url, account.token("colleague"))]
    await connections[1].receives("authenticated")
    await send_text(account, sender, "before")
    await splitter.raise_to(TWICE)
    await send_text(account, sender, "after")
    for connection in connections:
        await connection.receives("new_message", content="after")
        names = [payload["content"] for event, payload in connection.received if event == "new_message"]
        assert names == ["before"]
        assert "disconnect_reason" not in [event for event, _ in connection.received]
    agent = account.people["agent"].id
    assert (await processes.node.context.presence.statuses(account.id))[agent] == "online"


async def test_session_from_before_the_split_is_recovered_at_another_process(
    account: Account,
    clients: ReconnectingClient,
    watching: Connection,
    sender: Client,
    lost: Connection,
    processes: Processes,
    splitter: ShardSplitter,
) -> None:
    await send_text(account, sender, "missed")
    await splitter.raise_to(TWICE)
    await send_text(account, sender, "missed after the split")
    await watching.receives("new_message", content="missed after the split")
    again = await clients.reconnect(processes.second, account.token("customer"), lost)
    assert again.sid == lost.sid
    assert again.messages() == ["missed", "missed after the split"]


async def test_session_from_before_the_split_is_recovered_at_a_process_that_has_not_read_it(
    account: Account,
    clients: ReconnectingClient,
    sender: Client,
    lost: Connection,
    processes: Processes,
    splitter: ShardSplitter,
) -> None:
    await send_text(account, sender, "missed")
    await splitter.raise_to(TWICE)
    await send_text(account, sender, "missed after the split")
    again = await clients.reconnect(processes.second, account.token("customer"), lost)
    assert again.sid == lost.sid
    assert again.messages() == ["missed", "missed after the split"]


async def test_socket_that_authenticates_while_a_process_learns_of_an_earlier_split_receives_events(
    account: Account,
    clients: ReconnectingClient,
    sender: Client,
    processes: Processes,
    splitter: ShardSplitter,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Redis was slow: the socket did not wait for it, and meanwhile is in the shard of 16."""
    await splitter.raise_to(TWICE)
    record, original, news = ShardMap.split, handler.load_person, asyncio.Event()

    def split(known: ShardMap, shard: Shard, number: int) -> list[Shard]:
        news.set()
        return record(known, shard, number)

    async def load_person(context: ServerContext, session: ClientSession, claims: Claims) -> Person:
        monkeypatch.setattr(stream_reader, "BEGIN_SECONDS", 20.0)
        while context.reader.shard_of(account.id) != shard_of(account.id, TWICE):
            news.clear()
            await news.wait()
        return await original(context, session, claims)

    monkeypatch.setattr(ShardMap, "split", split)
    monkeypatch.setattr(handler, "load_person", load_person)
    monkeypatch.setattr(stream_reader, "BEGIN_SECONDS", 0.0)
    late = await clients.connect(processes.second, account.token("colleague"))
    await late.receives("authenticated")
    await send_text(account, sender, "after")
    await late.receives("new_message", content="after")


async def test_session_that_is_recovered_during_the_split_begins_anew(
    account: Account,
    clients: ReconnectingClient,
    sender: Client,
    lost: Connection,
    processes: Processes,
    splitter: ShardSplitter,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    original = ShardReader.load

    async def load(reader: ShardReader, entry_id: str, place: int | None) -> bool:
        found = await original(reader, entry_id, place)
        await splitter.raise_to(TWICE)
        await send_text(account, sender, "meanwhile")
        return found

    monkeypatch.setattr(ShardReader, "load", load)
    await assert_not_recovered(account, clients, lost, "gap")
