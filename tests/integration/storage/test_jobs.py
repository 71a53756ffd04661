import asyncio
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager
from typing import Any
from uuid import UUID

import psycopg
import pytest
from psycopg import sql

from hummdesk.storage import conversations, jobs
from hummdesk.storage.database import Database, Transaction
from hummdesk.storage.ids import new_id

TERMS: dict[str, Any] = {"lease_seconds": 30, "deadline_seconds": 60, "max_attempts": 2}


class Desk:
    """One account with the relay beside it."""

    def __init__(self, account: Any, relay: Database) -> None:
        self.account = account
        self.relay = relay

    def everywhere(self) -> AbstractAsyncContextManager[Transaction]:
        return self.relay.everywhere()

    async def publish(self, **terms: Any) -> list[jobs.JobRef]:
        async with self.everywhere() as tx:
            return await jobs.publishable(tx, 10, **TERMS | terms)

    async def claim(self, run_id: UUID) -> jobs.Job | None:
        async with self.account.tx() as tx:
            return await jobs.claim(tx, run_id, lease_seconds=30)

    async def running(self) -> jobs.Job:
        """A run that somebody has asked for and a worker has just claimed."""
        await self.account.send(self.account.customer)
        [ref] = await self.publish()
        job = await self.claim(ref.id)
        assert job is not None
        return job

    async def end(self, run_id: UUID, outcome: jobs.Outcome = "done") -> bool:
        async with self.account.tx() as tx:
            return await jobs.finish(tx, run_id, outcome=outcome)

    async def expire(self) -> list[jobs.Ended]:
        async with self.everywhere() as tx:
            return await jobs.expired(tx, 10, max_attempts=TERMS["max_attempts"])

    async def unannounced(self, *, older_than_seconds: float = 0) -> list[jobs.Ended]:
        async with self.everywhere() as tx:
            return await jobs.unannounced(tx, 10, older_than_seconds=older_than_seconds)

    async def later(self, column: str) -> None:
        """Let the time in this column pass."""
        statement = sql.SQL("UPDATE ai_jobs SET {} = now() - interval '1 s'").format(sql.Identifier(column))
        await self.account.execute(statement.as_string())


@pytest.fixture
async def desk(alone: Any) -> AsyncIterator[Desk]:
    relay = Database(alone.url, role="hummdesk_relay", size=2, timeout=5)
    await relay.open()
    yield Desk(alone, relay)
    await relay.close()


async def test_a_question_is_published_once(desk: Desk) -> None:
    await desk.account.send(desk.account.customer)
    [ref] = await desk.publish()
    assert (ref.account_id, ref.kind, ref.attempts) == (desk.account.id, "classification", 0)
    assert await desk.publish() == []


async def test_the_deadline_runs_from_the_first_publication(desk: Desk) -> None:
    await desk.account.send(desk.account.customer)
    query = "SELECT (deadline_at - published_at) BETWEEN '59 s' AND '61 s', deadline_at FROM ai_jobs"
    await desk.publish()
    [(right, deadline)] = await desk.account.execute(query)
    assert right
    await desk.later("lease_until")
    await desk.publish()
    assert [(right, deadline)] == await desk.account.execute(query)


async def test_two_relays_do_not_publish_the_same(desk: Desk) -> None:
    await desk.account.send(desk.account.customer)
    async with desk.everywhere() as first:
        assert len(await jobs.publishable(first, 10, **TERMS)) == 1
        assert await desk.publish() == []


async def test_what_is_published_in_vain_comes_again(desk: Desk) -> None:
    await desk.account.send(desk.account.customer)
    first = await desk.publish()
    await desk.later("lease_until")
    assert await desk.publish() == first


async def test_a_job_knows_what_its_worker_needs(desk: Desk) -> None:
    account = desk.account
    sent = await account.send(account.customer, "Help")
    await account.send(account.agent, private=True)
    async with account.tx() as tx:
        await conversations.assign(
            tx, actor=account.agent, conversation_id=account.conversation, agent_id=account.agent.id, team_id=None
        )
    [ref] = await desk.publish()
    job = await desk.claim(ref.id)
    assert job is not None
    assert (job.id, job.account_id, job.kind, job.attempts) == (ref.id, account.id, "classification", 1)
    assert (job.message, job.assigned_to) == (sent.message, account.agent.id)


