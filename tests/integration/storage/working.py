"""An account with the relay and a worker beside it."""

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any
from uuid import UUID

from psycopg import sql

from hummdesk.core.ids import new_id
from hummdesk.core.models import RunOutcome
from hummdesk.storage import run_dispatch, runs
from hummdesk.storage.database import Database, Transaction

TERMS: dict[str, Any] = {"lease_seconds": 30, "deadline_seconds": 60}


MAX_ATTEMPTS = 2


class WorkerContext:
    """One account with the relay and a worker beside it."""

    def __init__(self, account: Any, relay: Database, worker: Database) -> None:
        self.account = account
        self.relay = relay
        self.worker = worker

    def all_accounts(self) -> AbstractAsyncContextManager[Transaction]:
        return self.relay.all_accounts()

    def tx(self) -> AbstractAsyncContextManager[Transaction]:
        return self.worker.accounts([self.account.id])

    async def publish(self) -> list[run_dispatch.DueRun]:
        """What is due, or was lost."""
        async with self.all_accounts() as tx:
            return [
                *await run_dispatch.take_due(tx, 10, **TERMS),
                *await run_dispatch.take_lost(tx, 10, lease_seconds=30, max_attempts=MAX_ATTEMPTS),
            ]

    async def claim(self, *run_ids: UUID, delivery: UUID | None = None) -> list[runs.ClaimedRun]:
        async with self.tx() as tx:
            return await claim(tx, *((self.account.id, run_id) for run_id in run_ids), delivery=delivery)

    async def running(self) -> runs.ClaimedRun:
        """A run that somebody has asked for and a worker has just claimed."""
        await self.account.send(self.account.customer)
        [ref] = await self.publish()
        [job] = await self.claim(ref.id)
        return job

    async def settle(self, *verdicts: runs.AttemptResult, quiet_seconds: float = 0) -> runs.Settlement:
        async with self.tx() as tx:
            return await runs.settle(tx, verdicts, quiet_seconds=quiet_seconds)

    async def end(self, job: runs.ClaimedRun, outcome: RunOutcome = "done", **more: Any) -> bool:
        settled = await self.settle(runs.AttemptResult(run=job, status="done", outcome=outcome, **more))
        return job.id in {ended.id for ended in settled.ended}

    async def fail(self, job: runs.ClaimedRun) -> bool:
        return bool((await self.settle(runs.AttemptResult(run=job, status="failed", error="no answer"))).ended)

    async def retry(self, job: runs.ClaimedRun, delay_seconds: float) -> bool:
        verdict = runs.AttemptResult(run=job, status="pending", error="429", delay_seconds=delay_seconds)
        return job.id in (await self.settle(verdict)).retried

    async def announced(self, job: runs.ClaimedRun) -> int:
        async with self.tx() as tx:
            return await runs.mark_published(tx, [job.key])

    async def expire(self) -> list[runs.EndedRun]:
        async with self.all_accounts() as tx:
            return await run_dispatch.fail_expired(tx, 10, max_attempts=MAX_ATTEMPTS)

    async def unpublished(self, *, older_than_seconds: float = 0) -> list[runs.EndedRun]:
        async with self.all_accounts() as tx:
            return await run_dispatch.unpublished(tx, 10, older_than_seconds=older_than_seconds)

    async def later(self, column: str) -> None:
        """Let the time in this column pass."""
        statement = sql.SQL("UPDATE ai_runs SET {} = now() - interval '1 s'").format(sql.Identifier(column))
        await self.account.execute(statement.as_string())


async def claim(tx: Transaction, *refs: runs.RunKey, delivery: UUID | None = None) -> list[runs.ClaimedRun]:
    return await runs.claim(tx, refs, delivery=delivery or new_id(), lease_seconds=30, history_limit=5)


@asynccontextmanager
async def working(account: Any) -> AsyncIterator[WorkerContext]:
    relay = Database(account.url, role="hummdesk_relay", size=2, timeout=5)
    await relay.open()
    worker = Database(account.url, role="hummdesk_worker", size=10, timeout=5)
    await worker.open()
    yield WorkerContext(account, relay, worker)
    await relay.close()
    await worker.close()
