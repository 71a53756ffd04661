"""The Python socket client through lost connections: no message is missed, passed on twice or sent twice."""

import asyncio
from collections.abc import AsyncIterator

import jwt
import pytest
from hummdesk_client.socket import DeskClient, RequestError, client
from hummdesk_client.socket.contract import Message
from hummdesk_client.tokens import Token

from hummdesk.core import tokens
from tests.integration.server.accounts import Account
from tests.system.browser.tcp_proxy import TcpProxy


@pytest.fixture(autouse=True)
def quick_backoff(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client, "FIRST_BACKOFF_SECONDS", 0.02)


@pytest.fixture
async def proxy(account: Account) -> AsyncIterator[TcpProxy]:
    async with TcpProxy(int(account.url.rpartition(":")[2])) as running:
        yield running


class Received:
    """The messages that a client passes on."""

    def __init__(self, desk: DeskClient) -> None:
        self.messages: list[Message] = []
        self._arrived = asyncio.Condition()
        desk.on("new_message", self._receive)

    async def _receive(self, message: Message) -> None:
        async with self._arrived:
            self.messages.append(message)
            self._arrived.notify_all()

    async def contents(self, count: int) -> list[str]:
        async with asyncio.timeout(20), self._arrived:
            await self._arrived.wait_for(lambda: len(self.messages) >= count)
        return [message["content"] for message in self.messages]


async def test_requests_and_events_of_two_users(account: Account) -> None:
    conversation_id = str(account.conversation)
    async with (
        DeskClient(account.url, token=account.token("agent")) as agent,
        DeskClient(account.url, token=lambda: account.token("customer")) as customer,
    ):
        received = Received(customer)
        assert agent.identity["role"] == "agent"
        await customer.join(conversation_id)
        await agent.assign_conversation({"conversationId": conversation_id, "agentId": agent.identity["userId"]})
        receipt = await agent.send_message({"conversationId": conversation_id, "content": "Hello"})
        assert await received.contents(1) == ["Hello"]
        assert received.messages[0]["messageId"] == receipt["messageId"]
        await customer.join(conversation_id)  # again
        await agent.send({"conversationId": conversation_id, "content": "Anything else?"})
        assert await received.contents(2) == ["Hello", "Anything else?"]
        await customer.leave(conversation_id)
        with pytest.raises(RequestError) as refused:
            await customer.assign_conversation({"conversationId": conversation_id, "agentId": conversation_id})
        assert refused.value.code == "FORBIDDEN"


async def test_joined_conversation_after_lost_connection_has_every_message_once(
    account: Account, proxy: TcpProxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(client, "PAGE", 2)
    agent = await account.connect("agent")
    conversation_id = str(account.conversation)
    async with DeskClient(proxy.url, token=account.token("customer")) as customer:
        received = Received(customer)
        await customer.join(conversation_id)
        expected = []
        for missed in (0, 3, 60):  # within a join's answer, and beyond it
            proxy.cut()
            for number in range(missed):
                expected.append(f"{missed}: {number}")
                await agent.do("send_message", {"conversationId": conversation_id, "content": expected[-1]})
            proxy.restore()
            await customer.send({"conversationId": conversation_id, "content": f"after {missed}"})
            expected.append(f"after {missed}")
            assert await received.contents(len(expected)) == expected


async def test_message_whose_acknowledgement_is_lost_is_stored_once(account: Account, proxy: TcpProxy) -> None:
    conversation_id = str(account.conversation)
    agent = await account.connect("agent", joins=True)
    async with DeskClient(proxy.url, token=account.token("customer")) as customer:
        sending = [
            asyncio.create_task(customer.send({"conversationId": conversation_id, "content": f"{number}"}))
            for number in range(5)
        ]
        await agent.receives("new_message")
        proxy.cut()
        proxy.restore()
        receipts = await asyncio.gather(*sending)
    rows = await account.execute("SELECT content FROM messages WHERE account_id = %(account)s")
    assert sorted(content for (content,) in rows) == [f"{number}" for number in range(5)]
    assert sorted(receipt["seq"] for receipt in receipts) == [1, 2, 3, 4, 5]


class Tokens:
    """Issues tokens of a user, and counts them. The first one is valid for `first_seconds`, the others for an hour."""

    def __init__(self, account: Account, name: str, *, first_seconds: float = 3600, has_issue_time: bool) -> None:
        self.account = account
        self.name = name
        self.first_seconds = first_seconds
        self.has_issue_time = has_issue_time
        self.given = 0

    def __call__(self) -> str:
        self.given += 1
        hours = self.first_seconds / 3600 if self.given == 1 else 1.0
        token = tokens.issue(self.account.settings, self.account.people[self.name], hours=hours)
        if self.has_issue_time:
            return token
        claims = jwt.decode(token, options={"verify_signature": False})
        del claims["iat"]
        return jwt.encode(claims, self.account.settings.jwt_secret)


async def test_expired_token_is_replaced_and_nothing_is_missed(account: Account) -> None:
    agent = await account.connect("agent")
    conversation_id = str(account.conversation)
    issue = Tokens(account, "customer", first_seconds=6, has_issue_time=False)
    async with DeskClient(account.url, token=issue) as customer:
        received, expired = Received(customer), asyncio.Event()
        customer.on("authentication_error", lambda _: expired.set())
        await customer.join(conversation_id)
        async with asyncio.timeout(20):
            await expired.wait()
        for number in range(3):
            await agent.do("send_message", {"conversationId": conversation_id, "content": f"{number}"})
        assert await received.contents(3) == ["0", "1", "2"]
        await customer.send({"conversationId": conversation_id, "content": "thanks"})
        assert await received.contents(4) == ["0", "1", "2", "thanks"]
        assert issue.given == 2


async def test_token_is_renewed_before_it_expires(account: Account, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client, "RENEW_AFTER", 1.2 / 3600)  # tokens of the same second are equal, and are not renewed
    issue = Tokens(account, "agent", has_issue_time=True)
    async with DeskClient(account.url, token=issue) as agent:
        events = asyncio.Queue[tuple[str, int]]()
        agent.on("authentication_error", lambda error: events.put_nowait((error["code"], issue.given)))
        agent.on("authenticated", lambda person: events.put_nowait((person["role"], issue.given)))
        async with asyncio.timeout(20):
            assert [await events.get() for _ in range(2)] == [("agent", 2), ("agent", 3)]


@pytest.mark.parametrize("token", ["not.a.token", lambda: "not.a.token"])
async def test_rejected_token_is_raised(account: Account, token: Token) -> None:
    with pytest.raises(RequestError) as refused:
        async with DeskClient(account.url, token=token):
            pass
    assert refused.value.code == "UNAUTHORIZED"