async def test_a_second_delivery_does_nothing(desk: Desk) -> None:
    job = await desk.running()
    assert await desk.claim(job.id) is None
    assert await desk.end(job.id)
    assert await desk.claim(job.id) is None
    assert await desk.publish() == []


async def test_a_second_delivery_does_not_wait_for_the_first(desk: Desk) -> None:
    await desk.account.send(desk.account.customer)
    [ref] = await desk.publish()
    async with desk.account.tx() as tx:
        assert await jobs.claim(tx, ref.id, lease_seconds=30) is not None
        assert await desk.claim(ref.id) is None


async def test_of_ten_deliveries_at_once_one_claims(desk: Desk) -> None:
    await desk.account.send(desk.account.customer)
    [ref] = await desk.publish()
    claimed = await asyncio.gather(*(desk.claim(ref.id) for _ in range(10)))
    assert len([job for job in claimed if job is not None]) == 1


async def test_who_claims_before_the_relay_is_told_has_it(desk: Desk) -> None:
    await desk.account.send(desk.account.customer)
    [[run_id]] = await desk.account.execute("SELECT id FROM ai_jobs")
    assert await desk.claim(run_id) is not None
    assert await desk.publish() == []


async def test_a_lost_worker_leaves_its_run_to_the_next(desk: Desk) -> None:
    job = await desk.running()
    await desk.later("lease_until")
    [ref] = await desk.publish()
    again = await desk.claim(ref.id)
    assert again is not None
    assert (again.attempts, again.started_at) == (2, job.started_at)


async def test_a_run_ends_once(desk: Desk) -> None:
    job = await desk.running()
    async with desk.account.tx() as tx:
        assert await jobs.finish(tx, job.id, outcome="superseded")
        assert not await jobs.finish(tx, job.id, outcome="done")
        assert not await jobs.fail(tx, job.id, error="late")
        assert not await jobs.retry_later(tx, job.id, delay_seconds=0, error="late")
    states = await desk.account.execute("SELECT status, outcome, last_error FROM ai_jobs")
    assert states == [("done", "superseded", None)]


async def test_what_does_not_run_cannot_be_ended(desk: Desk) -> None:
    await desk.account.send(desk.account.customer)
    [ref] = await desk.publish()
    assert not await desk.end(ref.id)
    assert not await desk.end(new_id())


async def test_a_retry_waits(desk: Desk) -> None:
    job = await desk.running()
    async with desk.account.tx() as tx:
        assert await jobs.retry_later(tx, job.id, delay_seconds=60, error="429")
    assert await desk.publish() == []
    assert await desk.claim(job.id) is None  # a second delivery of the first publication
    await desk.later("available_at")
    [ref] = await desk.publish()
    assert (ref.id, ref.attempts) == (job.id, 1)


async def test_a_failed_run_is_announced_by_who_failed_it(desk: Desk) -> None:
    job = await desk.running()
    async with desk.account.tx() as tx:
        assert not await jobs.announced(tx, job.id)
        assert await jobs.fail(tx, job.id, error="no answer")
    assert await desk.unannounced(older_than_seconds=60) == []
    async with desk.account.tx() as tx:
        assert await jobs.announced(tx, job.id)
        assert not await jobs.announced(tx, job.id)
    assert await desk.unannounced() == []


async def test_what_ended_in_silence_is_announced_by_the_relay_once(desk: Desk) -> None:
    job = await desk.running()
    assert await desk.end(job.id, "abstained")
    async with desk.everywhere() as tx:
        assert len(await jobs.unannounced(tx, 10, older_than_seconds=0)) == 1
        await tx.rollback()  # as when it could not be emitted
    [ended] = await desk.unannounced()
    assert (ended.id, ended.account_id, ended.kind) == (job.id, desk.account.id, "classification")
    assert (ended.conversation_id, ended.message_id) == (desk.account.conversation, job.message.id)
    assert (ended.outcome, ended.last_error, ended.started_at) == ("abstained", None, job.started_at)
    assert await desk.unannounced() == []


