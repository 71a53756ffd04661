"""The life of AI runs: an account, with the statements of relay and worker."""

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any
from uuid import UUID

from psycopg import sql

from hummdesk.core.ids import new_id
from hummdesk.core.models import RunOutcome
from hummdesk.storage import run_dispatch, runs
from hummdesk.storage.database import Database, Transaction

DISPATCH: dict[str, Any] = {"lease_seconds": 30, "deadline_seconds": 60}

MAX_ATTEMPTS = 2

ENDED_AND_WAITING = "SELECT id FROM ai_runs WHERE published_at IS NULL AND finished_at IS NOT NULL"
"""Runs that have ended and are still in the index of those that wait for the relay."""


class RunWorkflow:
    """An account with connections of the relay and of a worker."""

    def __init__(self, account: Any, relay: Database, worker: Database) -> None:
        self.account = account
        self.relay = relay
        self.worker = worker

    def all_accounts(self) -> AbstractAsyncContextManager[Transaction]:
        return self.relay.all_accounts()

    def tx(self) -> AbstractAsyncContextManager[Transaction]:
        return self.worker.accounts([self.account.id])

    async def dispatch(self) -> list[run_dispatch.DueRun]:
        """Take the runs that are due or lost, as the relay does."""
        async with self.all_accounts() as tx:
            return [
                *await run_dispatch.take_due(tx, 10, **DISPATCH),
                *await run_dispatch.take_lost(tx, 10, lease_seconds=30, max_attempts=MAX_ATTEMPTS),
            ]

    async def claim(self, *run_ids: UUID, delivery: UUID | None = None) -> list[runs.ClaimedRun]:
        async with self.tx() as tx:
            return await claim(tx, *((self.account.id, run_id) for run_id in run_ids), delivery=delivery)

    async def claimed(self) -> runs.ClaimedRun:
        """A run for a new message, just claimed by a worker."""
        await self.account.send(self.account.customer)
        [due] = await self.dispatch()
        [run] = await self.claim(due.id)
        return run

    async def settle(self, *results: runs.AttemptResult, quiet_seconds: float = 0) -> runs.Settlement:
        async with self.tx() as tx:
            return await runs.settle(tx, results, quiet_seconds=quiet_seconds)

    async def end(self, run: runs.ClaimedRun, outcome: RunOutcome = "done", **more: Any) -> bool:
        settlement = await self.settle(runs.AttemptResult(run=run, status="done", outcome=outcome, **more))
        return run.id in {ended.id for ended in settlement.ended}

    async def fail(self, run: runs.ClaimedRun) -> bool:
        return bool((await self.settle(runs.AttemptResult(run=run, status="failed", error="no answer"))).ended)

    async def retry(self, run: runs.ClaimedRun, delay_seconds: float) -> bool:
        result = runs.AttemptResult(run=run, status="pending", error="429", delay_seconds=delay_seconds)
        return run.id in (await self.settle(result)).retried

    async def mark_published(self, run: runs.ClaimedRun) -> int:
        async with self.tx() as tx:
            return await runs.mark_published(tx, [run.key])

    async def expire(self) -> list[runs.EndedRun]:
        async with self.all_accounts() as tx:
            return await run_dispatch.fail_expired(tx, 10, max_attempts=MAX_ATTEMPTS)

    async def unpublished(self, *, older_than_seconds: float = 0) -> list[runs.EndedRun]:
        async with self.all_accounts() as tx:
            return await run_dispatch.unpublished(tx, 10, older_than_seconds=older_than_seconds)

    async def expire_time(self, column: str) -> None:
        """Move the time in this column into the past."""
        statement = sql.SQL("UPDATE ai_runs SET {} = now() - interval '1 s'").format(sql.Identifier(column))
        await self.account.execute(statement.as_string())


async def claim(tx: Transaction, *keys: runs.RunKey, delivery: UUID | None = None) -> list[runs.ClaimedRun]:
    return await runs.claim(tx, keys, delivery=delivery or new_id(), lease_seconds=30, history_limit=5)


@asynccontextmanager
async def run_workflow(account: Any) -> AsyncIterator[RunWorkflow]:
    relay = Database(account.url, role="hummdesk_relay", size=2, timeout=20)
    await relay.open()
    worker = Database(account.url, role="hummdesk_worker", size=10, timeout=20)
    await worker.open()
    yield RunWorkflow(account, relay, worker)
    await relay.close()
    await worker.close()
