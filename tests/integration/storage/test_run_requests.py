"""Draft and summary runs on demand: assigning, opening and requests start one run, and share it."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any
from uuid import UUID

import pytest

from hummdesk.core.ids import new_id
from hummdesk.core.models import RunOutcome
from hummdesk.storage import conversations, moves, reads, run_requests
from hummdesk.storage.run_requests import RequestedKind
from hummdesk.storage.runs import AttemptResult
from tests.integration.storage.run_workflow import RunWorkflow, run_workflow


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


async def open_it(workflow: RunWorkflow) -> None:
    account = workflow.account
    async with account.tx() as tx:
        await reads.view(tx, viewer=account.agent, conversation_id=account.conversation)


async def request(workflow: RunWorkflow, kind: RequestedKind = "draft") -> UUID | None:
    async with workflow.account.tx() as tx:
        return await run_requests.request(tx, conversation_id=workflow.account.conversation, kind=kind)


async def close(workflow: RunWorkflow) -> None:
    account = workflow.account
    async with account.tx() as tx:
        await conversations.change_status(
            tx, actor=account.agent, conversation_id=account.conversation, status="closed", reason=None
        )


async def ask(workflow: RunWorkflow) -> None:
    """A classified question of the customer."""
    assert await workflow.end(await workflow.claimed())


async def runs(workflow: RunWorkflow, kind: str = "draft") -> list[tuple[UUID, int]]:
    """The runs of a kind with their repetition."""
    query = "SELECT id, repetition FROM ai_runs WHERE kind = %(kind)s ORDER BY seq, repetition"
    found: list[tuple[UUID, int]] = await workflow.account.execute(query, kind=kind)
    return found


async def end(workflow: RunWorkflow, outcome: RunOutcome | None) -> None:
    """End the draft run that is due; None: it fails."""
    [due] = [due for due in await workflow.dispatch() if due.kind == "draft"]
    [run] = await workflow.claim(due.id)
    if outcome is None:
        assert await workflow.fail(run)
    else:
        assert await workflow.end(run, outcome, payload={"n": 1})


@pytest.mark.parametrize("demand", [assign, open_it, request])
async def test_demand_for_unanswered_message_starts_one_draft_run_at_once(workflow: RunWorkflow, demand: Any) -> None:
    await ask(workflow)
    listening = workflow.relay.listen("hummdesk_runs")
    assert await anext(listening) == ("", "")
    await demand(workflow)
    async with asyncio.timeout(20):
        assert await anext(listening) == ("hummdesk_runs", "")
    await listening.aclose()
    [due] = await workflow.dispatch()
    [draft] = await workflow.claim(due.id)
    assert (draft.kind, draft.message.seq) == ("draft", 1)
    assert draft.id.version == 7
    await demand(workflow)
    assert await runs(workflow) == [(draft.id, 0)]


@pytest.mark.parametrize("demand", [assign, open_it, request])
async def test_demand_after_a_reply_or_closing_starts_nothing(workflow: RunWorkflow, demand: Any) -> None:
    await ask(workflow)
    await workflow.account.send(workflow.account.agent)
    assert await demand(workflow) is None
    await workflow.account.send(workflow.account.customer)
    await close(workflow)
    assert await demand(workflow) is None
    assert await runs(workflow) == []


async def test_note_after_the_message_changes_nothing(workflow: RunWorkflow) -> None:
    await ask(workflow)
    await workflow.account.send(workflow.account.agent, private=True)
    await open_it(workflow)
    assert len(await runs(workflow)) == 1


@pytest.mark.parametrize("demand", [assign, open_it])
async def test_assigning_or_opening_starts_nothing_for_a_message_beyond_the_rate_limit(
    workflow: RunWorkflow, demand: Any
) -> None:
    await workflow.account.send(workflow.account.customer, needs_ai=False)
    await demand(workflow)
    assert await runs(workflow) == []
    assert await request(workflow) is not None, "a request has a limit of its own"


async def test_assignment_before_the_classification_has_ended_leaves_one_draft_run(workflow: RunWorkflow) -> None:
    classification = await workflow.claimed()
    await assign(workflow)
    [run] = await runs(workflow)
    assert await workflow.end(classification)
    assert await runs(workflow) == [run]


async def test_newer_message_supersedes_the_run_and_a_request_begins_another(workflow: RunWorkflow) -> None:
    await ask(workflow)
    first = await request(workflow)
    assert [due.id for due in await workflow.dispatch()] == [first]
    await ask(workflow)
    second = await request(workflow)
    assert second not in (first, None)
    assert len(await runs(workflow)) == 2


@pytest.mark.parametrize("outcome", [None, "abstained"])
async def test_request_after_a_run_without_draft_begins_the_next(
    workflow: RunWorkflow, outcome: RunOutcome | None
) -> None:
    await ask(workflow)
    first = await request(workflow)
    await end(workflow, outcome)
    await open_it(workflow)
    await assign(workflow)
    assert await runs(workflow) == [(first, 0)], "only a request repeats a run"
    second = await request(workflow)
    assert await runs(workflow) == [(first, 0), (second, 1)]


async def test_request_makes_a_run_due_that_waits_for_further_messages(workflow: RunWorkflow) -> None:
    await assign(workflow)
    run = await workflow.claimed()
    await workflow.settle(AttemptResult(run=run, status="done", outcome="done"), quiet_seconds=600)
    await open_it(workflow)
    assert await workflow.dispatch() == []
    run_id = await request(workflow)
    assert [due.id for due in await workflow.dispatch()] == [run_id]
    assert await runs(workflow) == [(run_id, 0)]


async def test_request_after_a_draft_returns_its_run(workflow: RunWorkflow) -> None:
    await ask(workflow)
    run_id = await request(workflow)
    await end(workflow, "done")
    assert await request(workflow) == run_id
    assert await workflow.dispatch() == []


@pytest.mark.parametrize("kind", ["draft", "summary"])
async def test_concurrent_requests_share_one_run(workflow: RunWorkflow, kind: RequestedKind) -> None:
    await ask(workflow)
    found = await asyncio.gather(*(request(workflow, kind) for _ in range(10)), assign(workflow), open_it(workflow))
    assert len(set(found[:10])) == 1
    assert await runs(workflow, kind) == [(found[0], 0)]


async def test_request_waits_for_an_uncommitted_one_and_shares_its_run(workflow: RunWorkflow) -> None:
    account = workflow.account
    await ask(workflow)
    async with account.tx() as tx:
        first = await run_requests.request(tx, conversation_id=account.conversation, kind="draft")
        second = asyncio.create_task(request(workflow))
        async with asyncio.timeout(20):
            while not await account.execute("SELECT FROM pg_locks WHERE NOT granted AND locktype = 'transactionid'"):
                await asyncio.sleep(0.01)
        assert not second.done()
    assert await second == first


async def test_summary_is_of_the_newest_public_message_of_either_side(workflow: RunWorkflow) -> None:
    account = workflow.account
    assert await request(workflow, "summary") is None
    await ask(workflow)
    await account.send(account.agent)
    await account.send(account.agent, private=True)
    await close(workflow)
    run_id = await request(workflow, "summary")
    [due] = await workflow.dispatch()
    [run] = await workflow.claim(due.id)
    assert (run.id, run.kind, run.message.seq) == (run_id, "summary", 2)
    await account.send(account.customer)
    assert await workflow.end(run, payload={"n": 1}), "a newer message does not supersede it"


async def test_runs_for_one_agent_are_separate_and_store_no_result(workflow: RunWorkflow) -> None:
    account = workflow.account
    await ask(workflow)

    async def assist() -> bool:
        async with account.tx() as tx:
            return await run_requests.assist(tx, conversation_id=account.conversation, message_id=None, run_id=new_id())

    assert await asyncio.gather(*(assist() for _ in range(5))) == [True] * 5
    assert [repetition for _, repetition in await runs(workflow, "assist")] == [0, 1, 2, 3, 4]
    due = await workflow.dispatch()
    [run, *_] = await workflow.claim(due[0].id)
    assert (run.kind, run.message.seq) == ("assist", 1)
    await account.send(account.customer)
    assert await workflow.end(run, payload={"text": "secret"}), "a newer message does not supersede it"
    assert await account.execute("SELECT FROM ai_results WHERE run_id = %(run)s", run=run.id) == []
    fed = "SELECT type FROM feed_changes WHERE subject_id = %(run)s"
    assert await account.execute(fed, run=run.id) == []