async def test_past_the_deadline_a_run_has_failed(desk: Desk) -> None:
    job = await desk.running()
    assert await desk.expire() == []
    await desk.later("deadline_at")
    [ended] = await desk.expire()
    assert (ended.id, ended.outcome, ended.last_error) == (job.id, None, "The AI did not answer in time")
    assert not await desk.end(job.id)
    assert await desk.expire() == await desk.unannounced() == await desk.publish() == []


async def test_past_the_deadline_nobody_begins(desk: Desk) -> None:
    await desk.account.send(desk.account.customer)
    [ref] = await desk.publish()
    await desk.later("deadline_at")
    await desk.later("lease_until")
    assert await desk.claim(ref.id) is None
    assert await desk.publish() == []
    assert [ended.id for ended in await desk.expire()] == [ref.id]


async def test_a_job_that_kills_its_workers_is_set_aside(desk: Desk) -> None:
    job = await desk.running()
    await desk.later("lease_until")
    assert await desk.expire() == []
    [ref] = await desk.publish()
    assert await desk.claim(ref.id) is not None
    await desk.later("lease_until")
    assert await desk.publish() == []
    [ended] = await desk.expire()
    assert (ended.id, ended.outcome, ended.last_error) == (job.id, None, "The AI stopped while working on this")


async def test_a_run_keeps_the_first_result(desk: Desk) -> None:
    job = await desk.running()
    async with desk.account.tx() as tx:
        assert await jobs.store_result(tx, job.id, kind="classification", payload={"n": 1})
        assert not await jobs.store_result(tx, job.id, kind="classification", payload={"n": 2})
    assert await desk.account.execute("SELECT payload FROM ai_results") == [({"n": 1},)]


async def test_a_draft_is_asked_for_once_and_wakes_the_relay(desk: Desk) -> None:
    job = await desk.running()
    listening = desk.relay.listen("hummdesk_jobs")
    assert await anext(listening) == ("", "")
    async with desk.account.tx() as tx:
        draft_id = await jobs.add_draft(tx, job)
        assert draft_id is not None
        assert await jobs.add_draft(tx, job) is None
    async with asyncio.timeout(5):
        assert await anext(listening) == ("hummdesk_jobs", "")
    await listening.aclose()
    [ref] = await desk.publish()
    assert (ref.id, ref.kind) == (draft_id, "draft")
    draft = await desk.claim(ref.id)
    assert draft is not None
    assert draft.message == job.message


async def test_a_question_wakes_the_relay_when_it_is_committed(desk: Desk) -> None:
    listening = desk.relay.listen("hummdesk_jobs")
    assert await anext(listening) == ("", "")
    await desk.account.send(desk.account.customer)
    async with asyncio.timeout(5):
        assert await anext(listening) == ("hummdesk_jobs", "")
    await listening.aclose()


async def test_the_depth_counts_what_has_not_ended(desk: Desk) -> None:
    job = await desk.running()
    await desk.account.send(desk.account.customer)
    await desk.account.send(desk.account.customer)
    async with desk.everywhere() as tx:
        depth = {(one.kind, one.status): one for one in await jobs.depth(tx)}
    assert {place: one.jobs for place, one in depth.items()} == {
        ("classification", "running"): 1,
        ("classification", "pending"): 2,
    }
    assert all(0 < one.oldest_seconds < 5 for one in depth.values())
    await desk.end(job.id)
    async with desk.everywhere() as tx:
        assert [one.status for one in await jobs.depth(tx)] == ["pending"]


async def test_a_run_of_another_account_is_out_of_reach(desk: Desk) -> None:
    job = await desk.running()
    async with desk.account.app.account(new_id()) as tx:
        assert not await jobs.finish(tx, job.id, outcome="done")
        assert await jobs.add_draft(tx, job) is None
    with pytest.raises(psycopg.IntegrityError):
        async with desk.account.app.account(new_id()) as tx:
            await jobs.store_result(tx, job.id, kind="draft", payload={})
