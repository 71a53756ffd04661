"""Refused recovery: the client starts a new session."""

import asyncio
from dataclasses import replace
from typing import Any

import aiohttp
import pytest
from redis.asyncio import Redis

from hummdesk.bus.shards import shard_of
from hummdesk.bus.stream_reader import ShardReader
from hummdesk.core.config import Settings
from hummdesk.publish.events.presence import AgentStatusChanged
from hummdesk.server.handlers import recovery
from hummdesk.server.node import Node
from tests.integration.server.accounts import Account, Client
from tests.integration.server.conftest import running
from tests.integration.server.reconnecting import Connection, ReconnectingClient, send_text


async def outcomes(url: str) -> dict[str, float]:
    async with aiohttp.ClientSession() as session:
        lines = (await (await session.get(f"{url}/metrics")).text()).splitlines()
    found = (line.split('outcome="')[1].split('"} ') for line in lines if line.startswith("hummdesk_recoveries_total"))
    return {name: float(value) for name, value in found}


async def assert_not_recovered(
    account: Account,
    clients: ReconnectingClient,
    lost: Connection,
    outcome: str,
    *,
    token: str | None = None,
    **other: str,
) -> Connection:
    before = (await outcomes(account.url)).get(outcome, 0)
    again = await clients.reconnect(account.url, token or account.token("customer"), lost, **other)
    assert again.sid != lost.sid
    assert again.pid != lost.pid
    assert not again.missed
    assert (await outcomes(account.url))[outcome] == before + 1
    return again


async def test_disabled_person_is_not_recovered(
    account: Account, clients: ReconnectingClient, sender: Client, lost: Connection
) -> None:
    await send_text(account, sender, "secret")
    await account.execute("UPDATE contacts SET active = false WHERE id = %(id)s", id=account.people["customer"].id)
    again = await assert_not_recovered(account, clients, lost, "token")
    await again.receives("authentication_error")


async def test_invalid_token_is_refused_and_does_not_use_up_the_session(
    account: Account, clients: ReconnectingClient, sender: Client, lost: Connection
) -> None:
    await send_text(account, sender, "missed")
    again = await assert_not_recovered(account, clients, lost, "token", token=account.token("customer", hours=-1))
    assert (await again.receives("authentication_error"))["code"] == "TOKEN_EXPIRED"
    await assert_not_recovered(account, clients, lost, "token", token="no.token.atall")
    right = await clients.reconnect(account.url, account.token("customer"), lost)
    assert right.messages() == ["missed"]


async def test_another_person_neither_recovers_nor_uses_up_the_session(
    account: Account, foreign: Account, clients: ReconnectingClient, sender: Client, lost: Connection
) -> None:
    await send_text(account, sender, "missed")
    await assert_not_recovered(account, clients, lost, "person", token=account.token("stranger"))
    right = await clients.reconnect(account.url, account.token("customer"), lost)
    assert (right.sid, right.messages()) == (lost.sid, ["missed"])
    connection = await clients.connect(account.url, account.token("agent"))
    await connection.receives("authenticated")
    connection.cut()
    await assert_not_recovered(account, clients, connection, "person", token=foreign.token("agent"))


async def test_session_is_recovered_once(
    account: Account, clients: ReconnectingClient, lost: Connection, second_url: str
) -> None:
    urls = (account.url, account.url, second_url, second_url)
    found = await asyncio.gather(*(clients.reconnect(url, account.token("customer"), lost) for url in urls))
    assert [again.sid for again in found].count(lost.sid) == 1


@pytest.mark.parametrize(
    "offset", ["", "x", "1-0", "9999999999999-0", "1-1.", "-1-0", "1e3-0", "٣-١", "1-1.1.1", "9" * 400 + "-0"]
)
async def test_offset_that_is_not_in_the_stream_is_refused(
    account: Account, clients: ReconnectingClient, lost: Connection, offset: str
) -> None:
    readable = recovery.Offset.parsed(offset)
    await assert_not_recovered(account, clients, lost, "gap" if readable else "offset", offset=offset)


@pytest.mark.parametrize("pid", ["", "x", "../leases", "*", "a" * 100_000])
async def test_unknown_pid_is_refused(
    account: Account, clients: ReconnectingClient, lost: Connection, pid: str
) -> None:
    await assert_not_recovered(account, clients, lost, "unknown", pid=pid)


