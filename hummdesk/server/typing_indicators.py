"""Typing indicators: published for a typing person, and ended by a timeout."""

import asyncio
from uuid import UUID

from hummdesk.core.background import soon
from hummdesk.publish.events.presence import TypingStart, TypingStop
from hummdesk.publish.publisher import Publisher
from hummdesk.server.sockets import ClientSession


class TypingIndicators:
    """The typing indicators of the sockets of this process."""

    def __init__(self, publisher: Publisher, *, timeout: float) -> None:
        self._publisher = publisher
        self._timeout = timeout
        self._timers: dict[tuple[str, UUID], asyncio.TimerHandle] = {}

    async def start(self, session: ClientSession, conversation_id: UUID) -> None:
        """Publish that a person is typing, also when it continues: for those who have joined in between."""
        self._cancel(session, conversation_id)
        loop = asyncio.get_running_loop()
        key = (session.sid, conversation_id)
        self._timers[key] = loop.call_later(self._timeout, lambda: soon(self.stop(session, conversation_id)))
        await self._publisher.publish(TypingStart.of(session.authenticated_person, conversation_id))

    async def stop(self, session: ClientSession, conversation_id: UUID) -> None:
        if self._cancel(session, conversation_id) and session.person is not None:
            await self._publisher.publish(TypingStop.of(session.person, conversation_id))

    async def stop_all(self, session: ClientSession) -> None:
        for sid, conversation_id in list(self._timers):
            if sid == session.sid:
                await self.stop(session, conversation_id)

    def _cancel(self, session: ClientSession, conversation_id: UUID) -> bool:
        timer = self._timers.pop((session.sid, conversation_id), None)
        if timer is not None:
            timer.cancel()
        return timer is not None
