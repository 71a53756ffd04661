import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from hummdesk.core.ids import new_id
from hummdesk.storage import conversations, run_dispatch, runs
from tests.integration.storage.working import TERMS, WorkerContext, claim, working


@pytest.fixture
async def desk(alone: Any) -> AsyncIterator[WorkerContext]:
    async with working(alone) as desk:
        yield desk


async def test_a_question_is_published_once(desk: WorkerContext) -> None:
    await desk.account.send(desk.account.customer)
    [ref] = await desk.publish()
    assert (ref.account_id, ref.kind, ref.attempts) == (desk.account.id, "classification", 0)
    assert await desk.publish() == []


async def test_the_deadline_runs_from_the_first_publication(desk: WorkerContext) -> None:
    await desk.account.send(desk.account.customer)
    query = "SELECT (deadline_at - published_at) BETWEEN '59 s' AND '61 s', deadline_at FROM ai_runs"
    await desk.publish()
    [(right, deadline)] = await desk.account.execute(query)
    assert right
    await desk.later("lease_until")
    await desk.publish()
    assert [(right, deadline)] == await desk.account.execute(query)


async def test_two_relays_do_not_publish_the_same(desk: WorkerContext) -> None:
    await desk.account.send(desk.account.customer)
    async with desk.all_accounts() as first:
        assert len(await run_dispatch.take_due(first, 10, **TERMS)) == 1
        assert await desk.publish() == []


async def test_what_is_published_in_vain_comes_again(desk: WorkerContext) -> None:
    await desk.account.send(desk.account.customer)
    first = await desk.publish()
    await desk.later("lease_until")
    assert await desk.publish() == first


async def test_the_relay_knows_when_the_next_run_is_due(desk: WorkerContext) -> None:
    async def due() -> float | None:
        async with desk.all_accounts() as tx:
            return await run_dispatch.seconds_until_due(tx)

    assert await due() is None
    job = await desk.running()
    assert await due() is None
    await desk.retry(job, 60)
    seconds = await due()
    assert seconds is not None
    assert 59 < seconds < 60


async def test_a_job_knows_what_its_worker_needs(desk: WorkerContext) -> None:
    account = desk.account
    await account.send(account.customer, "Hello")
    await account.send(account.agent, "How can I help?")
    [first] = await desk.publish()
    sent = await account.send(account.customer, "Help")
    await account.send(account.agent, private=True)
    async with account.tx() as tx:
        await conversations.assign(
            tx, actor=account.agent, conversation_id=account.conversation, agent_id=account.agent.id, team_id=None
        )
    [ref] = await desk.publish()
    early, job = await desk.claim(first.id, ref.id)
    assert (job.id, job.account_id, job.kind, job.attempts) == (ref.id, account.id, "classification", 1)
    assert (job.message, job.assigned_to) == (sent.message, account.agent.id)
    assert [(turn.sender, turn.content) for turn in job.history] == [
        ("customer", "Hello"),
        ("agent", "How can I help?"),
    ]
    assert (early.history, early.has_newer_message, job.has_newer_message) == ((), True, False)


async def test_a_second_delivery_does_nothing(desk: WorkerContext) -> None:
    job = await desk.running()
    assert await desk.claim(job.id) == []
    assert await desk.end(job)
    assert await desk.claim(job.id) == []
    assert await desk.publish() == []


async def test_a_second_delivery_does_not_wait_for_the_first(desk: WorkerContext) -> None:
    await desk.account.send(desk.account.customer)
    [ref] = await desk.publish()
    async with desk.tx() as tx:
        assert len(await claim(tx, (desk.account.id, ref.id))) == 1
        assert await desk.claim(ref.id) == []


async def test_of_ten_deliveries_at_once_one_claims(desk: WorkerContext) -> None:
    await desk.account.send(desk.account.customer)
    [ref] = await desk.publish()
    claimed = await asyncio.gather(*(desk.claim(ref.id) for _ in range(10)))
    assert sum(map(len, claimed)) == 1


