import asyncio
import time
from collections.abc import AsyncIterator
from typing import Any

import pytest

from hummdesk.core.ids import new_id
from hummdesk.storage import moves, run_dispatch, runs
from tests.integration.storage.run_workflow import DISPATCH, ENDED_AND_WAITING, RunWorkflow, claim, run_workflow


@pytest.fixture
async def workflow(alone: Any) -> AsyncIterator[RunWorkflow]:
    async with run_workflow(alone) as workflow:
        yield workflow


async def test_take_due_returns_a_new_run_once(workflow: RunWorkflow) -> None:
    await workflow.account.send(workflow.account.customer)
    [due] = await workflow.dispatch()
    assert (due.account_id, due.kind, due.attempts) == (workflow.account.id, "classification", 0)
    assert await workflow.dispatch() == []


async def test_deadline_counts_from_the_first_take(workflow: RunWorkflow) -> None:
    await workflow.account.send(workflow.account.customer)
    query = "SELECT (deadline_at - published_at) BETWEEN '59 s' AND '61 s', deadline_at FROM ai_runs"
    await workflow.dispatch()
    [(right, deadline)] = await workflow.account.execute(query)
    assert right
    await workflow.expire_time("lease_until")
    await workflow.dispatch()
    assert [(right, deadline)] == await workflow.account.execute(query)


async def test_take_due_by_two_relays_returns_a_run_to_one(workflow: RunWorkflow) -> None:
    await workflow.account.send(workflow.account.customer)
    async with workflow.all_accounts() as first:
        assert len(await run_dispatch.take_due(first, 10, **DISPATCH)) == 1
        assert await workflow.dispatch() == []


async def test_take_other_due_leaves_a_classification(workflow: RunWorkflow) -> None:
    account = workflow.account
    await account.send(account.customer)
    async with account.tx() as tx:
        await moves.claim(tx, actor=account.agent, conversation_id=account.conversation)
    async with workflow.all_accounts() as tx:
        assert [run.kind for run in await run_dispatch.take_other_due(tx, 10, **DISPATCH)] == ["draft"]
        assert [run.kind for run in await run_dispatch.take_due(tx, 10, **DISPATCH)] == ["classification"]


