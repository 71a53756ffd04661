"""A socket that comes back after a short loss has missed nothing; one that cannot be told everything begins anew."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import aiohttp
import pytest
from redis.asyncio import Redis

from hummdesk.bus.reader import ShardReader
from hummdesk.config import Settings
from hummdesk.handlers import recovery
from hummdesk.node import Node
from tests.realtime.conftest import running
from tests.realtime.returning import Front, Returning, front
from tests.realtime.world import Account, Client


@pytest.fixture
async def sender(account: Account) -> Client:
    return await account.connect("agent", joins=True)


@pytest.fixture
async def clients() -> AsyncIterator[Front]:
    async with front() as clients:
        yield clients


@pytest.fixture
async def lost(account: Account, clients: Front, sender: Client) -> Returning:
    """The customer's connection, just cut; it had joined the conversation and heard a message."""
    connection = await clients.connect(account.url, account.token("customer"))
    await connection.hears("authenticated")
    await connection.do("join_conversation", str(account.conversation))
    await say(account, sender, "before")
    await connection.hears("new_message", content="before")
    connection.cut()
    return connection


async def say(account: Account, sender: Client, content: str, **more: Any) -> None:
    await sender.do("send_message", {"conversationId": str(account.conversation), "content": content, **more})
    await sender.hears("new_message", content=content)


async def outcomes(url: str) -> dict[str, float]:
    async with aiohttp.ClientSession() as session:
        lines = (await (await session.get(f"{url}/metrics")).text()).splitlines()
    found = (line.split('outcome="')[1].split('"} ') for line in lines if line.startswith("hummdesk_recoveries_total"))
    return {name: float(value) for name, value in found}


async def begins_anew(
    account: Account, clients: Front, lost: Returning, outcome: str, *, token: str | None = None, **other: str
) -> Returning:
    before = (await outcomes(account.url)).get(outcome, 0)
    again = await clients.back(account.url, token or account.token("customer"), lost, **other)
    assert again.sid != lost.sid
    assert again.pid != lost.pid
    assert not again.missed
    assert (await outcomes(account.url))[outcome] == before + 1
    return again


async def test_what_was_missed_comes_before_the_welcome_once_and_in_order(
    account: Account, clients: Front, sender: Client, lost: Returning
) -> None:
    for number in range(5):
        await say(account, sender, f"missed {number}")
    again = await clients.back(account.url, account.token("customer"), lost)
    assert (again.sid, again.pid) == (lost.sid, lost.pid)
    assert again.messages() == [f"missed {number}" for number in range(5)]
    await again.hears("authenticated")
    await say(account, sender, "after")
    assert (await again.hears("new_message"))["content"] == "after"
    await again.do("send_message", {"conversationId": str(account.conversation), "content": "I am back"})
    assert (await sender.hears("new_message", content="I am back"))["senderType"] == "customer"


async def test_it_comes_back_at_another_process(
    account: Account, clients: Front, sender: Client, lost: Returning, second_url: str
) -> None:
    await say(account, sender, "missed")
    again = await clients.back(second_url, account.token("customer"), lost)
    assert again.sid == lost.sid
    assert again.messages() == ["missed"]
    await again.hears("authenticated")
    again.cut()
    await say(account, sender, "missed again")
    third = await clients.back(account.url, account.token("customer"), again)
    assert third.sid == lost.sid
    assert third.messages() == ["missed again"]


async def test_the_process_need_not_have_noticed_the_loss(
    account: Account, clients: Front, sender: Client, node: Node
) -> None:
    """The old connection is still open when the client is back with another one."""
    held = await clients.connect(account.url, account.token("customer"))
    await held.hears("authenticated")
    await held.do("join_conversation", str(account.conversation))
    offset = held.offset
    await say(account, sender, "on its way to nobody")
    again = await clients.back(account.url, account.token("customer"), held, offset=offset)
    assert again.sid == held.sid
    assert again.messages() == ["on its way to nobody"]
    await again.hears("authenticated")
    await held.ends()
    await say(account, sender, "after")
    assert [payload["content"] for event, payload in again.heard if event == "new_message"] == []
    assert (await again.hears("new_message"))["content"] == "after"
    assert node.desk.sockets.sessions[again.sid].pid == again.pid