@pytest.mark.parametrize("claim", [{"pid": 1}, {"offset": None}, {"pid": {"a": 1}}, {"offset": ["x"]}])
async def test_invalid_claim_is_an_ordinary_connect(
    account: Account, clients: ReconnectingClient, lost: Connection, claim: Any
) -> None:
    again = await clients.reconnect(account.url, account.token("customer"), lost, **claim)
    assert again.sid != lost.sid
    await again.receives("authenticated")


async def test_session_that_the_client_has_ended_is_not_recovered(
    account: Account, clients: ReconnectingClient, node: Node
) -> None:
    connection = await clients.connect(account.url, account.token("customer"))
    await connection.receives("authenticated")
    await connection.leave()
    async with asyncio.timeout(20):
        while connection.sid in node.context.sockets.sessions:
            await asyncio.sleep(0.01)
    await assert_not_recovered(account, clients, connection, "unknown")


async def test_too_many_missed_events_are_refused(
    account: Account, clients: ReconnectingClient, node: Node, sender: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recovery, "MOST_MISSED", 2)
    connection = await clients.connect(account.url, account.token("colleague"))
    await connection.receives("authenticated")
    connection.cut()
    for number in range(3):
        await node.context.broadcast.broadcast_to_account(account.id, "number", {"number": number})
    await sender.receives("number", number=2)
    again = await clients.reconnect(account.url, account.token("colleague"), connection)
    assert again.sid != connection.sid


async def test_missed_events_beyond_the_size_of_an_answer_are_refused(
    account: Account, clients: ReconnectingClient, node: Node, sender: Client
) -> None:
    connection = await clients.connect(account.url, account.token("colleague"))
    await connection.receives("authenticated")
    connection.cut()
    padding = "x" * (node.context.settings.max_answer_bytes // 4)
    for number in range(5):
        await node.context.broadcast.broadcast_to_account(account.id, "number", {"number": number, "padding": padding})
    await sender.receives("number", number=4)
    await assert_not_recovered(account, clients, connection, "too_many", token=account.token("colleague"))


async def test_change_of_the_person_during_recovery_is_refused(
    account: Account, clients: ReconnectingClient, node: Node, lost: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    original = ShardReader.load

    async def load(reader: ShardReader, entry_id: str, place: int | None) -> bool:
        node.context.sockets.mark_changed(account.people["customer"].id)
        return await original(reader, entry_id, place)

    monkeypatch.setattr(ShardReader, "load", load)
    await assert_not_recovered(account, clients, lost, "changed")


async def test_recovery_after_flush_of_redis_is_refused(
    account: Account, clients: ReconnectingClient, web_settings: Settings, lost: Connection
) -> None:
    async with Redis.from_url(web_settings.redis) as redis:
        await redis.delete(f"hummdesk:recovery:{lost.pid}")
    await assert_not_recovered(account, clients, lost, "unknown")


async def test_loss_of_events_resynchronizes_the_sockets_of_the_shard(
    account: Account, clients: ReconnectingClient, node: Node
) -> None:
    connection = await clients.connect(account.url, account.token("customer"))
    await connection.receives("authenticated")
    node.context.sockets.resynchronize(shard_of(account.id))
    reason = await connection.receives("disconnect_reason")
    assert (reason["code"], reason["reconnect"]) == ("RESYNC", True)
    again = await assert_not_recovered(account, clients, connection, "offset")
    await again.receives("authenticated")


async def test_resynchronized_socket_receives_no_further_events(
    account: Account, clients: ReconnectingClient, node: Node
) -> None:
    """It loads the history again, which may contain the event already."""
    connection = await clients.connect(account.url, account.token("agent"))
    await connection.receives("authenticated")
    (
        await node.context.reader.follow(account.id)
    )._position.id = "0-1"  # the next entry of the stream does not follow it
    changed = AgentStatusChanged.of(account.people["colleague"], old="online", new="away")
    await node.context.publisher.publish(changed)
    assert (await connection.receives("disconnect_reason"))["code"] == "RESYNC"
    await connection.ends()
    assert "agent_status_changed" not in [event for event, _ in connection.received]


async def test_without_recovery_window_there_is_neither_pid_nor_offset(
    account: Account, clients: ReconnectingClient, web_settings: Settings
) -> None:
    async with running(replace(web_settings, recovery_window_seconds=0.0), name="no-window") as (url, _):
        connection = await clients.connect(url, account.token("agent"))
        await connection.receives("authenticated")
        await connection.do("send_message", {"conversationId": str(account.conversation), "content": "x"})
        await connection.receives("new_message")
        assert not connection.pid
        assert not connection.offsets
        again = await clients.reconnect(url, account.token("agent"), connection, pid="x", offset="1-0")
        assert again.sid != connection.sid