async def test_who_claims_before_the_relay_is_told_has_it(desk: WorkerContext) -> None:
    await desk.account.send(desk.account.customer)
    [[run_id]] = await desk.account.execute("SELECT id FROM ai_runs")
    assert len(await desk.claim(run_id)) == 1
    assert await desk.publish() == []


async def test_a_lost_worker_leaves_its_run_to_the_next(desk: WorkerContext) -> None:
    job = await desk.running()
    await desk.later("lease_until")
    [ref] = await desk.publish()
    [again] = await desk.claim(ref.id)
    assert (again.attempts, again.started_at) == (2, job.started_at)
    assert not await desk.end(job), "the try before"
    assert await desk.end(again)


async def test_a_delivery_that_comes_again_gives_back_what_it_had_claimed(desk: WorkerContext) -> None:
    await desk.account.send(desk.account.customer)
    await desk.account.send(desk.account.customer)
    mine, other = await desk.publish()
    delivery = new_id()
    [job] = await desk.claim(mine.id, delivery=delivery)
    await desk.claim(other.id)
    async with desk.tx() as tx:
        assert await runs.release(tx, [(desk.account.id, mine.id), (desk.account.id, other.id)], delivery=delivery) == 1
    assert [(ref.id, ref.attempts) for ref in await desk.publish()] == [(job.id, 1)]


async def test_a_run_ends_once(desk: WorkerContext) -> None:
    job = await desk.running()
    assert await desk.end(job, "superseded")
    assert not await desk.end(job)
    assert not await desk.fail(job)
    assert not await desk.retry(job, 0)
    states = await desk.account.execute("SELECT status, outcome, last_error FROM ai_runs")
    assert states == [("done", "superseded", None)]


async def test_runs_of_several_accounts_end_together(desk: WorkerContext) -> None:
    other = await type(desk.account)(desk.account.url, desk.account.app).make()
    for account in (desk.account, other):
        await account.send(account.customer)
    refs = [(ref.account_id, ref.id) for ref in await desk.publish()]
    async with desk.worker.accounts([desk.account.id, other.id]) as tx:
        claimed = await claim(tx, *refs)
        assert {job.account_id for job in claimed} == {desk.account.id, other.id}
        verdicts = [runs.AttemptResult(run=job, status="done", outcome="done", payload={"n": 1}) for job in claimed]
        settled = await runs.settle(tx, verdicts, quiet_seconds=0)
    assert {ended.key for ended in settled.ended} == set(refs)
    assert await desk.account.execute("SELECT count(DISTINCT account_id) FROM ai_results") == [(2,)]


async def test_what_does_not_run_cannot_be_ended(desk: WorkerContext) -> None:
    job = await desk.running()
    await desk.retry(job, 0)
    await desk.publish()
    assert not await desk.end(job)


async def test_a_retry_waits(desk: WorkerContext) -> None:
    job = await desk.running()
    assert await desk.retry(job, 60)
    assert await desk.publish() == []
    assert await desk.claim(job.id) == []  # a second delivery of the first publication
    await desk.later("available_at")
    [ref] = await desk.publish()
    assert (ref.id, ref.attempts) == (job.id, 1)


async def test_a_failed_run_is_announced_by_who_failed_it(desk: WorkerContext) -> None:
    job = await desk.running()
    assert not await desk.announced(job)
    assert await desk.fail(job)
    assert await desk.unpublished(older_than_seconds=60) == []
    assert await desk.announced(job)
    assert not await desk.announced(job)
    assert await desk.unpublished() == []


async def test_what_ended_in_silence_is_announced_by_the_relay_once(desk: WorkerContext) -> None:
    job = await desk.running()
    assert await desk.end(job, "abstained")
    assert len(await desk.unpublished()) == 1  # and again, until that is recorded
    [ended] = await desk.unpublished()
    assert (ended.id, ended.account_id, ended.kind) == (job.id, desk.account.id, "classification")
    assert (ended.conversation_id, ended.message_id) == (desk.account.conversation, job.message.id)
    assert (ended.outcome, ended.last_error, ended.started_at) == ("abstained", None, job.started_at)
    async with desk.all_accounts() as tx:
        assert await runs.mark_published(tx, [ended.key]) == 1
    assert await desk.unpublished() == []


