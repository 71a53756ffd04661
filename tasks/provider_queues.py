"""Forwarding runs of external models to queues with workers of their own: a slow model delays no other run."""

import asyncio
from collections.abc import Iterable, Sequence
from typing import cast
from uuid import UUID

from hummdesk.core.broker import QUEUES, RUN_QUEUES, TASKS, Queue
from hummdesk.core.models import RunKind
from hummdesk.storage import accounts
from hummdesk.storage.runs import RunKey
from tasks.app import app
from tasks.context import WorkerContext
from tasks.database_retry import retry_while_unavailable
from tasks.provider_policy import partition


async def forward(worker: WorkerContext, keys: Sequence[RunKey], *, kind: RunKind, queue: str) -> list[RunKey]:
    """Forward runs of external models, and return those to be processed in this queue of the broker.

    A forwarded run is not claimed. If the broker loses it, the relay sends it again.
    """
    external = worker.settings.providers[1:]
    if not external or queue != QUEUES[RUN_QUEUES[kind]]:
        return list(keys)
    own, forwarded = partition(keys, await _providers(worker, {account_id for account_id, _ in keys}), external)
    for provider, provider_keys in forwarded.items():
        await asyncio.to_thread(_send, provider_keys, kind, provider)
    return own


async def _providers(worker: WorkerContext, account_ids: Iterable[UUID]) -> dict[UUID, str]:
    """The provider of each account."""

    async def read() -> dict[UUID, str]:
        async with worker.database.accounts(account_ids) as tx:
            return await accounts.providers(tx, account_ids)

    chosen = await retry_while_unavailable(worker.settings, read)
    return {account_id: chosen.get(account_id) or worker.settings.ai_provider for account_id in account_ids}


def _send(keys: Sequence[RunKey], kind: RunKind, provider: str) -> None:
    """Call in a thread: kombu blocks. One more attempt replaces a connection that was lost while it was idle."""
    argument = [[str(account_id), str(run_id)] for account_id, run_id in keys]
    queue = cast(Queue, f"{RUN_QUEUES[kind]}.{provider}")
    app.send_task(TASKS[kind], args=(argument,), queue=QUEUES[queue], retry_policy={"max_retries": 1})
