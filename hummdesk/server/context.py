"""The parts that a handler works with, wired together once by the app."""

import asyncio
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID
from weakref import WeakValueDictionary

from hummdesk.bus.presence import Presence
from hummdesk.bus.socket_counts import SocketCounts
from hummdesk.bus.stream_reader import StreamReader
from hummdesk.bus.viewers import ViewerLeases
from hummdesk.core.background import soon
from hummdesk.core.config import Settings
from hummdesk.publish.broadcast import BroadcastService
from hummdesk.publish.events.presence import TypingStart, TypingStop
from hummdesk.publish.presence import PresencePublisher
from hummdesk.publish.publisher import Publisher
from hummdesk.publish.receipts import Receipts
from hummdesk.server.readiness import Readiness
from hummdesk.server.recovery_state import RecoverySaver
from hummdesk.server.sockets import ClientSession, SocketRegistry
from hummdesk.storage.database import Database
from hummdesk.storage.message_writer import MessageWriter
from hummdesk.storage.people import People

Payload = dict[str, Any]


class Turns:
    """One lock for each person, so that of two looks at the same one the last one wins."""

    def __init__(self) -> None:
        self._locks: WeakValueDictionary[UUID, asyncio.Lock] = WeakValueDictionary()

    def of(self, subject_id: UUID) -> asyncio.Lock:
        return self._locks.setdefault(subject_id, asyncio.Lock())


class Typing:
    """Who is typing at this process; it stops by itself."""

    def __init__(self, publisher: Publisher, *, timeout: float) -> None:
        self._publisher = publisher
        self._timeout = timeout
        self._timers: dict[tuple[str, UUID], asyncio.TimerHandle] = {}

    async def start(self, session: ClientSession, conversation_id: UUID) -> None:
        """Tell the others, also when it goes on, so that who joined meanwhile knows."""
        self._cancel(session, conversation_id)
        loop = asyncio.get_running_loop()
        key = (session.sid, conversation_id)
        self._timers[key] = loop.call_later(self._timeout, lambda: soon(self.stop(session, conversation_id)))
        await self._publisher.publish(TypingStart.of(session.who, conversation_id))

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


@dataclass(frozen=True, kw_only=True)
class ServerContext:
    settings: Settings
    database: Database
    writer: MessageWriter
    people: People
    presence: Presence
    viewers: ViewerLeases
    census: SocketCounts
    publisher: Publisher
    receipts: Receipts
    presence_publisher: PresencePublisher
    broadcast: BroadcastService
    reader: StreamReader
    sockets: SocketRegistry
    readiness: Readiness
    departures: RecoverySaver
    typing: Typing
    turns: Turns = field(default_factory=Turns)
