"""Authentication of sockets, in four ways, and its end."""

import asyncio
import time
from dataclasses import replace

import aiohttp
import pytest

from hummdesk.core.config import Settings
from hummdesk.core.models import Person, Role
from hummdesk.server.handlers import connection
from hummdesk.server.node import Node
from tests.integration.server.accounts import PATIENCE_SECONDS, Account, Client
from tests.integration.server.conftest import running


@pytest.mark.parametrize("transport", ["websocket", "polling"])
@pytest.mark.parametrize("way", ["auth", "header", "query", "late"])
async def test_connect_with_token_in_any_place_authenticates(account: Account, way: str, transport: str) -> None:
    token = account.token("agent")
    client = account.client()
    if way == "auth":
        await client.connect(token=token, transports=(transport,))
    elif way == "header":
        await client.connect(headers={"Authorization": f"Bearer {token}"}, transports=(transport,))
    elif way == "query":
        await client.connect(url=f"{account.url}?token={token}", transports=(transport,))
    else:
        await client.connect(transports=(transport,))
        assert (await client.receives("authentication_error"))["code"] == "UNAUTHORIZED"
        assert (await client.do("authenticate", token))["role"] == "agent"
    agent = account.people["agent"]
    answer = await client.receives("authenticated")
    assert answer.pop("epoch").isdecimal()
    assert answer == {
        "userId": str(agent.id),
        "accountId": str(account.id),
        "email": agent.email,
        "role": "agent",
    }


async def test_connect_with_several_tokens_uses_that_of_the_handshake(account: Account) -> None:
    client = account.client()
    await client.connect(
        token=account.token("agent"),
        url=f"{account.url}?token={account.token('viewer')}",
        headers={"Authorization": f"Bearer {account.token('admin')}"},
    )
    assert (await client.receives("authenticated"))["role"] == "agent"


async def test_request_without_token_is_unauthorized(account: Account) -> None:
    client = await account.client().connect()
    await client.receives("authentication_error")
    for event in ("list_conversations", "send_message", "get_presence", "no_such_event"):
        assert await client.refused(event, {}) == "UNAUTHORIZED"


async def test_socket_without_token_is_closed_after_the_timeout(account: Account, web_settings: Settings) -> None:
    async with running(replace(web_settings, auth_timeout_seconds=2.5), name="impatient") as (url, _):
        client = await account.client().connect(url=url)
        reason = await client.receives("disconnect_reason")
        assert (reason["code"], reason["reconnect"]) == ("UNAUTHORIZED", False)
        await asyncio.wait_for(client.gone.wait(), 20)


def token_of(account: Account, name: str, role: Role) -> str:
    """A token of a person that names another role."""
    return replace(account, people={name: replace(account.people[name], role=role)}).token(name)


@pytest.mark.parametrize(
    ("name", "role", "effective"),
    [("viewer", "admin", "viewer"), ("admin", "viewer", "viewer"), ("admin", "agent", "agent")],
)
async def test_role_is_the_lower_of_token_and_database(
    account: Account, name: str, role: Role, effective: Role
) -> None:
    client = await account.client().connect(token=token_of(account, name, role))
    assert (await client.receives("authenticated"))["role"] == effective
    conversation = {"conversationId": str(account.conversation)}
    await client.do("join_conversation", conversation)
    is_answering = effective != "viewer"
    assert (await client.ask("send_message", conversation | {"content": "Hello"}))["ok"] is is_answering
    assert await client.refused("get_operations") == "FORBIDDEN"
    colleague = await account.connect("colleague")
    present = await colleague.do("get_presence")
    assert {one["agentId"]: one["status"] for one in present["agents"]}.get(str(account.people["admin"].id)) == (
        "online" if is_answering else "offline"
    )


async def test_presence_follows_the_role_of_the_last_token(account: Account) -> None:
    watcher = await account.connect("viewer")
    client = await account.client().connect(token=token_of(account, "agent", "viewer"))
    await client.receives("authenticated")
    agent = str(account.people["agent"].id)
    await client.do("authenticate", account.token("agent"))
    await watcher.receives("agent_online", agentId=agent)
    await client.do("authenticate", token_of(account, "agent", "viewer"))
    await watcher.receives("agent_offline", agentId=agent)
    assert await client.refused("agent_online") == "FORBIDDEN"


