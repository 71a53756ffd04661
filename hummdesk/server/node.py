"""One web process: its start, its graceful shutdown and its end."""

import asyncio
from contextlib import suppress
from pathlib import Path

from hummdesk.core.background import end
from hummdesk.core.config import Settings
from hummdesk.core.errors import Unavailable
from hummdesk.core.periodic import Periodic
from hummdesk.server import maintenance
from hummdesk.server.admin_ui import AdminUi
from hummdesk.server.change_watcher import ChangeWatcher
from hummdesk.server.composition import compose
from hummdesk.server.engine_adapter import EngineAdapter


class Node:
    def __init__(self, settings: Settings, *, max_http_bytes: int, handover_directory: Path | None) -> None:
        self.adapter = EngineAdapter(settings, max_http_bytes=max_http_bytes, handover_directory=handover_directory)
        self.components = compose(settings, self.adapter.server)
        self.context = self.adapter.context = self.components.context
        self.server = self.adapter.server
        self.is_stopping = False
        self._admin_ui = AdminUi.of(self.server, settings, node=self.context.node)
        self._watcher = ChangeWatcher(self.context)
        self._periodic: list[Periodic] = []

    async def start(self) -> None:
        await self.context.database.open()
        await self.components.routing_database.open()
        await self.components.writer_connection.open()
        self._periodic = maintenance.runners(self.context)
        for runner in self._periodic:
            runner.start()
        self._watcher.start()

    async def close_sockets(self) -> None:
        """Answer the requests that have arrived, then ask every client to reconnect and close its socket."""
        self.is_stopping = True
        self.context.feed_polls.close()
        with suppress(TimeoutError):
            async with asyncio.timeout(self.context.settings.shutdown_seconds):
                await self.server.wait_handled()
                for session in list(self.context.sockets.sessions.values()):
                    self.context.sockets.close(
                        session,
                        code="SERVER_SHUTDOWN",
                        message="The server is stopping; reconnect",
                        reconnect=True,
                        is_recoverable=True,
                    )
                await self.server.wait_handled()
                await self.server.eio.wait_closed()

    async def stop(self) -> None:
        """Stop the periodic work, then store and publish everything that is pending, then close the connections."""
        await asyncio.gather(*(runner.stop() for runner in self._periodic))
        await self._watcher.stop()
        await self.context.inbox_counts.stop()
        if self._admin_ui is not None:
            await end(*self._admin_ui.tasks)
        await self.server.shutdown()
        await self.context.router.close()
        await self.context.writer.drain()
        await self.components.stream_writer.drain(timeout=self.context.settings.shutdown_seconds)
        with suppress(Unavailable):
            await self.context.writer.remove_published()
        with suppress(Unavailable):
            await self.context.socket_counts.remove(self.context.node)
            await maintenance.report_changed_counts(self.context)
        await self._close()

    async def _close(self) -> None:
        context = self.context
        await context.reader.stop()
        for part in (
            self.components.stream_writer,
            context.recovery_store,
            context.presence,
            context.viewers,
            context.draft_progress,
            context.socket_counts,
            context.rate_limits,
            self.components.writer_connection,
            self.components.routing_database,
            context.database,
        ):
            await part.close()
