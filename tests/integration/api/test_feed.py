"""The feed over REST: pages, long polls, numbers that are not kept, and who may read it."""

import asyncio
import hashlib
from typing import Any
from uuid import UUID

import aiohttp
import pytest

from hummdesk.core.api_keys import parse
from hummdesk.server.node import Node
from hummdesk.storage import api_keys
from tests.integration.api.rest_client import RestClient
from tests.integration.server.accounts import Account

PROMPT_SECONDS = 20.0


def chained(previous: str, events: list[dict[str, Any]]) -> str:
    """The digest of the last event, as docs/feed.md defines it."""
    digest = bytes.fromhex(previous)
    for event in events:
        parts = [str(event["number"]), event["type"], event.get("conversationId", ""), event["subjectId"]]
        digest = hashlib.sha256(digest + "\n".join(parts).encode()).digest()
    return digest.hex()


async def say(account: Account) -> None:
    customer = await account.connect("customer")
    await customer.do("send_message", {"conversationId": str(account.conversation), "content": "Hello"})


def key_id(client: RestClient) -> UUID:
    parsed = parse(client.text)
    assert parsed is not None
    return parsed.id


async def position(reader: RestClient) -> dict[str, Any]:
    found: dict[str, Any] = await reader.do("get_feed")
    assert found["events"] == []
    return found


async def waiting(node: Node, polls: int) -> None:
    async with asyncio.timeout(PROMPT_SECONDS):
        while sum(map(len, node.context.feed_polls._polls.values())) != polls:
            await asyncio.sleep(0.01)


async def test_pages_are_contiguous_and_their_digests_chain(admin: RestClient, account: Account) -> None:
    await say(account)
    last = await position(admin)
    after, digest = 0, 64 * "0"
    while after < last["completeTo"]:
        page = await admin.do("get_feed", after=after, limit=3)
        assert [event["number"] for event in page["events"]] == [*range(after + 1, page["completeTo"] + 1)]
        digest = chained(digest, page["events"])
        assert page["digest"] == digest
        after = page["completeTo"]
    assert (digest, page["epoch"]) == (last["digest"], last["epoch"])
    assert page["events"][-1]["type"] == "new_message"


async def test_number_after_the_last_one_answers_the_last_one(admin: RestClient) -> None:
    last = await position(admin)
    assert await admin.do("get_feed", after=last["completeTo"] + 1_000) == last


async def test_poll_is_answered_when_a_message_is_stored(admin: RestClient, node: Node, account: Account) -> None:
    last = await position(admin)
    poll = asyncio.create_task(admin.do("get_feed", after=last["completeTo"], wait=30))
    await waiting(node, 1)
    await say(account)
    async with asyncio.timeout(PROMPT_SECONDS):
        page = await poll
    assert [event["type"] for event in page["events"]] == ["new_message"]
    await waiting(node, 0)


async def test_poll_without_a_change_is_answered_after_its_time(admin: RestClient) -> None:
    last = await position(admin)
    assert await admin.do("get_feed", after=last["completeTo"], wait=1) == last


async def test_poll_of_a_revoked_key_ends_without_events(
    admin: RestClient, http: aiohttp.ClientSession, node: Node, account: Account
) -> None:
    reader = await RestClient.of(http, node.context.database, account.id, "read")
    last = await position(reader)
    poll = asyncio.create_task(reader.do("get_feed", after=last["completeTo"], wait=30))
    await waiting(node, 1)
    async with node.context.database.account(account.id) as tx:
        await api_keys.revoke(tx, None, key_id(reader))
    async with asyncio.timeout(PROMPT_SECONDS):
        assert (await poll)["events"] == []
    await reader.refused("get_feed", status=401)


async def test_foreign_change_does_not_answer_a_poll(
    admin: RestClient, foreigner: RestClient, node: Node, account: Account, foreign: Account
) -> None:
    last = await position(admin)
    there = await position(foreigner)
    poll = asyncio.create_task(admin.do("get_feed", after=last["completeTo"], wait=30))
    await waiting(node, 1)
    await say(foreign)
    assert (await foreigner.do("get_feed", after=there["completeTo"], wait=30))["events"] != []
    assert not poll.done()
    await say(account)
    async with asyncio.timeout(PROMPT_SECONDS):
        assert [event["type"] for event in (await poll)["events"]] == ["new_message"]


async def test_pruned_numbers_are_gone(admin: RestClient, account: Account) -> None:
    last = await position(admin)
    await account.execute("DELETE FROM feed_events WHERE account_id = %(account)s AND number <= 2")
    problem = await admin.refused("get_feed", after=1, status=410)
    assert problem["code"] == "GONE"
    assert (await admin.do("get_feed", after=2))["completeTo"] == last["completeTo"]


@pytest.mark.parametrize("query", [{"after": -1}, {"after": "x"}, {"wait": 31}, {"limit": 501}, {"limit": 0}])
async def test_invalid_query_is_refused(admin: RestClient, query: Any) -> None:
    problem = await admin.refused("get_feed", **query, status=422)
    assert [error["field"] for error in problem["errors"]] == list(query)


async def test_polls_beyond_the_limit_and_of_a_stopping_process_do_not_wait(admin: RestClient, node: Node) -> None:
    last = await position(admin)
    polls = node.context.feed_polls
    polls._is_closed = True
    async with asyncio.timeout(PROMPT_SECONDS):
        assert await admin.do("get_feed", after=last["completeTo"], wait=30) == last
    polls._is_closed = False