async def test_every_event_ends_with_an_offset(account: Account, clients: Front, sender: Client) -> None:
    connection = await clients.connect(account.url, account.token("agent"))
    await connection.hears("authenticated")
    await connection.do("join_conversation", str(account.conversation))
    await sender.do("typing_start", {"conversationId": str(account.conversation)})
    await connection.do("typing_start", {"conversationId": str(account.conversation)})
    await say(account, sender, "x")
    await connection.hears("new_message")
    await connection.do("send_message", {"conversationId": str(account.conversation), "content": "y"})
    await connection.hears("message_sent")
    assert len(connection.offsets) >= 4
    assert all(recovery._OFFSET.fullmatch(offset) for offset in connection.offsets)


async def test_volatile_events_are_not_replayed(
    account: Account, clients: Front, sender: Client, lost: Returning
) -> None:
    colleague = await account.connect("colleague", joins=True)
    await sender.do("typing_start", {"conversationId": str(account.conversation)})
    await colleague.hears("typing_start")
    await say(account, sender, "missed")
    again = await clients.back(account.url, account.token("customer"), lost)
    assert [event for event, _ in again.missed] == ["new_message"]


async def test_a_customer_gets_nothing_of_staff(
    account: Account, clients: Front, sender: Client, lost: Returning
) -> None:
    await say(account, sender, "a note", private=True)
    conversation = str(account.conversation)
    closing = {"conversationId": conversation, "status": "closed", "reason": "spam"}
    await sender.do("update_conversation_status", closing)
    await say(account, sender, "for all")
    again = await clients.back(account.url, account.token("customer"), lost)
    assert again.messages() == ["for all"]
    (status,) = [payload for event, payload in again.missed if event == "conversation_status_changed"]
    assert "reason" not in status
    assert {event for event, _ in again.missed} == {"new_message", "conversation_status_changed"}


async def test_staff_gets_one_of_two_for_two_sides(account: Account, clients: Front, sender: Client) -> None:
    connection = await clients.connect(account.url, account.token("colleague"))
    await connection.hears("authenticated")
    await connection.do("join_conversation", str(account.conversation))
    connection.cut()
    closing = {"conversationId": str(account.conversation), "status": "closed", "reason": "spam"}
    await sender.do("update_conversation_status", closing)
    await sender.hears("conversation_status_changed")
    again = await clients.back(account.url, account.token("colleague"), connection)
    (status,) = [payload for event, payload in again.missed if event == "conversation_status_changed"]
    assert status["reason"] == "spam"


async def test_what_was_said_before_it_joined_is_not_replayed(account: Account, clients: Front, sender: Client) -> None:
    connection = await clients.connect(account.url, account.token("customer"))
    await connection.hears("authenticated")
    offset = connection.offset
    await say(account, sender, "before")
    await connection.do("join_conversation", str(account.conversation))
    connection.cut()
    await say(account, sender, "after")
    again = await clients.back(account.url, account.token("customer"), connection, offset=offset)
    assert again.messages() == ["after"]


async def test_a_conversation_that_was_left_is_left(account: Account, clients: Front, sender: Client) -> None:
    connection = await clients.connect(account.url, account.token("customer"))
    await connection.hears("authenticated")
    await connection.do("join_conversation", str(account.conversation))
    await connection.do("leave_conversation", str(account.conversation))
    connection.cut()
    await say(account, sender, "not for it")
    again = await clients.back(account.url, account.token("customer"), connection)
    assert again.sid == connection.sid
    assert not again.missed
    await say(account, sender, "nor this")
    await again.do("list_conversations", {})
    assert "new_message" not in [event for event, _ in again.heard]


async def test_a_conversation_that_became_somebody_elses_is_not_replayed(
    account: Account, clients: Front, sender: Client, lost: Returning
) -> None:
    await say(account, sender, "secret")
    await account.execute(
        "UPDATE conversations SET contact_id = %(contact)s WHERE id = %(id)s",
        contact=account.people["stranger"].id,
        id=account.conversation,
    )
    again = await clients.back(account.url, account.token("customer"), lost)
    assert again.sid == lost.sid
    assert not again.missed
    await say(account, sender, "secret, too")
    await again.do("list_conversations", {})
    assert "new_message" not in [event for event, _ in again.heard]


async def test_a_role_that_was_lost_is_lost(account: Account, clients: Front, sender: Client) -> None:
    connection = await clients.connect(account.url, account.token("colleague"))
    await connection.hears("authenticated")
    connection.cut()
    await account.execute("DELETE FROM team_members WHERE user_id = %(id)s", id=account.people["colleague"].id)
    conversation = str(account.conversation)
    await account.execute("UPDATE users SET role = 'viewer' WHERE id = %(id)s", id=account.people["colleague"].id)
    await say(account, sender, "for the account")
    again = await clients.back(account.url, account.token("colleague"), connection)
    assert again.messages() == ["for the account"]
    assert (await again.hears("authenticated"))["role"] == "viewer"
    with pytest.raises(AssertionError, match="FORBIDDEN"):
        await again.do("send_message", {"conversationId": conversation, "content": "x"})


