"""Recovery after a short disconnect: missed events are delivered once and in order."""

import asyncio
from dataclasses import replace

import pytest

from hummdesk.bus.recovery_store import RecoverableSession
from hummdesk.core.config import Settings
from hummdesk.core.ids import new_id
from hummdesk.server import recovery_saver
from hummdesk.server.handlers import recovery
from hummdesk.server.node import Node
from tests.integration.server.accounts import Account, Client
from tests.integration.server.conftest import running
from tests.integration.server.reconnecting import Connection, ReconnectingClient, send_text


async def test_recovered_socket_receives_missed_events_before_connect_once_and_in_order(
    account: Account, clients: ReconnectingClient, sender: Client, lost: Connection
) -> None:
    for number in range(5):
        await send_text(account, sender, f"missed {number}")
    again = await clients.reconnect(account.url, account.token("customer"), lost)
    assert (again.sid, again.pid) == (lost.sid, lost.pid)
    assert again.messages() == [f"missed {number}" for number in range(5)]
    await again.receives("authenticated")
    await send_text(account, sender, "after")
    assert (await again.receives("new_message"))["content"] == "after"
    await again.do("send_message", {"conversationId": str(account.conversation), "content": "I am back"})
    assert (await sender.receives("new_message", content="I am back"))["senderType"] == "customer"


async def test_session_is_recovered_at_another_process(
    account: Account, clients: ReconnectingClient, sender: Client, lost: Connection, second_url: str
) -> None:
    await send_text(account, sender, "missed")
    again = await clients.reconnect(second_url, account.token("customer"), lost)
    assert again.sid == lost.sid
    assert again.messages() == ["missed"]
    await again.receives("authenticated")
    again.cut()
    await send_text(account, sender, "missed again")
    third = await clients.reconnect(account.url, account.token("customer"), again)
    assert third.sid == lost.sid
    assert third.messages() == ["missed again"]


async def test_saves_that_redis_does_not_answer_delay_no_other_command(
    node: Node, monkeypatch: pytest.MonkeyPatch
) -> None:
    key = f"test:{new_id()}"
    saves = node.context.recovery_store._commands
    monkeypatch.setattr(saves._connection, "_timeout", 60)
    save = asyncio.create_task(saves.run("BLPOP", key, 60))
    await asyncio.sleep(0)
    await node.context.presence.check()
    await node.context.presence.check()
    assert not save.done()
    await node.context.presence._commands.run("RPUSH", key, "answer")
    assert await save == [key.encode(), b"answer"]


