"""Draft runs: creation, quiet time, and superseding by newer messages."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from hummdesk.storage import moves, runs
from tests.integration.storage.run_workflow import ENDED_AND_WAITING, RunWorkflow, run_workflow


@pytest.fixture
async def workflow(alone: Any) -> AsyncIterator[RunWorkflow]:
    async with run_workflow(alone) as workflow:
        yield workflow


async def assign(workflow: RunWorkflow) -> None:
    account = workflow.account
    async with account.tx() as tx:
        await moves.assign(
            tx, actor=account.agent, conversation_id=account.conversation, agent_id=account.agent.id, team_id=None
        )


async def drafting(workflow: RunWorkflow) -> runs.ClaimedRun:
    """A claimed draft run for a message that was just classified."""
    await assign(workflow)
    assert await workflow.end(await workflow.claimed())
    [due] = await workflow.dispatch()
    assert due.kind == "draft"
    [draft] = await workflow.claim(due.id)
    return draft


async def test_settle_classification_of_assigned_conversation_creates_draft_run_and_notifies(
    workflow: RunWorkflow,
) -> None:
    assert await workflow.end(await workflow.claimed())
    assert await workflow.dispatch() == []
    await assign(workflow)
    assert [due.kind for due in await workflow.dispatch()] == ["draft"]
    run = await workflow.claimed()
    listening = workflow.relay.listen("hummdesk_runs")
    assert await anext(listening) == ("", "")
    assert await workflow.end(run)
    async with asyncio.timeout(20):
        assert await anext(listening) == ("hummdesk_runs", "")
    await listening.aclose()
    [due] = await workflow.dispatch()
    [draft] = await workflow.claim(due.id)
    assert (draft.kind, draft.message) == ("draft", run.message)


async def test_draft_run_is_due_after_the_quiet_time(workflow: RunWorkflow) -> None:
    await assign(workflow)
    run = await workflow.claimed()
    await workflow.settle(runs.AttemptResult(run=run, status="done", outcome="done"), quiet_seconds=60)
    assert await workflow.dispatch() == []
    query = "SELECT available_at - (SELECT created_at FROM messages) = '60 s' FROM ai_runs WHERE kind = 'draft'"
    assert await workflow.account.execute(query) == [(True,)]


async def test_settle_two_classifications_in_any_order_creates_one_draft_run_for_the_last(
    workflow: RunWorkflow,
) -> None:
    """Whichever of two messages is classified first."""
    await assign(workflow)
    await workflow.account.send(workflow.account.customer)
    await workflow.account.send(workflow.account.customer)
    claimed = await workflow.claim(*(due.id for due in await workflow.dispatch()))
    first, second = sorted(claimed, key=lambda run: run.message.seq)  # ids of one millisecond have no order
    assert await workflow.end(second)
    assert await workflow.end(first)
    [due] = await workflow.dispatch()
    [draft] = await workflow.claim(due.id)
    assert draft.message == second.message


async def test_settle_newer_classification_supersedes_pending_draft_run(workflow: RunWorkflow) -> None:
    await assign(workflow)
    run = await workflow.claimed()
    await workflow.settle(runs.AttemptResult(run=run, status="done", outcome="done"), quiet_seconds=60)
    newer = await workflow.claimed()
    settlement = await workflow.settle(runs.AttemptResult(run=newer, status="done", outcome="done"), quiet_seconds=60)
    ended = {(one.kind, one.message_id): one.outcome for one in settlement.ended}
    assert ended == {("draft", run.message.id): "superseded", ("classification", newer.message.id): "done"}
    assert {one.id for one in settlement.ended} <= {one.id for one in await workflow.unpublished()}
    assert await workflow.account.execute(ENDED_AND_WAITING) == []


async def test_settle_newer_classification_supersedes_running_draft_run(workflow: RunWorkflow) -> None:
    draft = await drafting(workflow)
    newer = await workflow.claimed()
    settlement = await workflow.settle(runs.AttemptResult(run=newer, status="done", outcome="done"))
    assert draft.id in {one.id for one in settlement.ended}
    assert not await workflow.end(draft, payload={"n": 1})
    assert await workflow.account.execute("SELECT FROM ai_results") == []


@pytest.mark.parametrize("sender", ["customer", "agent"])
async def test_settle_draft_run_with_newer_message_is_superseded(workflow: RunWorkflow, sender: str) -> None:
    draft = await drafting(workflow)
    await workflow.account.send(getattr(workflow.account, sender))
    settlement = await workflow.settle(runs.AttemptResult(run=draft, status="done", outcome="done", payload={"n": 1}))
    assert [(one.id, one.outcome) for one in settlement.ended] == [(draft.id, "superseded")]
    assert await workflow.account.execute("SELECT FROM ai_results") == []


async def test_settle_draft_run_with_newer_note_is_done(workflow: RunWorkflow) -> None:
    draft = await drafting(workflow)
    await workflow.account.send(workflow.account.agent, private=True)
    settlement = await workflow.settle(runs.AttemptResult(run=draft, status="done", outcome="done", payload={"n": 1}))
    assert [one.outcome for one in settlement.ended] == ["done"]
