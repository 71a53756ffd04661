"""Rate limits of addresses, persons and accounts, which all web processes share."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

import aiohttp
import pytest

from hummdesk.core.config import Settings
from hummdesk.core.ids import new_id
from hummdesk.server.rate_limits import REFUSALS
from tests.integration.server.accounts import Account, Client
from tests.integration.server.conftest import running

POLL = "/socket.io/?EIO=4&transport=polling"
HOUR_MS = 3_600_000


@pytest.fixture(scope="module")
def limited(web_settings: Settings) -> Settings:
    return replace(
        web_settings,
        proxies_count=1,
        rate_limit_events_per_second=50,
        rate_limit_connects_per_minute=20,
        rate_limit_person_messages_per_minute=8,
        rate_limit_person_conversations_per_hour=4,
        rate_limit_account_conversations_per_hour=6,
        rate_limit_account_pages_per_minute=3,
        rate_limit_person_ai_runs_per_hour=4,
    )


@pytest.fixture(scope="module")
async def urls(limited: Settings) -> AsyncIterator[tuple[str, str]]:
    """The addresses of two web processes with the same limits."""
    async with running(limited, name="limited") as (url, _), running(limited, name="limited-too") as (other, _):
        yield url, other


@asynccontextmanager
async def connected(account: Account, name: str, url: str, address: str) -> AsyncIterator[Client]:
    client = await account.client().connect(token=account.token(name), url=url, headers={"X-Forwarded-For": address})
    await client.receives("authenticated")
    yield client


def address() -> str:
    """An IPv6 address of a network that no other test uses."""
    digits = new_id().hex[16:]
    return ":".join(("2001", digits[4:8], digits[8:12], digits[12:], "0", "0", "0", "1"))


def message(account: Account, **more: Any) -> dict[str, Any]:
    return {"conversationId": str(account.conversation), "content": "Hello", **more}


async def ask_all(clients: list[Client], event: str, payload: Any, number: int) -> list[dict[str, Any]]:
    return await asyncio.gather(*(client.ask(event, payload) for client in clients for _ in range(number)))


def refusals(answers: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [answer["error"] for answer in answers if not answer["ok"]]


async def test_messages_of_one_person_share_a_limit_over_sockets_and_processes(
    account: Account, urls: tuple[str, str]
) -> None:
    async with (
        connected(account, "agent", urls[0], address()) as one,
        connected(account, "agent", urls[1], address()) as other,
    ):
        refused = refusals(await ask_all([one, one, other], "send_message", message(account), 8))
        assert 24 - 8 - 2 * 2 <= len(refused) <= 24 - 8
        assert {error["code"] for error in refused} == {"RATE_LIMITED"}
        assert {error["details"]["limit"] for error in refused} == {"person_messages"}
        assert all(0 < error["details"]["retryAfterMs"] <= 60_000 for error in refused)
        async with connected(account, "colleague", urls[0], address()) as colleague:
            await colleague.do("send_message", message(account))


async def test_conversations_are_limited_for_each_person_and_for_the_account(
    account: Account, urls: tuple[str, str]
) -> None:
    async with (
        connected(account, "customer", urls[0], address()) as customer,
        connected(account, "stranger", urls[0], address()) as stranger,
    ):
        first = refusals(await ask_all([customer], "start_conversation", {"subject": "Hello"}, 10))
        second = refusals(await ask_all([stranger], "start_conversation", {"subject": "Hello"}, 10))
        assert [len(first), len(second)] == [6, 8]
        assert {error["details"]["limit"] for error in first} == {"person_conversations"}
        assert {error["details"]["limit"] for error in second} == {"account_conversations"}
        assert all(error["details"]["retryAfterMs"] < HOUR_MS for error in first + second)


async def test_pages_are_limited_for_the_account(account: Account, urls: tuple[str, str]) -> None:
    async with (
        connected(account, "customer", urls[0], address()) as customer,
        connected(account, "stranger", urls[0], address()) as stranger,
    ):
        answers = await ask_all([customer, stranger], "visit_page", {"url": "https://shop.example/"}, 20)
    assert {error["details"]["limit"] for error in refusals(answers)} == {"account_pages"}


async def test_messages_beyond_the_limit_of_ai_runs_are_stored_without_one(
    account: Account, urls: tuple[str, str]
) -> None:
    async with connected(account, "customer", urls[0], address()) as customer:
        answers = [await customer.do("send_message", message(account, content=f"{number}")) for number in range(6)]
    runs = await account.execute("SELECT seq FROM ai_runs WHERE account_id = %(account)s ORDER BY seq")
    assert [answer["seq"] for answer in answers] == [1, 2, 3, 4, 5, 6]
    assert [seq for (seq,) in runs] == [1, 2, 3, 4]


async def test_requested_ai_runs_are_limited(account: Account, urls: tuple[str, str]) -> None:
    async with connected(account, "customer", urls[0], address()) as customer:
        await customer.do("send_message", message(account))
    async with connected(account, "agent", urls[0], address()) as agent:
        answers = [await agent.ask("request_draft", {"conversationId": str(account.conversation)}) for _ in range(5)]
    assert [answer["ok"] for answer in answers] == [True] * 4 + [False]
    assert answers[-1]["error"]["details"]["limit"] == "person_ai_runs"


async def test_bytes_of_messages_are_limited(account: Account, web_settings: Settings) -> None:
    limited = replace(web_settings, rate_limit_person_bytes_per_minute=40_000)
    async with running(limited, name="bytes") as (url, _):
        agent = await account.connect("agent", url=url)
        answers = await ask_all([agent], "send_message", message(account, content="x" * 9_700), 10)
        assert {error["details"]["limit"] for error in refusals(answers)} == {"person_bytes"}
        assert len(refusals(answers)) == 6


async def test_requests_of_one_address_share_a_limit(account: Account, web_settings: Settings) -> None:
    limited = replace(web_settings, rate_limit_address_events_per_second=2, proxies_count=1)
    async with running(limited, name="address") as (url, _):
        own = address()
        began = time.monotonic()
        async with connected(account, "agent", url, own) as one, connected(account, "viewer", url, own) as other:
            refused = refusals(await ask_all([one, other], "get_teams", None, 50))
            assert {error["details"]["limit"] for error in refused} == {"address_events"}
            added = 2 * (time.monotonic() - began)
            assert 96 - added <= len(refused) <= 98  # the two connects count as well
        async with connected(account, "agent", url, address()) as elsewhere:
            await elsewhere.do("get_teams")


async def test_connects_of_an_ipv6_network_share_a_limit(urls: tuple[str, str]) -> None:
    network = address().removesuffix("1")
    async with aiohttp.ClientSession() as session:

        async def status(url: str, host: int) -> int:
            async with session.get(url + POLL, headers={"X-Forwarded-For": f"{network}{host:x}"}) as answer:
                return answer.status

        began = time.monotonic()
        found = [await status(urls[number % 2], number) for number in range(40)]
        added = 20 * (time.monotonic() - began) / 60
        assert 20 - added <= found.count(429) <= 20
        async with session.get(urls[0] + POLL, headers={"X-Forwarded-For": address()}) as answer:
            assert answer.status == 200


async def test_socket_that_ignores_refusals_is_closed_with_a_reason(account: Account, urls: tuple[str, str]) -> None:
    async with connected(account, "agent", urls[0], address()) as agent:
        for _ in range(400):
            await agent.socket.emit("unheard_of")
        reason = await agent.receives("disconnect_reason")
        assert (reason["code"], reason["reconnect"]) == ("RATE_LIMITED", False)
        await asyncio.wait_for(agent.gone.wait(), 20)


async def test_socket_without_a_person_has_a_tenth_of_the_rate(account: Account, urls: tuple[str, str]) -> None:
    unknown = await account.client().connect(url=urls[0], headers={"X-Forwarded-For": address()})
    await unknown.receives("authentication_error")
    began = time.monotonic()
    answers = await ask_all([unknown], "authenticate", "nonsense", 18)
    added = 5 * (time.monotonic() - began)
    codes = [answer["error"]["code"] for answer in answers]
    assert 10 <= codes.count("UNAUTHORIZED") <= 10 + added
    assert codes.count("RATE_LIMITED") == 18 - codes.count("UNAUTHORIZED")


async def test_flood_of_a_socket_without_a_person_is_cut_off(account: Account, urls: tuple[str, str]) -> None:
    """Of 20,000 requests a few dozen are answered; before, each was."""
    unknown = await account.client().connect(url=urls[0], headers={"X-Forwarded-For": address()})
    await unknown.receives("authentication_error")
    async with asyncio.timeout(20):
        for _ in range(20_000):
            if unknown.gone.is_set():
                break
            await unknown.socket.emit("get_teams")
            await asyncio.sleep(0)
        await unknown.gone.wait()
    assert (await unknown.receives("disconnect_reason"))["code"] == "RATE_LIMITED"
    assert unknown.names().count("error") < REFUSALS


async def test_connects_to_the_namespace_on_one_connection_are_limited(
    account: Account, web_settings: Settings
) -> None:
    """Each one verifies a token and queries the database; before, a connection could send them without end."""
    limited = replace(web_settings, rate_limit_address_events_per_second=5, proxies_count=1)
    path = "/socket.io/?EIO=4&transport=websocket"
    async with running(limited, name="connects") as (url, _), aiohttp.ClientSession() as session:
        socket = await session.ws_connect(url + path, headers={"X-Forwarded-For": address()})
        await socket.receive()
        handled = 0
        while handled < 100:
            await socket.send_str(f'40{{"token":"{account.token("agent")}"}}')
            received = await socket.receive()
            while received.type is aiohttp.WSMsgType.TEXT and '"authenticated"' not in received.data:
                received = await socket.receive()
            if received.type is not aiohttp.WSMsgType.TEXT:
                break
            handled += 1
            await socket.send_str("41")
        assert 10 <= handled < 100
