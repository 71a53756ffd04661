"""Publication of a draft while a provider generates it: as chunks, about ten a second."""

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import replace

from hummdesk.ai.protocol import Show, show_nothing
from hummdesk.bus.draft_progress import Progress
from hummdesk.core.errors import Unavailable
from hummdesk.publish.events.ai import AIDraftDelta
from hummdesk.storage.runs import ClaimedRun
from tasks.context import WorkerContext

log = logging.getLogger(__name__)

INTERVAL_SECONDS = 0.1
"""Shortest time between two chunks."""


class DraftStream:
    """The draft of one attempt. `show` may be called at any time; `publish` runs until it is cancelled."""

    def __init__(self, worker: WorkerContext, run: ClaimedRun) -> None:
        self._worker = worker
        self._run = run
        self._conversation = (run.account_id, run.message.conversation_id)
        self._progress = Progress(run_id=run.id, attempt=run.attempts)
        self._text = ""
        self._changed = asyncio.Event()

    def show(self, text: str) -> None:
        self._text = text
        self._changed.set()

    async def begin(self) -> None:
        await self._worker.progress.begin(*self._conversation, self._progress)

    async def publish(self) -> None:
        """Publish what is shown, until another run has begun or the draft was erased. Agents who join read it."""
        while True:
            await self._changed.wait()
            self._changed.clear()
            shown = self._progress
            self._progress = replace(shown, index=shown.index + 1, text=self._text)
            if not await self._worker.progress.save(*self._conversation, self._progress):
                return
            await self._worker.broadcast.publisher.publish(self._delta(shown))
            await asyncio.sleep(INTERVAL_SECONDS)

    async def end(self) -> None:
        await self._worker.progress.end(*self._conversation, self._progress)

    def _delta(self, before: Progress) -> AIDraftDelta:
        return AIDraftDelta(
            account_id=self._run.account_id,
            conversation_id=self._run.message.conversation_id,
            run_id=self._run.id,
            attempt=self._run.attempts,
            index=before.index,
            chunk=self._progress.text[len(before.text) :],
            assigned_to=self._run.assigned_to,
        )


@asynccontextmanager
async def shown_draft(worker: WorkerContext, run: ClaimedRun) -> AsyncIterator[Show]:
    """Publish the draft of an attempt during the block. A failure ends the display, and not the attempt.

    A draft of an account with a minimum confidence is not shown before its confidence is known, at its end.
    """
    if run.min_confidence is not None or worker.providers.name_for(run) == "embedded":
        yield show_nothing
        return
    stream = DraftStream(worker, run)
    publishing = asyncio.create_task(_publish(stream))
    try:
        yield stream.show
    finally:
        publishing.cancel()
        await asyncio.wait([publishing])
        with suppress(Unavailable):  # the entry expires
            await stream.end()


async def _publish(stream: DraftStream) -> None:
    try:
        await stream.begin()
        await stream.publish()
    except Unavailable:
        log.warning("ai_draft.display_failed")