async def test_past_the_deadline_a_run_has_failed(desk: WorkerContext) -> None:
    job = await desk.running()
    assert await desk.expire() == []
    await desk.later("deadline_at")
    [ended] = await desk.expire()
    assert (ended.id, ended.outcome, ended.last_error) == (job.id, None, "The AI did not answer in time")
    assert not await desk.end(job)
    assert await desk.unpublished() == [ended]
    assert await desk.announced(job)
    assert await desk.expire() == await desk.unpublished() == await desk.publish() == []


async def test_past_the_deadline_nobody_begins(desk: WorkerContext) -> None:
    await desk.account.send(desk.account.customer)
    [ref] = await desk.publish()
    await desk.later("deadline_at")
    await desk.later("lease_until")
    assert await desk.claim(ref.id) == []
    assert await desk.publish() == []
    assert [ended.id for ended in await desk.expire()] == [ref.id]


async def test_a_job_that_kills_its_workers_is_set_aside(desk: WorkerContext) -> None:
    job = await desk.running()
    await desk.later("lease_until")
    assert await desk.expire() == []
    [ref] = await desk.publish()
    assert len(await desk.claim(ref.id)) == 1
    await desk.later("lease_until")
    assert await desk.publish() == []
    [ended] = await desk.expire()
    assert (ended.id, ended.outcome, ended.last_error) == (job.id, None, "The AI stopped while working on this")


async def test_a_result_is_kept_with_the_end_of_its_run(desk: WorkerContext) -> None:
    job = await desk.running()
    assert await desk.end(job, payload={"n": 1})
    assert not await desk.end(job, payload={"n": 2})
    assert await desk.account.execute("SELECT payload FROM ai_results") == [({"n": 1},)]


async def test_a_sure_finding_sets_the_priority_and_is_logged(desk: WorkerContext) -> None:
    job = await desk.running()
    settled = await desk.settle(runs.AttemptResult(run=job, status="done", outcome="done", priority="urgent"))
    assert settled.reprioritized == {(desk.account.id, desk.account.conversation)}
    assert (await desk.account.see(desk.account.agent)).priority == "urgent"
    assert (await desk.account.log())[-1] == ("priority_changed", "system", {"from": "medium", "to": "urgent"})
    again = await desk.running()
    settled = await desk.settle(runs.AttemptResult(run=again, status="done", outcome="done", priority="urgent"))
    assert settled.reprioritized == set()


async def test_a_question_wakes_the_relay_when_it_is_committed(desk: WorkerContext) -> None:
    listening = desk.relay.listen("hummdesk_runs")
    assert await anext(listening) == ("", "")
    await desk.account.send(desk.account.customer)
    async with asyncio.timeout(5):
        assert await anext(listening) == ("hummdesk_runs", "")
    await listening.aclose()


async def test_the_depth_counts_what_has_not_ended(desk: WorkerContext) -> None:
    job = await desk.running()
    await desk.account.send(desk.account.customer)
    await desk.account.send(desk.account.customer)
    async with desk.all_accounts() as tx:
        depth = {(one.kind, one.status): one for one in await run_dispatch.open_runs(tx)}
    assert {place: one.count for place, one in depth.items()} == {
        ("classification", "running"): 1,
        ("classification", "pending"): 2,
    }
    assert all(0 < one.oldest_seconds < 5 for one in depth.values())
    await desk.end(job)
    async with desk.all_accounts() as tx:
        assert [one.status for one in await run_dispatch.open_runs(tx)] == ["pending"]


async def test_a_run_of_another_account_is_out_of_reach(desk: WorkerContext) -> None:
    job = await desk.running()
    verdict = runs.AttemptResult(run=job, status="done", outcome="done", payload={})
    async with desk.worker.accounts([new_id()]) as tx:
        assert await claim(tx, job.key) == []
        assert (await runs.settle(tx, [verdict], quiet_seconds=0)).ended == []
        assert await runs.mark_published(tx, [job.key]) == 0
    async with desk.account.app.accounts([desk.account.id]) as tx:  # whose role has no part in this
        assert (await runs.settle(tx, [verdict], quiet_seconds=0)).ended == []
