"""What all Celery tasks of a worker process share."""

from dataclasses import dataclass

from hummdesk.bus.assist_requests import AssistRequests
from hummdesk.bus.draft_progress import DraftProgress
from hummdesk.bus.task_queues import TaskQueues
from hummdesk.core.config import Settings
from hummdesk.publish.broadcast import BroadcastService
from hummdesk.storage.database import Database
from tasks.provider_choice import ProviderSelector


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerContext:
    settings: Settings
    database: Database
    broadcast: BroadcastService
    progress: DraftProgress
    assists: AssistRequests
    queues: TaskQueues
    providers: ProviderSelector