async def test_promotion_in_the_database_does_not_exceed_the_token(account: Account) -> None:
    client = await account.connect("agent", joins=True)
    change = "UPDATE users SET role = '{}', name = '{}' WHERE id = %(id)s"
    await account.execute(change.format("admin", "Promoted"), id=account.people["agent"].id)
    watcher = await account.connect("viewer", joins=True)
    async with asyncio.timeout(PATIENCE_SECONDS):
        while True:
            await client.do("typing_start", {"conversationId": str(account.conversation)})
            if (await watcher.receives("typing_start"))["userName"] == "Promoted":
                break
    assert await client.refused("get_operations") == "FORBIDDEN"


@pytest.mark.parametrize(("name", "role"), [("agent", "customer"), ("customer", "agent"), ("customer", "admin")])
async def test_token_of_a_customer_never_authenticates_staff_nor_the_reverse(
    account: Account, name: str, role: Role
) -> None:
    client = await account.client().connect(token=token_of(account, name, role))
    assert (await client.receives("authentication_error"))["code"] == "UNAUTHORIZED"
    assert await client.refused("authenticate", token_of(account, name, role)) == "UNAUTHORIZED"
    await client.do("authenticate", account.token(name))
    assert await client.refused("authenticate", token_of(account, name, role)) == "FORBIDDEN"


async def test_existence_is_that_of_the_database(account: Account) -> None:
    """Unknown, disabled and moved persons are refused."""
    absent = replace(account, people={"nobody": replace(account.people["agent"], id=account.id)})
    client = await account.client().connect(token=absent.token("nobody"))
    assert (await client.receives("authentication_error"))["code"] == "UNAUTHORIZED"
    await account.execute(
        "UPDATE users SET active = false WHERE account_id = %(account)s AND id = %(id)s", id=account.people["agent"].id
    )
    client = await account.client().connect(token=account.token("agent"))
    assert (await client.receives("authentication_error"))["code"] == "UNAUTHORIZED"


async def expires_soon(account: Account, agent: Client) -> None:
    """Authenticate a socket again with a token that expires in a second or two."""
    while not (await agent.ask("authenticate", account.token("agent", hours=1.2 / 3600)))["ok"]:
        pass  # the machine stood still for so long


async def test_session_with_expired_token_leaves_its_rooms_until_it_authenticates(account: Account) -> None:
    customer = await account.connect("customer", joins=True)
    agent = await account.connect("agent", joins=True)
    await expires_soon(account, agent)
    assert (await agent.receives("authentication_error"))["code"] == "TOKEN_EXPIRED"
    assert await agent.refused("list_conversations", {}) == "UNAUTHORIZED"
    await customer.do("send_message", {"conversationId": str(account.conversation), "content": "Anybody?"})
    assert "new_message" not in agent.names()
    await agent.do("authenticate", {"token": account.token("agent")})
    await customer.do("send_message", {"conversationId": str(account.conversation), "content": "Hello?"})
    await agent.receives("new_message", content="Hello?")


async def test_authenticate_with_token_of_another_person_is_forbidden(account: Account) -> None:
    agent = await account.connect("agent")
    await expires_soon(account, agent)
    await agent.do("authenticate", account.token("agent"))
    assert await agent.refused("authenticate", account.token("colleague")) == "FORBIDDEN"
    assert await agent.refused("authenticate", "rubbish") == "UNAUTHORIZED"
    await asyncio.sleep(2.5)
    await agent.do("list_conversations", {})


@pytest.mark.parametrize("change", ["active = false", "account_id = %(elsewhere)s"])
async def test_disabled_or_moved_person_is_unauthenticated_on_every_node(
    account: Account, foreign: Account, second_url: str, change: str
) -> None:
    here = await account.connect("agent", joins=True)
    there = await account.client().connect(token=account.token("agent"), url=second_url)
    await there.receives("authenticated")
    await account.execute(
        f"UPDATE users SET {change} WHERE account_id = %(account)s AND id = %(id)s",  # noqa: S608
        id=account.people["agent"].id,
        elsewhere=foreign.id,
    )
    for client in (here, there):
        assert (await client.receives("authentication_error"))["code"] == "UNAUTHORIZED"
        assert await client.refused("list_conversations", {}) == "UNAUTHORIZED"


