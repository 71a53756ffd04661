"""Runs that a model outside answers are passed on to workers of their own: however slow it is, nobody else waits."""

import asyncio
from collections.abc import Sequence
from typing import cast
from uuid import UUID

from hummdesk.core.broker import QUEUES, TASKS, Queue
from hummdesk.core.models import RunKind
from hummdesk.storage import accounts
from hummdesk.storage.runs import RunKey
from tasks.app import app
from tasks.context import WorkerContext


async def pass_on(worker: WorkerContext, refs: Sequence[RunKey], *, kind: RunKind, here: str) -> list[RunKey]:
    """Those that are to be tried `here`, in the queue by this name of the broker.

    What is passed on is not claimed. If it is lost with the broker, the relay publishes it anew.
    """
    outside = worker.settings.providers[1:]
    if not outside or here != QUEUES[kind]:
        return list(refs)
    providers = await _providers(worker, refs)
    for provider in outside:
        if theirs := [ref for ref in refs if providers[ref[0]] == provider]:
            await asyncio.to_thread(_send, theirs, kind, provider)
    return [ref for ref in refs if providers[ref[0]] not in outside]


async def _providers(worker: WorkerContext, refs: Sequence[RunKey]) -> dict[UUID, str]:
    """By account, who answers for it."""
    wanted = {account_id for account_id, _ in refs}
    async with worker.database.accounts(wanted) as tx:
        chosen = await accounts.providers(tx, wanted)
    return {account_id: chosen.get(account_id) or worker.settings.ai_provider for account_id in wanted}


def _send(refs: Sequence[RunKey], kind: RunKind, provider: str) -> None:
    """In a thread: kombu blocks."""
    runs = [[str(account_id), str(run_id)] for account_id, run_id in refs]
    app.send_task(TASKS[kind], args=(runs,), queue=QUEUES[cast(Queue, f"{kind}.{provider}")], retry=False)
