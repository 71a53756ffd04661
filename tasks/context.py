"""What a worker process holds from one task to the next: an event loop, and the parts that live on it."""

import asyncio
from collections.abc import Callable, Coroutine
from contextlib import AsyncExitStack
from dataclasses import dataclass
from functools import cache
from typing import Any

import uvloop
from celery import signals

from hummdesk.core.config import Settings
from hummdesk.publish import broadcast
from hummdesk.publish.broadcast import BroadcastService
from hummdesk.storage.database import Database
from tasks.app import settings
from tasks.provider_choice import Adviser


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerContext:
    settings: Settings
    database: Database
    broadcast: BroadcastService
    adviser: Adviser


class Child:
    def __init__(self, settings: Settings) -> None:
        self._runner = asyncio.Runner(loop_factory=uvloop.new_event_loop)
        self._held = AsyncExitStack()
        self._context = self._runner.run(self._open(settings))

    def run(self, work: Callable[[WorkerContext], Coroutine[Any, Any, None]]) -> None:
        self._runner.run(work(self._context))

    def close(self) -> None:
        self._runner.run(self._held.aclose())
        self._runner.close()

    async def _open(self, settings: Settings) -> WorkerContext:
        database = Database(
            settings.postgres, role="hummdesk_worker", size=2, timeout=settings.db_timeout_seconds, hurried=True
        )
        await database.open()
        self._held.push_async_callback(database.close)
        adviser = Adviser(settings, database)
        self._held.push_async_callback(adviser.close)
        return WorkerContext(
            settings=settings,
            database=database,
            broadcast=await self._held.enter_async_context(broadcast.from_settings(settings)),
            adviser=adviser,
        )


@cache
def child() -> Child:
    """Made by a process's first task: connections and loops do not survive the fork."""
    return Child(settings)


@signals.worker_process_shutdown.connect
def _close(**_: Any) -> None:
    if child.cache_info().currsize:
        child().close()