async def test_conversation_whose_join_was_acknowledged_is_joined_after_recovery_at_another_process(
    account: Account,
    clients: ReconnectingClient,
    sender: Client,
    node: Node,
    second_url: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Redis answers slowly, and the process is killed after the acknowledgement: it saves nothing more."""
    monkeypatch.setattr(recovery_saver, "WAIT_SECONDS", 60)
    held = await clients.connect(account.url, account.token("customer"))
    await held.receives("authenticated")
    store = node.context.recovery_store
    save = store.save

    async def save_slowly(pid: str, session: RecoverableSession) -> None:
        await asyncio.sleep(0.1)
        await save(pid, session)

    monkeypatch.setattr(store, "save", save_slowly)
    await held.do("join_conversation", str(account.conversation))
    again = await clients.reconnect(second_url, account.token("customer"), held)
    assert again.sid == held.sid
    await send_text(account, sender, "after")
    assert (await again.receives("new_message"))["content"] == "after"


async def test_session_is_recovered_before_its_process_notices_the_disconnect(
    account: Account, clients: ReconnectingClient, sender: Client, node: Node
) -> None:
    """The old connection is still open when the client is back with another one."""
    held = await clients.connect(account.url, account.token("customer"))
    await held.receives("authenticated")
    await held.do("join_conversation", str(account.conversation))
    offset = held.offset
    await send_text(account, sender, "sent during the disconnect")
    again = await clients.reconnect(account.url, account.token("customer"), held, offset=offset)
    assert again.sid == held.sid
    assert again.messages() == ["sent during the disconnect"]
    await again.receives("authenticated")
    await held.ends()
    await send_text(account, sender, "after")
    assert [payload["content"] for event, payload in again.received if event == "new_message"] == []
    assert (await again.receives("new_message"))["content"] == "after"
    assert node.context.sockets.sessions[again.sid].pid == again.pid


async def test_session_is_recovered_after_disconnects_during_recovery(
    account: Account, clients: ReconnectingClient, sender: Client, lost: Connection, second_url: str
) -> None:
    await send_text(account, sender, "missed")
    for url in (second_url, account.url) * 5:
        await clients.claim_and_cut(url, account.token("customer"), lost)
    again = await clients.reconnect(second_url, account.token("customer"), lost)
    assert again.sid == lost.sid
    assert again.messages() == ["missed"]


async def test_every_event_ends_with_offset(account: Account, clients: ReconnectingClient, sender: Client) -> None:
    connection = await clients.connect(account.url, account.token("agent"))
    await connection.receives("authenticated")
    await connection.do("join_conversation", str(account.conversation))
    await sender.do("typing_start", {"conversationId": str(account.conversation)})
    await connection.do("typing_start", {"conversationId": str(account.conversation)})
    await send_text(account, sender, "x")
    await connection.receives("new_message")
    await connection.do("send_message", {"conversationId": str(account.conversation), "content": "y"})
    await connection.receives("message_sent")
    assert len(connection.offsets) >= 4
    assert all(recovery.Offset.parsed(offset) for offset in connection.offsets)


async def test_volatile_events_are_not_recovered(
    account: Account, clients: ReconnectingClient, sender: Client, lost: Connection
) -> None:
    colleague = await account.connect("colleague", joins=True)
    await sender.do("typing_start", {"conversationId": str(account.conversation)})
    await colleague.receives("typing_start")
    await send_text(account, sender, "missed")
    again = await clients.reconnect(account.url, account.token("customer"), lost)
    assert sorted(event for event, _ in again.missed) == ["message_read", "new_message"]


async def test_recovered_customer_receives_no_staff_events(
    account: Account, clients: ReconnectingClient, sender: Client, lost: Connection
) -> None:
    await send_text(account, sender, "a note", private=True)
    conversation = str(account.conversation)
    closing = {"conversationId": conversation, "status": "closed", "reason": "spam"}
    await sender.do("update_conversation_status", closing)
    await send_text(account, sender, "for all")
    again = await clients.reconnect(account.url, account.token("customer"), lost)
    assert again.messages() == ["for all"]
    (status,) = [payload for event, payload in again.missed if event == "conversation_status_changed"]
    assert "reason" not in status
    assert {event for event, _ in again.missed} == {"new_message", "message_read", "conversation_status_changed"}


async def test_recovered_staff_receives_the_staff_variant_of_an_event(
    account: Account, clients: ReconnectingClient, sender: Client
) -> None:
    connection = await clients.connect(account.url, account.token("colleague"))
    await connection.receives("authenticated")
    await connection.do("join_conversation", str(account.conversation))
    connection.cut()
    closing = {"conversationId": str(account.conversation), "status": "closed", "reason": "spam"}
    await sender.do("update_conversation_status", closing)
    await sender.receives("conversation_status_changed")
    again = await clients.reconnect(account.url, account.token("colleague"), connection)
    (status,) = [payload for event, payload in again.missed if event == "conversation_status_changed"]
    assert status["reason"] == "spam"


async def test_events_before_the_join_are_not_recovered(
    account: Account, clients: ReconnectingClient, sender: Client
) -> None:
    connection = await clients.connect(account.url, account.token("customer"))
    await connection.receives("authenticated")
    offset = connection.offset
    await send_text(account, sender, "before")
    await connection.do("join_conversation", str(account.conversation))
    connection.cut()
    await send_text(account, sender, "after")
    again = await clients.reconnect(account.url, account.token("customer"), connection, offset=offset)
    assert again.messages() == ["after"]


async def test_left_conversation_is_not_recovered(
    account: Account, clients: ReconnectingClient, sender: Client
) -> None:
    connection = await clients.connect(account.url, account.token("customer"))
    await connection.receives("authenticated")
    await connection.do("join_conversation", str(account.conversation))
    await connection.do("leave_conversation", str(account.conversation))
    connection.cut()
    await send_text(account, sender, "not for it")
    again = await clients.reconnect(account.url, account.token("customer"), connection)
    assert again.sid == connection.sid
    assert not again.missed
    await send_text(account, sender, "nor this")
    await again.do("list_conversations", {})
    assert "new_message" not in [event for event, _ in again.received]


async def test_conversation_moved_to_another_customer_is_not_recovered(
    account: Account, clients: ReconnectingClient, sender: Client, lost: Connection
) -> None:
    await send_text(account, sender, "secret")
    await account.execute(
        "UPDATE conversations SET contact_id = %(contact)s WHERE id = %(id)s",
        contact=account.people["stranger"].id,
        id=account.conversation,
    )
    again = await clients.reconnect(account.url, account.token("customer"), lost)
    assert again.sid == lost.sid
    assert not again.missed
    await send_text(account, sender, "secret, too")
    await again.do("list_conversations", {})
    assert "new_message" not in [event for event, _ in again.received]


async def test_recovered_person_has_the_current_role_and_teams(
    account: Account, clients: ReconnectingClient, sender: Client
) -> None:
    connection = await clients.connect(account.url, account.token("colleague"))
    await connection.receives("authenticated")
    connection.cut()
    await account.execute("DELETE FROM team_members WHERE user_id = %(id)s", id=account.people["colleague"].id)
    conversation = str(account.conversation)
    await account.execute("UPDATE users SET role = 'viewer' WHERE id = %(id)s", id=account.people["colleague"].id)
    await send_text(account, sender, "for the account")
    again = await clients.reconnect(account.url, account.token("colleague"), connection)
    assert again.messages() == ["for the account"]
    assert (await again.receives("authenticated"))["role"] == "viewer"
    with pytest.raises(AssertionError, match="FORBIDDEN"):
        await again.do("send_message", {"conversationId": conversation, "content": "x"})


async def test_offset_within_an_entry_recovers_the_rest_of_the_entry(
    account: Account, clients: ReconnectingClient, node: Node, sender: Client
) -> None:
    """Of the events of one entry, some were received and some not."""
    connection = await clients.connect(account.url, account.token("colleague"))
    await connection.receives("authenticated")
    for number in range(3):
        await node.context.broadcast.broadcast_to_account(account.id, f"number_{number}", {})
    await connection.receives("number_2")
    connection.cut()
    entry = connection.offset
    for place, missed in ((0, ["number_1", "number_2"]), (1, ["number_2"])):
        connection = await clients.reconnect(
            account.url, account.token("colleague"), connection, offset=f"{entry}.{place}"
        )
        assert [event for event, _ in connection.missed] == missed
        connection.cut()


async def test_recovery_publishes_no_presence(
    account: Account, clients: ReconnectingClient, sender: Client, web_settings: Settings
) -> None:
    async with running(replace(web_settings, presence_grace_seconds=60), name="recovering") as (url, _):
        connection = await clients.connect(url, account.token("colleague"))
        await sender.receives("agent_online", agentId=str(account.people["colleague"].id))
        await connection.receives("authenticated")
        sender.forget()
        for _ in range(3):
            connection.cut()
            connection = await clients.reconnect(url, account.token("colleague"), connection)
            await connection.receives("authenticated")
        await send_text(account, sender, "x")
        assert not {"agent_online", "agent_offline"} & set(sender.names())
        presence = await sender.do("get_presence")
        assert {agent["name"]: agent["status"] for agent in presence["agents"]}["Colleague"] == "online"


async def test_events_published_during_recovery_are_received_once(
    account: Account, clients: ReconnectingClient, node: Node, sender: Client
) -> None:
    """The publisher does not pause: recovered and live events meet without a gap or an overlap."""
    numbers = iter(range(100_000))
    going = True

    async def publish() -> None:
        while going:
            await node.context.broadcast.broadcast_to_account(account.id, "number", {"number": next(numbers)})
            await asyncio.sleep(0.001)

    publishing = asyncio.create_task(publish())
    connection = await clients.connect(account.url, account.token("colleague"))
    received: list[int] = []
    recovered = 0
    for _ in range(30):
        async with asyncio.timeout(20):
            for _ in range(20):
                await connection.read()
        connection.cut()
        received += numbers_of(connection)
        lost, connection = connection, await clients.reconnect(account.url, account.token("colleague"), connection)
        recovered += connection.sid == lost.sid
    going = False
    await publishing
    await node.context.broadcast.broadcast_to_account(account.id, "number", {"number": -1})
    await connection.receives("number", number=-1)
    received += numbers_of(connection)
    assert recovered == 30
    assert received == list(range(received[0], next(numbers)))


def numbers_of(connection: Connection) -> list[int]:
    return [payload["number"] for event, payload in (*connection.missed, *connection.received) if event == "number"]
