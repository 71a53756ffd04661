"""Invalid input of every kind: the client gets the contract's error, nothing changes, no one else is disturbed."""

import asyncio
import io
import time
from dataclasses import replace
from typing import Any

import aiohttp
import pytest

from hummdesk.core.config import Settings
from hummdesk.core.ids import new_id
from tests.cpu_time import answers_with_less_cpu_than
from tests.integration.server.accounts import Account
from tests.integration.server.conftest import running

SEND: dict[str, Any] = {"content": "Hello"}
ATTACHMENT = {"url": "https://example.com/a.pdf", "filename": "a.pdf", "contentType": "application/pdf", "size": 1}

WRONG_MESSAGES: list[tuple[str, Any]] = [
    ("content", None),
    ("content", 5),
    ("content", ""),
    ("content", "   \n "),
    ("content", "x" * 10_001),
    ("content", "NUL \x00"),
    ("content", ["Hello"]),
    ("contentType", "markdown"),
    ("contentType", None),
    ("private", "yes"),
    ("private", 1),
    ("basedOnSeq", -1),
    ("basedOnSeq", "1"),
    ("basedOnSeq", 1.5),
    ("basedOnSeq", True),
    ("basedOnSeq", 2**64),
    ("clientMessageId", "x" * 65),
    ("clientMessageId", ""),
    ("metadata", []),
    ("metadata", {"big": "x" * 4096}),
    ("metadata", {"nul": "\x00"}),
    ("attachments", {}),
    ("attachments", [ATTACHMENT] * 11),
    ("attachments", [ATTACHMENT | {"url": "javascript:alert(1)"}]),
    ("attachments", [ATTACHMENT | {"url": "ftp://example.com/a"}]),
    ("attachments", [ATTACHMENT | {"size": 100 * 1024 * 1024 + 1}]),
    ("attachments", [ATTACHMENT | {"size": -1}]),
    ("attachments", [ATTACHMENT | {"contentType": "nonsense"}]),
    ("attachments", [ATTACHMENT | {"surprise": 1}]),
    ("attachments", ["https://example.com/a.pdf"]),
    ("conversationId", "not-a-uuid"),
    ("conversationId", 7),
    ("attachments", [1] * 100_000),
    ("surprise", 1),
    ("__proto__", {"admin": True}),
]


@pytest.mark.parametrize(("field", "value"), WRONG_MESSAGES)
async def test_send_message_with_invalid_field_names_it(account: Account, field: str, value: Any) -> None:
    agent = await account.connect("agent")
    answer = await agent.ask("send_message", {"conversationId": str(account.conversation)} | SEND | {field: value})
    assert answer["error"]["code"] == "VALIDATION_ERROR"
    assert field in answer["error"]["details"]
    listed = await agent.do("get_messages", {"conversationId": str(account.conversation)})
    assert listed["messages"] == []


@pytest.mark.parametrize("payload", [None, "text", 5, [], True, [[]], {"conversationId": str(new_id())}])
async def test_send_message_with_other_payload_is_invalid(account: Account, payload: Any) -> None:
    agent = await account.connect("agent")
    assert await agent.refused("send_message", payload) == "VALIDATION_ERROR"


@pytest.mark.parametrize(
    ("event", "payload"),
    [
        ("join_conversation", 5),
        ("join_conversation", {"afterSeq": 1}),
        ("set_agent_status", {"status": "asleep"}),
        ("set_agent_status", {"status": ["online"]}),
        ("update_conversation_status", {"conversationId": str(new_id()), "status": "lost"}),
        ("list_conversations", {"limit": 101}),
        ("list_conversations", {"limit": 0}),
        ("get_messages", {"conversationId": str(new_id()), "beforeSeq": 1, "afterSeq": 1}),
        ("sync", {}),
        ("sync", {"conversations": {}}),
        ("sync", {"conversations": {"x": 1}}),
        ("sync", {"conversations": {str(new_id()): 1 for _ in range(101)}}),
        ("agent_online", {"surprise": 1}),
        ("authenticate", {"token": 5}),
    ],
)
async def test_request_with_invalid_payload_is_refused(account: Account, event: str, payload: Any) -> None:
    agent = await account.connect("agent")
    assert await agent.refused(event, payload) == "VALIDATION_ERROR"


@pytest.mark.parametrize("event", ["no_such_event", "connect", "disconnect", "__class__", "new_message", ""])
async def test_event_outside_the_table_is_unknown(account: Account, event: str) -> None:
    agent = await account.connect("agent")
    assert await agent.refused(event, {}) == "UNKNOWN_EVENT"
    await agent.do("list_conversations", {})


