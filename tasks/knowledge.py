"""Bulk tasks: learn from the agents' replies of an account, and index its knowledge."""

from uuid import UUID

from hummdesk.ai import knowledge_base
from hummdesk.core.broker import UPDATE_KNOWLEDGE
from tasks.app import app
from tasks.context import WorkerContext
from tasks.worker_process import worker_process


@app.task(name=UPDATE_KNOWLEDGE)
def update_knowledge(account_id: str) -> None:
    """Process one batch, and enqueue a task for the next: an account with a large backlog does not block the others."""

    async def work(worker: WorkerContext) -> None:
        more = await knowledge_base.learn(worker.database, UUID(account_id))
        if await knowledge_base.index(worker.database, UUID(account_id)) or more:
            enqueue_update(UUID(account_id))

    worker_process().run(work)


def enqueue_update(account_id: UUID) -> None:
    """Enqueue the task. If the broker loses it, the next draft or reply of the account enqueues it again."""
    app.send_task(UPDATE_KNOWLEDGE, args=(str(account_id),))