async def test_relay_leaves_runs_of_unknown_kinds_to_one_that_knows_them(
    workflow: RunWorkflow, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As the relay of an earlier version during an upgrade."""

    async def assigned() -> None:
        await account.send(account.customer)
        async with account.tx() as tx:
            await moves.claim(tx, actor=account.agent, conversation_id=account.conversation)

    async def seen() -> list[object]:
        async with workflow.all_accounts() as tx:
            waiting = await run_dispatch.seconds_until_due(tx)
            others = await run_dispatch.take_other_due(tx, 10, **DISPATCH)
        return [waiting, *others, *await workflow.dispatch(), *await workflow.expire(), *await workflow.unpublished()]

    account = workflow.account
    await assigned()
    [classification] = [run for run in await workflow.dispatch() if run.kind == "classification"]
    [run] = await workflow.claim(classification.id)
    await workflow.end(run)
    await workflow.mark_published(run)
    [draft] = await account.execute("SELECT kind, status FROM ai_runs WHERE announced_at IS NULL")
    assert draft == ("draft", "published")
    with monkeypatch.context() as earlier:
        earlier.setattr(run_dispatch, "KINDS", ["classification"])
        await account.execute("UPDATE ai_runs SET status = 'pending', published_at = NULL WHERE kind = 'draft'")
        assert await seen() == [None]
        await workflow.expire_time("deadline_at")
        assert await seen() == [None]
        await account.execute("UPDATE ai_runs SET deadline_at = NULL WHERE kind = 'draft'")
        async with workflow.all_accounts() as tx:
            assert [one.kind for one in await run_dispatch.open_runs(tx)] == ["draft"]
    assert [run.kind for run in await workflow.dispatch()] == ["draft"]


async def test_take_lost_after_the_lease_returns_the_run_again(workflow: RunWorkflow) -> None:
    await workflow.account.send(workflow.account.customer)
    first = await workflow.dispatch()
    await workflow.expire_time("lease_until")
    assert await workflow.dispatch() == first


async def test_seconds_until_due_is_that_of_the_next_pending_run(workflow: RunWorkflow) -> None:
    async def due() -> float | None:
        async with workflow.all_accounts() as tx:
            return await run_dispatch.seconds_until_due(tx)

    assert await due() is None
    run = await workflow.claimed()
    assert await due() is None
    began = time.monotonic()
    await workflow.retry(run, 60)
    seconds = await due()
    assert seconds is not None
    assert 60 - (time.monotonic() - began) <= seconds < 60


async def test_claim_returns_message_history_and_assignment(workflow: RunWorkflow) -> None:
    account = workflow.account
    await account.send(account.customer, "Hello")
    await account.send(account.agent, "How can I help?")
    [first] = await workflow.dispatch()
    sent = await account.send(account.customer, "Help")
    await account.send(account.agent, private=True)
    async with account.tx() as tx:
        await moves.assign(
            tx, actor=account.agent, conversation_id=account.conversation, agent_id=account.agent.id, team_id=None
        )
    [due] = [due for due in await workflow.dispatch() if due.kind == "classification"]  # the assignment starts a draft
    early, run = await workflow.claim(first.id, due.id)
    assert (run.id, run.account_id, run.kind, run.attempts) == (due.id, account.id, "classification", 1)
    assert (run.message, run.assigned_to) == (sent.message, account.agent.id)
    assert [(turn.sender, turn.content) for turn in run.history] == [
        ("customer", "Hello"),
        ("agent", "How can I help?"),
    ]
    assert (early.history, early.has_newer_message, run.has_newer_message) == ((), True, False)


async def test_claim_of_claimed_or_ended_run_returns_nothing(workflow: RunWorkflow) -> None:
    run = await workflow.claimed()
    assert await workflow.claim(run.id) == []
    assert await workflow.end(run)
    assert await workflow.claim(run.id) == []
    assert await workflow.dispatch() == []


async def test_claim_of_locked_run_does_not_wait(workflow: RunWorkflow) -> None:
    await workflow.account.send(workflow.account.customer)
    [due] = await workflow.dispatch()
    async with workflow.tx() as tx:
        assert len(await claim(tx, (workflow.account.id, due.id))) == 1
        assert await workflow.claim(due.id) == []


async def test_parallel_claims_of_one_run_succeed_once(workflow: RunWorkflow) -> None:
    await workflow.account.send(workflow.account.customer)
    [due] = await workflow.dispatch()
    claimed = await asyncio.gather(*(workflow.claim(due.id) for _ in range(10)))
    assert sum(map(len, claimed)) == 1


async def test_claim_before_take_due_succeeds(workflow: RunWorkflow) -> None:
    await workflow.account.send(workflow.account.customer)
    [[run_id]] = await workflow.account.execute("SELECT id FROM ai_runs")
    assert len(await workflow.claim(run_id)) == 1
    assert await workflow.dispatch() == []


async def test_claim_after_expired_lease_starts_the_next_attempt(workflow: RunWorkflow) -> None:
    run = await workflow.claimed()
    await workflow.expire_time("lease_until")
    [due] = await workflow.dispatch()
    [again] = await workflow.claim(due.id)
    assert (again.attempts, again.started_at) == (2, run.started_at)
    assert not await workflow.end(run), "the try before"
    assert await workflow.end(again)


async def test_release_by_redelivery_frees_its_own_runs_only(workflow: RunWorkflow) -> None:
    await workflow.account.send(workflow.account.customer)
    await workflow.account.send(workflow.account.customer)
    mine, other = await workflow.dispatch()
    delivery = new_id()
    [run] = await workflow.claim(mine.id, delivery=delivery)
    await workflow.claim(other.id)
    async with workflow.tx() as tx:
        assert (
            await runs.release(tx, [(workflow.account.id, mine.id), (workflow.account.id, other.id)], delivery=delivery)
            == 1
        )
    assert [(due.id, due.attempts) for due in await workflow.dispatch()] == [(run.id, 1)]


async def test_settle_of_ended_run_changes_nothing(workflow: RunWorkflow) -> None:
    run = await workflow.claimed()
    assert await workflow.end(run, "superseded")
    assert not await workflow.end(run)
    assert not await workflow.fail(run)
    assert not await workflow.retry(run, 0)
    states = await workflow.account.execute("SELECT status, outcome, last_error FROM ai_runs")
    assert states == [("done", "superseded", None)]


async def test_settle_runs_of_several_accounts_ends_them_together(workflow: RunWorkflow) -> None:
    other = await type(workflow.account)(workflow.account.url, workflow.account.app).make()
    for account in (workflow.account, other):
        await account.send(account.customer)
    keys = [(due.account_id, due.id) for due in await workflow.dispatch()]
    async with workflow.worker.accounts([workflow.account.id, other.id]) as tx:
        claimed = await claim(tx, *keys)
        assert {run.account_id for run in claimed} == {workflow.account.id, other.id}
        results = [runs.AttemptResult(run=run, status="done", outcome="done", payload={"n": 1}) for run in claimed]
        settlement = await runs.settle(tx, results, quiet_seconds=0)
    assert {ended.key for ended in settlement.ended} == set(keys)
    assert await workflow.account.execute("SELECT count(DISTINCT account_id) FROM ai_results") == [(2,)]


async def test_settle_of_pending_run_changes_nothing(workflow: RunWorkflow) -> None:
    run = await workflow.claimed()
    await workflow.retry(run, 0)
    await workflow.dispatch()
    assert not await workflow.end(run)


async def test_retried_run_is_due_after_its_delay(workflow: RunWorkflow) -> None:
    run = await workflow.claimed()
    assert await workflow.retry(run, 60)
    assert await workflow.dispatch() == []
    assert await workflow.claim(run.id) == []  # a second delivery of the first publication
    await workflow.expire_time("available_at")
    [due] = await workflow.dispatch()
    assert (due.id, due.attempts) == (run.id, 1)


async def test_failed_run_is_unpublished_until_it_is_marked(workflow: RunWorkflow) -> None:
    run = await workflow.claimed()
    assert not await workflow.mark_published(run)
    assert await workflow.fail(run)
    assert await workflow.unpublished(older_than_seconds=60) == []
    assert await workflow.mark_published(run)
    assert not await workflow.mark_published(run)
    assert await workflow.unpublished() == []


async def test_ended_run_without_mark_is_unpublished_for_the_relay(workflow: RunWorkflow) -> None:
    run = await workflow.claimed()
    assert await workflow.end(run, "abstained")
    assert len(await workflow.unpublished()) == 1  # and again, until that is recorded
    [ended] = await workflow.unpublished()
    assert (ended.id, ended.account_id, ended.kind) == (run.id, workflow.account.id, "classification")
    assert (ended.conversation_id, ended.message_id) == (workflow.account.conversation, run.message.id)
    assert (ended.outcome, ended.last_error, ended.started_at) == ("abstained", None, run.started_at)
    async with workflow.all_accounts() as tx:
        assert await runs.mark_published(tx, [ended.key]) == 1
    assert await workflow.unpublished() == []


async def test_fail_expired_past_the_deadline_fails_the_run(workflow: RunWorkflow) -> None:
    run = await workflow.claimed()
    assert await workflow.expire() == []
    await workflow.expire_time("deadline_at")
    [ended] = await workflow.expire()
    assert (ended.id, ended.outcome, ended.last_error) == (run.id, None, "The AI did not answer in time")
    assert not await workflow.end(run)
    assert await workflow.unpublished() == [ended]
    assert await workflow.mark_published(run)
    assert await workflow.expire() == []
    assert await workflow.unpublished() == []
    assert await workflow.dispatch() == []


async def test_fail_expired_while_a_run_waits_to_be_retried_fails_it(workflow: RunWorkflow) -> None:
    run = await workflow.claimed()
    assert await workflow.retry(run, 60)
    assert await workflow.expire() == []
    await workflow.expire_time("deadline_at")
    [ended] = await workflow.expire()
    assert (ended.id, ended.last_error) == (run.id, "429")
    assert await workflow.unpublished() == [ended]
    assert await workflow.account.execute(ENDED_AND_WAITING) == []


async def test_claim_past_the_deadline_returns_nothing(workflow: RunWorkflow) -> None:
    await workflow.account.send(workflow.account.customer)
    [due] = await workflow.dispatch()
    await workflow.expire_time("deadline_at")
    await workflow.expire_time("lease_until")
    assert await workflow.claim(due.id) == []
    assert await workflow.dispatch() == []
    assert [ended.id for ended in await workflow.expire()] == [due.id]


async def test_fail_expired_after_last_attempt_lost_its_worker_fails_the_run(workflow: RunWorkflow) -> None:
    run = await workflow.claimed()
    await workflow.expire_time("lease_until")
    assert await workflow.expire() == []
    [due] = await workflow.dispatch()
    assert len(await workflow.claim(due.id)) == 1
    await workflow.expire_time("lease_until")
    assert await workflow.dispatch() == []
    [ended] = await workflow.expire()
    assert (ended.id, ended.outcome, ended.last_error) == (run.id, None, "The AI stopped while working on this")


async def test_settle_stores_the_payload_once(workflow: RunWorkflow) -> None:
    run = await workflow.claimed()
    assert await workflow.end(run, payload={"n": 1})
    assert not await workflow.end(run, payload={"n": 2})
    assert await workflow.account.execute("SELECT payload FROM ai_results") == [({"n": 1},)]


async def test_settle_with_priority_changes_and_logs_it_once(workflow: RunWorkflow) -> None:
    run = await workflow.claimed()
    settlement = await workflow.settle(runs.AttemptResult(run=run, status="done", outcome="done", priority="urgent"))
    assert settlement.reprioritized == {(workflow.account.id, workflow.account.conversation)}
    assert (await workflow.account.see(workflow.account.agent)).priority == "urgent"
    assert (await workflow.account.log())[-1] == ("priority_changed", "system", {"from": "medium", "to": "urgent"})
    again = await workflow.claimed()
    settlement = await workflow.settle(runs.AttemptResult(run=again, status="done", outcome="done", priority="urgent"))
    assert settlement.reprioritized == set()


async def test_send_by_customer_notifies_the_relay_at_commit(workflow: RunWorkflow) -> None:
    listening = workflow.relay.listen("hummdesk_runs")
    assert await anext(listening) == ("", "")
    await workflow.account.send(workflow.account.customer)
    async with asyncio.timeout(20):
        assert await anext(listening) == ("hummdesk_runs", "")
    await listening.aclose()


async def test_open_runs_counts_runs_that_have_not_ended(workflow: RunWorkflow) -> None:
    began = time.monotonic()
    run = await workflow.claimed()
    await workflow.account.send(workflow.account.customer)
    await workflow.account.send(workflow.account.customer)
    async with workflow.all_accounts() as tx:
        depth = {(one.kind, one.status): one for one in await run_dispatch.open_runs(tx)}
    assert {place: one.count for place, one in depth.items()} == {
        ("classification", "running"): 1,
        ("classification", "pending"): 2,
    }
    assert all(0 < one.oldest_seconds < time.monotonic() - began for one in depth.values())
    await workflow.end(run)
    async with workflow.all_accounts() as tx:
        assert [one.status for one in await run_dispatch.open_runs(tx)] == ["pending"]


async def test_claim_and_settle_for_another_account_do_nothing(workflow: RunWorkflow) -> None:
    run = await workflow.claimed()
    result = runs.AttemptResult(run=run, status="done", outcome="done", payload={})
    async with workflow.worker.accounts([new_id()]) as tx:
        assert await claim(tx, run.key) == []
        assert (await runs.settle(tx, [result], quiet_seconds=0)).ended == []
        assert await runs.mark_published(tx, [run.key]) == 0
    async with workflow.account.app.accounts([workflow.account.id]) as tx:  # whose role has no part in this
        assert (await runs.settle(tx, [result], quiet_seconds=0)).ended == []
