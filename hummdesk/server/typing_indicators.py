"""Typing indicators: published for a typing person, and ended by a timeout."""

import asyncio
from dataclasses import dataclass
from uuid import UUID

from hummdesk.core.background import soon
from hummdesk.publish.events.presence import TypingStart, TypingStop
from hummdesk.publish.publisher import Publisher
from hummdesk.server.sockets import ClientSession


@dataclass(frozen=True, slots=True)
class _Indicator:
    """`private`: a note is being written, and only staff was notified."""

    timer: asyncio.TimerHandle
    private: bool


class TypingIndicators:
    """The typing indicators of the sockets of this process."""

    def __init__(self, publisher: Publisher, *, timeout: float) -> None:
        self._publisher = publisher
        self._timeout = timeout
        self._indicators: dict[tuple[str, UUID], _Indicator] = {}

    async def start(self, session: ClientSession, conversation_id: UUID, *, private: bool = False) -> None:
        """Publish that a person is typing, also when it continues: for those who have joined in between.

        A person who changes from a reply to a note, or back, has stopped typing for the earlier recipients.
        """
        typist = session.authenticated_person
        before = self._cancel(session, conversation_id)
        timer = asyncio.get_running_loop().call_later(self._timeout, lambda: soon(self.stop(session, conversation_id)))
        self._indicators[session.sid, conversation_id] = _Indicator(timer, private)
        if before is not None and before.private != private:
            await self._publisher.publish(TypingStop.of(typist, conversation_id, private=before.private))
        await self._publisher.publish(TypingStart.of(typist, conversation_id, private=private))

    async def stop(self, session: ClientSession, conversation_id: UUID) -> None:
        """Publish the end to those who were notified of the start."""
        ended = self._cancel(session, conversation_id)
        if ended is not None and session.person is not None:
            await self._publisher.publish(TypingStop.of(session.person, conversation_id, private=ended.private))

    async def stop_all(self, session: ClientSession) -> None:
        for sid, conversation_id in list(self._indicators):
            if sid == session.sid:
                await self.stop(session, conversation_id)

    def _cancel(self, session: ClientSession, conversation_id: UUID) -> _Indicator | None:
        indicator = self._indicators.pop((session.sid, conversation_id), None)
        if indicator is not None:
            indicator.timer.cancel()
        return indicator
