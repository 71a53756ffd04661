"""Drafts and summaries on demand, over two web processes; `tests/system/tasks` runs them."""

import asyncio
from typing import Any
from uuid import UUID

import pytest

from hummdesk.bus.draft_progress import Progress
from hummdesk.core.ids import new_id
from hummdesk.publish.events.ai import AIDraftDelta
from hummdesk.server.node import Node
from tests.integration.server.accounts import Account, Client


async def ask(account: Account) -> dict[str, Any]:
    """A message of the customer."""
    customer = await account.connect("customer", joins=True)
    return await customer.do("send_message", of(account) | {"content": "Where is my parcel?"})


def of(account: Account) -> dict[str, Any]:
    return {"conversationId": str(account.conversation)}


async def runs(account: Account, kind: str = "draft") -> list[str]:
    query = "SELECT id FROM ai_runs WHERE account_id = %(account)s AND kind = %(kind)s ORDER BY repetition"
    return [str(run_id) for (run_id,) in await account.execute(query, kind=kind)]


@pytest.mark.parametrize("request_name", ["request_draft", "request_summary"])
async def test_requests_by_two_processes_share_one_run(account: Account, second_url: str, request_name: str) -> None:
    await ask(account)
    here = await account.connect("agent")
    there = await account.connect("colleague", url=second_url)
    answers = await asyncio.gather(*(client.do(request_name, of(account)) for client in (here, there) * 5))
    assert {answer["runId"] for answer in answers} == set(await runs(account, request_name.removeprefix("request_")))
    assert len({answer["runId"] for answer in answers}) == 1


async def test_request_without_a_waiting_message_is_refused(account: Account) -> None:
    agent = await account.connect("agent")
    assert await agent.refused("request_draft", of(account)) == "CONFLICT"
    assert await agent.refused("request_summary", of(account)) == "CONFLICT"
    await ask(account)
    await agent.do("send_message", of(account) | {"content": "On its way"})
    assert await agent.refused("request_draft", of(account)) == "CONFLICT"
    await agent.do("request_summary", of(account))
    assert await agent.refused("request_draft", {"conversationId": str(new_id())}) == "NOT_FOUND"
    assert await agent.refused("request_draft", {}) == "VALIDATION_ERROR"
    for name in ("viewer", "customer"):
        other = await account.connect(name)
        assert await other.refused("request_draft", of(account)) == "FORBIDDEN"
        assert await other.refused("request_summary", of(account)) == "FORBIDDEN"


async def test_claim_and_opening_by_an_agent_start_one_draft_run(account: Account) -> None:
    await ask(account)
    viewer = await account.connect("viewer", joins=True)
    assert await runs(account) == []
    agent = await account.connect("agent", joins=True)
    [run_id] = await runs(account)
    await agent.do("assign_conversation", of(account) | {"agentId": str(account.people["agent"].id)})
    await viewer.do("join_conversation", of(account))
    await (await account.connect("colleague")).do("join_conversation", of(account) | {"afterSeq": 0})
    assert await runs(account) == [run_id]
    assert (await agent.do("request_draft", of(account)))["runId"] == run_id


async def test_assignment_of_a_waiting_conversation_starts_a_draft_run(account: Account) -> None:
    sent = await ask(account)
    admin = await account.connect("admin")
    await admin.do("assign_conversation", of(account) | {"agentId": str(account.people["agent"].id)})
    found = await account.execute(
        "SELECT message_id, status, available_at <= now() FROM ai_runs "
        "WHERE account_id = %(account)s AND kind = 'draft'"
    )
    assert found == [(UUID(sent["messageId"]), "pending", True)]


async def test_join_returns_the_draft_that_is_generated(account: Account, node: Node) -> None:
    await ask(account)
    progress = Progress(run_id=new_id(), attempt=2, index=3, text="Hi Customer. It")
    await node.context.draft_progress.begin(account.id, account.conversation, progress)
    for name in ("agent", "viewer"):
        joined = await (await account.connect(name)).do("join_conversation", of(account))
        assert joined["ai"]["streaming"] == {
            "runId": str(progress.run_id),
            "attempt": 2,
            "index": 3,
            "text": "Hi Customer. It",
        }
    customer = await account.connect("customer")
    assert "ai" not in await customer.do("join_conversation", of(account))
    await node.context.draft_progress.end(account.id, account.conversation, progress)
    agent = await account.connect("agent")
    assert "streaming" not in (await agent.do("join_conversation", of(account)))["ai"]


async def test_progress_of_an_earlier_run_ends_when_another_begins(account: Account, node: Node) -> None:
    stored, where = node.context.draft_progress, (account.id, account.conversation)
    first, second = (Progress(run_id=new_id(), attempt=1) for _ in range(2))
    await stored.begin(*where, first)
    assert await stored.save(*where, Progress(run_id=first.run_id, attempt=1, index=1, text="One."))
    await stored.begin(*where, second)
    assert not await stored.save(*where, first)
    await stored.end(*where, first)
    assert await stored.of_conversation(*where) == second
    await stored.end(*where, second)
    assert not await stored.save(*where, second)
    assert await stored.of_conversation(*where) is None


async def test_chunks_are_not_recovered(account: Account, node: Node) -> None:
    agent: Client = await account.connect("agent", joins=True)
    delta = AIDraftDelta(
        account_id=account.id,
        conversation_id=account.conversation,
        run_id=new_id(),
        attempt=1,
        index=0,
        chunk="Hi.",
    )
    await node.context.publisher.publish(delta)
    received = await agent.receives("ai_draft_delta")
    assert {name: received[name] for name in ("attempt", "index", "chunk")} == {
        "attempt": 1,
        "index": 0,
        "chunk": "Hi.",
    }
    assert all(envelope.is_volatile for envelope in delta.envelopes())