@pytest.mark.parametrize(
    ("event", "payload"),
    [
        ("send_message", {"content": "x", "attachments": [1] * 100_000}),
        ("send_message", {"content": "<p>x" * 2500, "contentType": "html"}),
        ("sync", {"conversations": {str(number): 0 for number in range(20_000)}}),
        ("list_conversations", {str(number): 0 for number in range(20_000)}),
    ],
)
async def test_payload_with_many_fields_does_not_delay_others(account: Account, event: str, payload: Any) -> None:
    agent = await account.connect("agent")
    conversation = {"conversationId": str(account.conversation)} if event == "send_message" else {}
    assert await answers_with_less_cpu_than(0.5, lambda: agent.ask(event, payload | conversation))
    answer = await agent.ask(event, payload | conversation)
    assert answer["error"]["code"] == "VALIDATION_ERROR"
    assert len(str(answer)) < 2000


async def test_sanitized_html_stays_within_length_limit(account: Account) -> None:
    agent = await account.connect("agent")
    html = "<p>" + "".join(f"<b a{number}>" for number in range(190)) + "<p>x" * 190
    message = {"conversationId": str(account.conversation), "content": html, "contentType": "html"}
    assert await agent.refused("send_message", message) == "VALIDATION_ERROR"


async def test_request_with_two_payloads_is_invalid(account: Account) -> None:
    agent = await account.connect("agent")
    assert await agent.refused("list_conversations", ({}, {})) == "VALIDATION_ERROR"


async def test_failure_without_acknowledgement_is_sent_as_error_event(account: Account) -> None:
    agent = await account.connect("agent")
    await agent.socket.emit("send_message", {"content": 5})
    assert (await agent.receives("error"))["code"] == "VALIDATION_ERROR"


async def test_payload_that_is_too_large_or_too_deep_is_refused(account: Account) -> None:
    agent = await account.connect("agent")
    large = {"conversationId": str(account.conversation), "content": "x" * 270_000}
    assert await agent.refused("send_message", large) == "PAYLOAD_TOO_LARGE"
    await agent.do("list_conversations", {})


async def raw(account: Account) -> tuple[aiohttp.ClientSession, aiohttp.ClientWebSocketResponse]:
    """A bare WebSocket that has opened a Socket.IO session and authenticated."""
    session = aiohttp.ClientSession()
    socket = await session.ws_connect(f"{account.url}/socket.io/?EIO=4&transport=websocket")
    assert (await socket.receive_str()).startswith("0{")
    await socket.send_str(f'40{{"token":"{account.token("agent")}"}}')
    while not (await socket.receive_str()).startswith('42["agent_online"'):
        pass
    return session, socket


async def answer_to(socket: aiohttp.ClientWebSocketResponse, packet: str) -> str:
    await socket.send_str(packet)
    async with asyncio.timeout(20):
        while not (answer := await socket.receive_str()).startswith("437"):
            pass
    return answer


@pytest.mark.parametrize(
    ("packet", "code"),
    [
        ('427["send_message",' + "[" * 50_000 + "]" * 50_000 + "]", "VALIDATION_ERROR"),
        ('427["send_message",{"content":"half \\ud800","conversationId":"x"}]', "VALIDATION_ERROR"),
        ('427["list_conversations",{"\\ud800":1}]', "VALIDATION_ERROR"),
        ('427[{"name":"send_message"}]', "UNKNOWN_EVENT"),
        ("427[[]]", "UNKNOWN_EVENT"),
        ("427[null,{}]", "UNKNOWN_EVENT"),
        ('427["list_conversations",{"limit":1e400}]', "VALIDATION_ERROR"),
        ('427["list_conversations",{"limit":%s}]' % ("9" * 4000), "VALIDATION_ERROR"),
    ],
)
async def test_unusual_packet_is_answered_with_an_error(account: Account, packet: str, code: str) -> None:
    session, socket = await raw(account)
    assert f'"code":"{code}"' in await answer_to(socket, packet)
    assert '"ok":true' in await answer_to(socket, '427["list_conversations",{}]')
    await session.close()


@pytest.mark.parametrize(
    "packet",
    [
        "42",
        "42{}",
        '42"text"',
        "42[",
        '42abc["x"]',
        "4abc",
        "49[]",
        "451-",
        '452147483647-["x"]',
        "44{}",
        "4",
        "40{}",
        "42[NaN]",
        '42/admin,["x"]',
        "x",
    ],
)
async def test_malformed_packet_closes_the_session(account: Account, packet: str) -> None:
    session, socket = await raw(account)
    await socket.send_str(packet)
    async with asyncio.timeout(20):
        while (await socket.receive()).type not in (aiohttp.WSMsgType.CLOSED, aiohttp.WSMsgType.CLOSE):
            pass
    await session.close()
    await account.connect("agent")


