"""Bulk work: an account's agents are learned from, and what no draft has taken the time for is indexed."""

from typing import Any
from uuid import UUID

from hummdesk.ai import knowledge_base
from hummdesk.core.broker import UPDATE_KNOWLEDGE
from tasks.app import app
from tasks.context import WorkerContext, child


@app.task(name=UPDATE_KNOWLEDGE)
def index(account_id: str) -> None:
    """One batch, and the next one as a task of its own, so that one account's thousands hold no other's up."""

    async def work(worker: WorkerContext) -> None:
        more = await knowledge_base.learn(worker.database, UUID(account_id))
        if await knowledge_base.index(worker.database, UUID(account_id)) or more:
            order(account_id)

    child().run(work)


def order(account_id: Any) -> None:
    """If the order is lost with the broker, the account's next draft or answer has it ordered again."""
    app.send_task(UPDATE_KNOWLEDGE, args=(str(account_id),))
