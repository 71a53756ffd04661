"""Whether tasks of live AI runs wait for workers; bulk tasks then pause."""

from hummdesk.core.broker import active_queues
from tasks.context import WorkerContext


async def is_waiting(worker: WorkerContext) -> bool:
    """Only in queues that have workers: tasks of a provider that was removed stay in its queue."""
    for queue in active_queues(worker.settings):
        if queue != "bulk" and await worker.queues.length(queue):
            return True
    return False