async def test_connect_to_other_namespace_is_refused(account: Account) -> None:
    session, socket = await raw(account)
    await socket.send_str("40/admin,")
    while not (answer := await socket.receive_str()).startswith("44"):
        pass
    assert answer == '44/admin,{"message":"Invalid namespace"}'
    await session.close()


async def test_post_above_size_limit_is_refused(account: Account) -> None:
    async with aiohttp.ClientSession() as session:
        polling = f"{account.url}/socket.io/?EIO=4&transport=polling"
        opened = await (await session.get(polling)).text()
        sid = opened.split('"sid":"')[1].split('"')[0]
        answer = await session.post(f"{polling}&sid={sid}", data=io.BytesIO(b"4" * 10_000_000))
        assert answer.status in (400, 413)
    await account.connect("agent")


async def test_connect_from_foreign_origin_is_refused(account: Account, web_settings: Settings) -> None:
    allowing = replace(web_settings, cors_origin="https://desk.example, https://other.example")
    evil, good = ({"Origin": f"https://{host}.example"} for host in ("evil", "desk"))
    async with aiohttp.ClientSession() as session, running(allowing, name="origins") as (url, _):
        for address in (account.url, url):
            path = f"{address}/socket.io/?EIO=4&transport="
            assert (await session.get(f"{path}polling", headers=evil)).status == 400
            with pytest.raises(aiohttp.WSServerHandshakeError, match="400"):
                await session.ws_connect(f"{path}websocket", headers=evil)
        answer = await session.get(f"{url}/socket.io/?EIO=4&transport=polling", headers=good)
        assert answer.headers["Access-Control-Allow-Origin"] == good["Origin"]
        await (await session.ws_connect(f"{url}/socket.io/?EIO=4&transport=websocket", headers=good)).close()
        own = await session.get(f"{url}/socket.io/?EIO=4&transport=polling", headers={"Origin": url})
        assert own.headers["Access-Control-Allow-Origin"] == url


async def test_requests_and_connections_beyond_the_rate_are_refused(account: Account, web_settings: Settings) -> None:
    limited = replace(web_settings, rate_limit_events_per_second=1, rate_limit_connects_per_minute=4)
    async with running(limited, name="limited") as (url, _):
        began = time.monotonic()
        agent = await account.client().connect(token=account.token("agent"), url=url)
        await agent.receives("authenticated")
        answers = await asyncio.gather(*(agent.ask("list_conversations", {}) for _ in range(40)))
        refused = [answer["error"] for answer in answers if not answer["ok"]]
        assert 38 - (time.monotonic() - began) <= len(refused) <= 38
        assert {error["code"] for error in refused} == {"RATE_LIMITED"}
        assert all(0 < error["details"]["retryAfterMs"] <= 1000 for error in refused)
        async with aiohttp.ClientSession() as session:
            opened = 1
            while (answer := await session.get(f"{url}/socket.io/?EIO=4&transport=polling")).status == 200:
                opened += 1
            assert 4 <= opened <= 4 + 4 * (time.monotonic() - began) / 60
            assert answer.status == 429
            assert int(answer.headers["Retry-After"]) <= 15
            assert (await answer.json())["code"] == "RATE_LIMITED"


async def test_connections_cut_during_connect_leave_no_session(web_settings: Settings) -> None:
    """Fault row 23, short: a poll with a CONNECT whose connection is cut neither gets in nor stays in a room."""
    polling = "/socket.io/?EIO=4&transport=polling"
    body = '40{"token":"rubbish"}'
    impatient = replace(web_settings, auth_timeout_seconds=1.0)
    async with running(impatient, name="impatient") as (url, node), aiohttp.ClientSession() as session:
        host, port = url.removeprefix("http://").split(":")
        for _ in range(40):
            opened = await (await session.get(url + polling)).text()
            sid = opened.split('"sid":"')[1].split('"')[0]
            _, writer = await asyncio.open_connection(host, int(port))
            writer.write(
                f"POST {polling}&sid={sid} HTTP/1.1\r\nHost: x\r\nContent-Length: {len(body)}\r\n\r\n{body}".encode()
            )
            await writer.drain()
            writer.transport.abort()
        async with asyncio.timeout(20):
            while sessions := list(node.context.sockets.sessions.values()):
                assert all(one.person is None and not one.rooms for one in sessions)
                await asyncio.sleep(0.05)
