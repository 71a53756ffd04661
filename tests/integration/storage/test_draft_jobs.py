"""When a draft is asked for, waits, and is overtaken."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from hummdesk.storage import conversations, runs
from tests.integration.storage.working import WorkerContext, working


@pytest.fixture
async def desk(alone: Any) -> AsyncIterator[WorkerContext]:
    async with working(alone) as desk:
        yield desk


async def assign(desk: WorkerContext) -> None:
    account = desk.account
    async with account.tx() as tx:
        await conversations.assign(
            tx, actor=account.agent, conversation_id=account.conversation, agent_id=account.agent.id, team_id=None
        )


async def drafting(desk: WorkerContext) -> runs.ClaimedRun:
    """A claimed draft on a message that has just been classified."""
    await assign(desk)
    assert await desk.end(await desk.running())
    [ref] = await desk.publish()
    assert ref.kind == "draft"
    [draft] = await desk.claim(ref.id)
    return draft


async def test_a_draft_is_asked_for_in_an_assigned_conversation_and_wakes_the_relay(desk: WorkerContext) -> None:
    assert await desk.end(await desk.running())
    assert await desk.publish() == []
    await assign(desk)
    job = await desk.running()
    listening = desk.relay.listen("hummdesk_runs")
    assert await anext(listening) == ("", "")
    assert await desk.end(job)
    async with asyncio.timeout(5):
        assert await anext(listening) == ("hummdesk_runs", "")
    await listening.aclose()
    [ref] = await desk.publish()
    [draft] = await desk.claim(ref.id)
    assert (draft.kind, draft.message) == ("draft", job.message)


async def test_a_draft_waits_for_the_customer_to_go_on(desk: WorkerContext) -> None:
    await assign(desk)
    job = await desk.running()
    await desk.settle(runs.AttemptResult(run=job, status="done", outcome="done"), quiet_seconds=60)
    assert await desk.publish() == []
    query = "SELECT available_at - (SELECT created_at FROM messages) = '60 s' FROM ai_runs WHERE kind = 'draft'"
    assert await desk.account.execute(query) == [(True,)]


async def test_only_the_last_word_is_answered(desk: WorkerContext) -> None:
    """Of two messages, whichever is classified first, the second is."""
    await assign(desk)
    await desk.account.send(desk.account.customer)
    await desk.account.send(desk.account.customer)
    first, second = await desk.claim(*(ref.id for ref in await desk.publish()))
    assert await desk.end(second)
    assert await desk.end(first)
    [ref] = await desk.publish()
    [draft] = await desk.claim(ref.id)
    assert draft.message == second.message


async def test_a_newer_message_ends_the_draft_that_waits(desk: WorkerContext) -> None:
    await assign(desk)
    job = await desk.running()
    await desk.settle(runs.AttemptResult(run=job, status="done", outcome="done"), quiet_seconds=60)
    newer = await desk.running()
    settled = await desk.settle(runs.AttemptResult(run=newer, status="done", outcome="done"), quiet_seconds=60)
    ended = {(one.kind, one.message_id): one.outcome for one in settled.ended}
    assert ended == {("draft", job.message.id): "superseded", ("classification", newer.message.id): "done"}


async def test_a_newer_message_ends_the_draft_that_is_being_made(desk: WorkerContext) -> None:
    draft = await drafting(desk)
    newer = await desk.running()
    settled = await desk.settle(runs.AttemptResult(run=newer, status="done", outcome="done"))
    assert draft.id in {one.id for one in settled.ended}
    assert not await desk.end(draft, payload={"n": 1})
    assert await desk.account.execute("SELECT FROM ai_results") == []


@pytest.mark.parametrize("sender", ["customer", "agent"])
async def test_a_draft_that_was_overtaken_is_superseded(desk: WorkerContext, sender: str) -> None:
    draft = await drafting(desk)
    await desk.account.send(getattr(desk.account, sender))
    settled = await desk.settle(runs.AttemptResult(run=draft, status="done", outcome="done", payload={"n": 1}))
    assert [(one.id, one.outcome) for one in settled.ended] == [(draft.id, "superseded")]
    assert await desk.account.execute("SELECT FROM ai_results") == []


async def test_a_note_overtakes_nothing(desk: WorkerContext) -> None:
    draft = await drafting(desk)
    await desk.account.send(desk.account.agent, private=True)
    settled = await desk.settle(runs.AttemptResult(run=draft, status="done", outcome="done", payload={"n": 1}))
    assert [one.outcome for one in settled.ended] == ["done"]