async def test_a_disabled_person_does_not_come_back(
    account: Account, clients: Front, sender: Client, lost: Returning
) -> None:
    await say(account, sender, "secret")
    await account.execute("UPDATE contacts SET active = false WHERE id = %(id)s", id=account.people["customer"].id)
    again = await begins_anew(account, clients, lost, "token")
    await again.hears("authentication_error")


async def test_the_token_is_verified_again_and_a_bad_one_uses_nothing_up(
    account: Account, clients: Front, sender: Client, lost: Returning
) -> None:
    await say(account, sender, "missed")
    again = await begins_anew(account, clients, lost, "token", token=account.token("customer", hours=-1))
    assert (await again.hears("authentication_error"))["code"] == "TOKEN_EXPIRED"
    await begins_anew(account, clients, lost, "token", token="no.token.atall")
    right = await clients.back(account.url, account.token("customer"), lost)
    assert right.messages() == ["missed"]


async def test_nobody_else_comes_back_as_this_socket(
    account: Account, foreign: Account, clients: Front, lost: Returning
) -> None:
    await begins_anew(account, clients, lost, "person", token=account.token("stranger"))
    await begins_anew(account, clients, lost, "unknown")
    connection = await clients.connect(account.url, account.token("agent"))
    await connection.hears("authenticated")
    connection.cut()
    await begins_anew(account, clients, connection, "person", token=foreign.token("agent"))


async def test_it_comes_back_once(account: Account, clients: Front, lost: Returning) -> None:
    again, other = await asyncio.gather(*(clients.back(account.url, account.token("customer"), lost) for _ in range(2)))
    assert sorted([again.sid == lost.sid, other.sid == lost.sid]) == [False, True]


@pytest.mark.parametrize(
    "offset", ["", "x", "1-0", "9999999999999-0", "1-1.", "-1-0", "1e3-0", "٣-١", "1-1.1.1", "9" * 400 + "-0"]
)
async def test_an_offset_that_the_stream_does_not_have(
    account: Account, clients: Front, lost: Returning, offset: str
) -> None:
    readable = recovery._OFFSET.fullmatch(offset)
    await begins_anew(account, clients, lost, "gap" if readable else "offset", offset=offset)


@pytest.mark.parametrize("pid", ["", "x", "../leases", "*", "a" * 100_000])
async def test_a_pid_that_nobody_has(account: Account, clients: Front, lost: Returning, pid: str) -> None:
    await begins_anew(account, clients, lost, "unknown", pid=pid)


@pytest.mark.parametrize("claim", [{"pid": 1}, {"offset": None}, {"pid": {"a": 1}}, {"offset": ["x"]}])
async def test_a_claim_that_is_none_is_an_ordinary_connect(
    account: Account, clients: Front, lost: Returning, claim: Any
) -> None:
    again = await clients.back(account.url, account.token("customer"), lost, **claim)
    assert again.sid != lost.sid
    await again.hears("authenticated")


async def test_an_offset_within_an_entry(account: Account, clients: Front, node: Node, sender: Client) -> None:
    """What one tick has published: some of it was heard, some not."""
    connection = await clients.connect(account.url, account.token("colleague"))
    await connection.hears("authenticated")
    for number in range(3):
        await node.desk.broadcast.to_account(account.id, f"number_{number}", {})
    await connection.hears("number_2")
    connection.cut()
    entry = connection.offset
    for place, missed in ((0, ["number_1", "number_2"]), (1, ["number_2"])):
        connection = await clients.back(account.url, account.token("colleague"), connection, offset=f"{entry}.{place}")
        assert [event for event, _ in connection.missed] == missed
        connection.cut()


async def test_a_farewell_is_for_good(account: Account, clients: Front, node: Node) -> None:
    connection = await clients.connect(account.url, account.token("customer"))
    await connection.hears("authenticated")
    await connection.leave()
    async with asyncio.timeout(5):
        while connection.sid in node.desk.sockets.sessions:
            await asyncio.sleep(0.01)
    await begins_anew(account, clients, connection, "unknown")


