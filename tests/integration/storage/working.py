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

    def everywhere(self) -> AbstractAsyncContextManager[Transaction]:
        return self.relay.everywhere()

    def tx(self) -> AbstractAsyncContextManager[Transaction]:
        return self.worker.accounts([self.account.id])

    async def publish(self) -> list[run_dispatch.RunRef]:
        """What is due, or was lost."""
        async with self.everywhere() as tx:
            return [
                *await run_dispatch.publishable(tx, 10, **TERMS),
                *await run_dispatch.republishable(tx, 10, lease_seconds=30, max_attempts=MAX_ATTEMPTS),
            ]

    async def claim(self, *run_ids: UUID, delivery: UUID | None = None) -> list[runs.Job]:
        async with self.tx() as tx:
            return await claim(tx, *((self.account.id, run_id) for run_id in run_ids), delivery=delivery)

    async def running(self) -> runs.Job:
        """A run that somebody has asked for and a worker has just claimed."""
        await self.account.send(self.account.customer)
        [ref] = await self.publish()
        [job] = await self.claim(ref.id)
        return job

    async def settle(self, *verdicts: runs.Verdict, quiet_seconds: float = 0) -> runs.Settled:
        async with self.tx() as tx:
            return await runs.settle(tx, verdicts, quiet_seconds=quiet_seconds)

    async def end(self, job: runs.Job, outcome: RunOutcome = "done", **more: Any) -> bool:
        settled = await self.settle(runs.Verdict(job=job, status="done", outcome=outcome, **more))
        return job.id in {ended.id for ended in settled.ended}

    async def fail(self, job: runs.Job) -> bool:
        return bool((await self.settle(runs.Verdict(job=job, status="failed", error="no answer"))).ended)

    async def retry(self, job: runs.Job, delay_seconds: float) -> bool:
        verdict = runs.Verdict(job=job, status="pending", error="429", delay_seconds=delay_seconds)
        return job.id in (await self.settle(verdict)).again

    async def announced(self, job: runs.Job) -> int:
        async with self.tx() as tx:
            return await runs.announced(tx, [job.ref])

    async def expire(self) -> list[runs.Ended]:
        async with self.everywhere() as tx:
            return await run_dispatch.expired(tx, 10, max_attempts=MAX_ATTEMPTS)

    async def unannounced(self, *, older_than_seconds: float = 0) -> list[runs.Ended]:
        async with self.everywhere() as tx:
            return await run_dispatch.unannounced(tx, 10, older_than_seconds=older_than_seconds)

    async def later(self, column: str) -> None:
        """Let the time in this column pass."""
        statement = sql.SQL("UPDATE ai_runs SET {} = now() - interval '1 s'").format(sql.Identifier(column))
        await self.account.execute(statement.as_string())


async def claim(tx: Transaction, *refs: runs.Ref, delivery: UUID | None = None) -> list[runs.Job]:
    return await runs.claim(tx, refs, delivery=delivery or new_id(), lease_seconds=30, turns=5)


@asynccontextmanager
async def working(account: Any) -> AsyncIterator[WorkerContext]:
    relay = Database(account.url, role="hummdesk_relay", size=2, timeout=5)
    await relay.open()
    worker = Database(account.url, role="hummdesk_worker", size=10, timeout=5)
    await worker.open()
    yield WorkerContext(account, relay, worker)
    await relay.close()
    await worker.close()