@pytest.mark.parametrize("rubbish", ["c", "{}", "[]", '{"accountId": 1, "personId": null}', '{"accountId": "x"}'])
async def test_invalid_notification_does_not_end_the_watcher(account: Account, rubbish: str) -> None:
    """Every database user may notify."""
    agent = await account.connect("agent")
    await account.execute("SELECT pg_notify('hummdesk_people', %(rubbish)s)", rubbish=rubbish)
    await account.execute("UPDATE users SET active = false WHERE id = %(id)s", id=account.people["agent"].id)
    assert (await agent.receives("authentication_error"))["code"] == "UNAUTHORIZED"


async def test_changed_role_applies_to_connected_sockets(account: Account) -> None:
    agent = await account.connect("agent")
    send = {"conversationId": str(account.conversation), "content": "still?"}
    taken: dict[str, list[float]] = {"viewer": [], "agent": []}
    for role, may_send in [("viewer", False), ("agent", True)] * 3:
        started = time.monotonic()
        await account.execute(
            "UPDATE users SET role = %(role)s WHERE account_id = %(account)s AND id = %(id)s",
            role=role,
            id=account.people["agent"].id,
        )
        async with asyncio.timeout(20):
            while (answer := await agent.ask("send_message", send))["ok"] is not may_send:
                await asyncio.sleep(0.01)
        assert may_send or answer["error"]["code"] == "FORBIDDEN"
        taken[role].append(time.monotonic() - started)
    assert max(map(min, taken.values())) < 1


async def test_requests_of_one_socket_are_handled_in_order(account: Account) -> None:
    agent = await account.connect("agent")
    conversation = str(account.conversation)
    for number in range(40):
        await agent.socket.emit("send_message", {"conversationId": conversation, "content": str(number)})
    received = [(await agent.receives("new_message"))["content"] for _ in range(40)]
    assert received == [str(number) for number in range(40)]


async def test_requests_work_over_both_transports_and_the_upgrade(account: Account) -> None:
    for transports in (("polling",), ("websocket",), ("polling", "websocket")):
        client: Client = await account.connect("agent", transports=transports)
        assert (await client.do("list_conversations", {}))["conversations"]
        assert client.socket.transport() == transports[-1]


async def test_update_of_person_ignores_socket_that_has_changed_meanwhile(
    account: Account, node: Node, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While the database is asked about a person, the socket may expire and become another one's."""
    await account.connect("agent")
    was, now = account.people["agent"], account.people["viewer"]
    (session,) = node.context.sockets.of_person(was.id)

    async def find_slowly(*_: object, **__: object) -> Person:
        node.context.sockets.identify(session, now)
        return replace(was, role="admin")

    monkeypatch.setattr(connection, "_find", find_slowly)
    await connection.person_changed(node.context, account.id, was.id)
    assert session.person is now


async def test_sockets_of_disabled_person_lose_their_rooms_while_redis_does_not_answer(
    account: Account, node: Node, monkeypatch: pytest.MonkeyPatch
) -> None:
    agents = [await account.connect("agent", joins=True) for _ in range(2)]
    sessions = node.context.sockets.of_person(account.people["agent"].id)
    answers = asyncio.Event()

    async def wait(*_: object) -> list[object]:
        await answers.wait()
        return []

    monkeypatch.setattr(node.context.viewers, "leave", wait)
    monkeypatch.setattr(node.context.presence, "leave", wait)
    await account.execute("UPDATE users SET active = false WHERE id = %(id)s", id=account.people["agent"].id)
    for agent in agents:
        assert (await agent.receives("authentication_error"))["code"] == "UNAUTHORIZED"
    assert [(session.person, session.rooms, session.joined) for session in sessions] == [(None, {}, frozenset())] * 2
    answers.set()


async def test_second_connect_to_the_namespace_on_one_connection_authenticates(account: Account) -> None:
    """It raised in the handler, which any client could repeat: each time an internal error in log and metrics."""
    async with aiohttp.ClientSession() as session:
        socket = await session.ws_connect(f"{account.url}/socket.io/?EIO=4&transport=websocket")
        await socket.receive()
        for _ in range(3):
            await socket.send_str(f'40{{"token":"{account.token("agent")}"}}')
            async with asyncio.timeout(PATIENCE_SECONDS):
                while '"authenticated"' not in await socket.receive_str():
                    pass
            await socket.send_str("41")