async def test_who_missed_too_much_begins_anew(
    account: Account, clients: Front, node: Node, sender: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recovery, "MOST_MISSED", 2)
    connection = await clients.connect(account.url, account.token("colleague"))
    await connection.hears("authenticated")
    connection.cut()
    for number in range(3):
        await node.desk.broadcast.to_account(account.id, "number", {"number": number})
    await sender.hears("number", number=2)
    again = await clients.back(account.url, account.token("colleague"), connection)
    assert again.sid != connection.sid


async def test_a_change_of_the_person_while_it_comes_back(
    account: Account, clients: Front, node: Node, lost: Returning, monkeypatch: pytest.MonkeyPatch
) -> None:
    honest = ShardReader.reach

    async def reach(reader: ShardReader, entry_id: str, place: int | None) -> bool:
        node.desk.sockets.doubt(account.people["customer"].id)
        return await honest(reader, entry_id, place)

    monkeypatch.setattr(ShardReader, "reach", reach)
    await begins_anew(account, clients, lost, "changed")


async def test_presence_is_silent_about_it(account: Account, clients: Front, sender: Client) -> None:
    connection = await clients.connect(account.url, account.token("colleague"))
    await sender.hears("agent_online", agentId=str(account.people["colleague"].id))
    await connection.hears("authenticated")
    sender.forget()
    for _ in range(3):
        connection.cut()
        connection = await clients.back(account.url, account.token("colleague"), connection)
        await connection.hears("authenticated")
    await say(account, sender, "x")
    assert not {"agent_online", "agent_offline"} & set(sender.names())
    presence = await sender.do("get_presence")
    assert {agent["name"]: agent["status"] for agent in presence["agents"]}["Colleague"] == "online"


async def test_events_that_come_while_it_comes_back_come_once(
    account: Account, clients: Front, node: Node, sender: Client
) -> None:
    """The publisher does not pause: what is replayed and what is live meet without a gap or an overlap."""
    numbers = iter(range(100_000))
    going = True

    async def publish() -> None:
        while going:
            await node.desk.broadcast.to_account(account.id, "number", {"number": next(numbers)})
            await asyncio.sleep(0.001)

    publishing = asyncio.create_task(publish())
    connection = await clients.connect(account.url, account.token("colleague"))
    heard: list[int] = []
    recovered = 0
    for _ in range(30):
        async with asyncio.timeout(10):
            for _ in range(20):
                await connection.read()
        connection.cut()
        heard += numbers_of(connection)
        lost, connection = connection, await clients.back(account.url, account.token("colleague"), connection)
        recovered += connection.sid == lost.sid
    going = False
    await publishing
    await node.desk.broadcast.to_account(account.id, "number", {"number": -1})
    await connection.hears("number", number=-1)
    heard += numbers_of(connection)
    assert recovered == 30
    assert heard == list(range(heard[0], next(numbers)))


def numbers_of(connection: Returning) -> list[int]:
    return [payload["number"] for event, payload in (*connection.missed, *connection.heard) if event == "number"]


async def test_after_a_flush_it_begins_anew(
    account: Account, clients: Front, web_settings: Settings, lost: Returning
) -> None:
    async with Redis.from_url(web_settings.redis) as redis:
        await redis.delete(f"hummdesk:absence:{lost.pid}")
    await begins_anew(account, clients, lost, "unknown")


async def test_when_redis_has_lost_events_everybody_concerned_is_told(
    account: Account, clients: Front, sender: Client, node: Node
) -> None:
    connection = await clients.connect(account.url, account.token("customer"))
    await connection.hears("authenticated")
    shard = node.reader._readers[node.reader.shard_of(account.id)].shard
    node._tell_loss(shard)
    reason = await connection.hears("disconnect_reason")
    assert (reason["code"], reason["reconnect"]) == ("RESYNC", True)
    await connection.ends()
    await asyncio.wait_for(sender.gone.wait(), 5)
    again = await begins_anew(account, clients, connection, "unknown")
    await again.hears("authenticated")


async def test_without_a_window_there_is_neither_pid_nor_offset(
    account: Account, clients: Front, web_settings: Settings
) -> None:
    async with running(replace(web_settings, recovery_window_seconds=0.0), name="no-window") as (url, _):
        connection = await clients.connect(url, account.token("agent"))
        await connection.hears("authenticated")
        await connection.do("send_message", {"conversationId": str(account.conversation), "content": "x"})
        await connection.hears("new_message")
        assert not connection.pid
        assert not connection.offsets
        again = await clients.back(url, account.token("agent"), connection, pid="x", offset="1-0")
        assert again.sid != connection.sid
