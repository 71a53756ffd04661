"""The event loop of a worker process, which its Celery tasks share."""

import asyncio
from collections.abc import Callable, Coroutine
from contextlib import AsyncExitStack
from functools import cache
from typing import Any

import uvloop
from celery import signals

from hummdesk.bus.assist_requests import AssistRequests
from hummdesk.bus.commands import Commands
from hummdesk.bus.draft_progress import DraftProgress
from hummdesk.bus.task_queues import open_task_queues
from hummdesk.core.config import Settings
from hummdesk.core.epochs import Epochs
from hummdesk.publish.broadcast import open_broadcast_service
from hummdesk.storage.database import Database
from hummdesk.storage.logins import url_of
from tasks.app import settings
from tasks.context import WorkerContext
from tasks.provider_choice import ProviderSelector


class WorkerProcess:
    """Runs coroutines of Celery tasks, one after another, on one event loop."""

    def __init__(self, settings: Settings) -> None:
        self._runner = asyncio.Runner(loop_factory=uvloop.new_event_loop)
        self._resources = AsyncExitStack()
        self._context = self._runner.run(self._open(settings))

    def run(self, work: Callable[[WorkerContext], Coroutine[Any, Any, None]]) -> None:
        self._runner.run(work(self._context))

    def close(self) -> None:
        self._runner.run(self._resources.aclose())
        self._runner.close()

    async def _open(self, settings: Settings) -> WorkerContext:
        url, epochs = url_of(settings, "worker"), Epochs()
        database = Database(
            url,
            role="hummdesk_worker",
            size=2,
            timeout=settings.db_timeout_seconds,
            pipelined=True,
            epochs=epochs,
        )
        await database.open()
        self._resources.push_async_callback(database.close)
        providers = ProviderSelector(settings, database)
        self._resources.push_async_callback(providers.close)
        progress = DraftProgress(Commands.of(settings.redis))
        self._resources.push_async_callback(progress.close)
        assists = AssistRequests(Commands.of(settings.redis))
        self._resources.push_async_callback(assists.close)
        queues = open_task_queues(settings)
        self._resources.push_async_callback(queues.close)
        return WorkerContext(
            settings=settings,
            database=database,
            broadcast=await self._resources.enter_async_context(open_broadcast_service(settings, epochs)),
            progress=progress,
            assists=assists,
            queues=queues,
            providers=providers,
        )


@cache
def worker_process() -> WorkerProcess:
    """Created by the first task of the process: connections and event loops do not survive the fork."""
    return WorkerProcess(settings)


@signals.worker_process_shutdown.connect
def _close(**_: Any) -> None:
    if worker_process.cache_info().currsize:
        worker_process().close()
