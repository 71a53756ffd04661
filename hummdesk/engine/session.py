"""One Engine.IO session: first polling or a WebSocket, its packets in and out, its heartbeat and its end."""

import asyncio
import json
import logging
from collections import deque
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from hummdesk.engine.parcel import CLOSE, NOOP, Parcel
from hummdesk.engine.websocket import WebSocket, Wire

if TYPE_CHECKING:
    from hummdesk.engine.engine_io import EngineIOServer

log = logging.getLogger(__name__)

MAX_PENDING = 64
"""Messages of one session that wait for a handler; at that many its connection is not read."""

SEPARATOR = b"\x1e"

_END = object()
"""The last thing in every inbox."""


class Session:
    """What python-engineio calls a socket."""

    __slots__ = (
        "__weakref__",
        "_backlog",
        "_backlog_bytes",
        "_inbox",
        "_room",
        "_server",
        "_waiting_poll",
        "awaits_pong",
        "closed",
        "closing",
        "is_posting",
        "probe",
        "reason",
        "session",
        "sid",
        "upgraded",
        "websocket",
        "wire",
    )

    def __init__(self, server: "EngineIOServer", sid: str) -> None:
        self.sid = sid
        self.session: dict[str, Any] = {}
        self.websocket: WebSocket | None = None
        self.wire: Wire | None = None
        self.probe: Probe | None = None
        self.upgraded = self.closing = self.closed = False
        self.awaits_pong = self.is_posting = False
        self._server = server
        self._backlog: list[Parcel] | None = None
        self._backlog_bytes = 0
        self._waiting_poll: asyncio.Future[None] | None = None
        self._inbox: deque[Any] | None = None
        self._room: asyncio.Future[None] | None = None
        self.reason = ""

    # Sending --------------------------------------------------------------------------------------------------------

    def post(self, parcel: Parcel) -> None:
        """Send without waiting: at the end of this tick of the loop, or with the next poll."""
        self._server.outbox.add([self], parcel)

    def put(self, parcels: Iterable[Parcel]) -> None:
        """What the outbox does not write itself: to be compressed, to wait behind something, or to be polled."""
        if self.websocket is not None:
            self.websocket.write(self.websocket.framed(parcels))
        elif self._backlog_bytes > self._server.max_buffered_bytes:
            self._backlog, self._backlog_bytes = None, 0
            self.close(self._server.reason.TRANSPORT_ERROR)
        elif not self.closing:
            self._keep(*parcels)

    @property
    def unread_bytes(self) -> int:
        """What waits here because its client has not taken it."""
        return self._backlog_bytes if self.websocket is None else self.websocket.unread_bytes

    def put_rest(self, frames: bytes) -> None:
        if self.websocket is not None:
            self.websocket.write(frames)

    async def send(self, packet: Any) -> None:
        """As python-engineio's."""
        self.post(Parcel(packet.encode()))

    def _keep(self, *parcels: Parcel) -> None:
        if self._backlog is None:
            self._backlog = []
        self._backlog += parcels
        self._backlog_bytes += sum(len(parcel.frame) for parcel in parcels)
        self.answer_poll()

    def answer_poll(self) -> None:
        """Answer the poll that waits, with a NOOP if there is nothing to say."""
        if self._waiting_poll is not None and not self._waiting_poll.done():
            self._waiting_poll.set_result(None)

    @property
    def is_polled(self) -> bool:
        return self._waiting_poll is not None

    async def poll(self, *, max_bytes: int) -> bytes:
        """The payload for a poll: what waits, or else what comes next."""
        self._server.outbox.flush()
        if not self._backlog and not self.closing and not self._is_upgrading():
            self._waiting_poll = asyncio.get_running_loop().create_future()
            try:
                await self._waiting_poll
            except asyncio.CancelledError:
                self.close(self._server.reason.TRANSPORT_CLOSE)
                raise
            finally:
                self._waiting_poll = None
        return NOOP.polled if self._is_upgrading() else self._take(max_bytes)

    def _is_upgrading(self) -> bool:
        return self.upgraded or (self.probe is not None and self.probe.has_asked)

    def _take(self, max_bytes: int) -> bytes:
        waiting = self._backlog or [NOOP]
        number, size = 0, 0
        while number < len(waiting) and (not number or size + len(waiting[number].polled) < max_bytes):
            size += len(waiting[number].polled) + len(SEPARATOR)
            number += 1
        self._backlog = waiting[number:] or None
        self._backlog_bytes = sum(len(parcel.frame) for parcel in self._backlog or ())
        return SEPARATOR.join(parcel.polled for parcel in waiting[:number])

    def use(self, websocket: WebSocket) -> bytes:
        """From now on this is the way out; gives the frames that have waited and are to be written to it first."""
        self._server.outbox.flush()
        self.websocket, self.upgraded = websocket, True
        websocket.receiver = self
        backlog, self._backlog = self._backlog, None
        self._backlog_bytes = 0
        self.answer_poll()
        return websocket.framed(backlog or ())

    def forget_probe(self, probe: "Probe") -> None:
        if self.probe is probe:
            self.probe = None
        self._server.forget_probe(probe)

    # Receiving ------------------------------------------------------------------------------------------------------

    def on_packet(self, data: str | bytes) -> None:
        if self.closing:
            return
        kind = data[:1]
        if isinstance(data, bytes):
            self._arrive(data)
        elif kind == "4":
            self._arrive(_message(data))
        elif kind == "3":
            self._server.beat(self)
        elif kind == "1":
            self.close(self._server.reason.CLIENT_DISCONNECT)
        elif kind != "6":
            self.close(self._server.reason.TRANSPORT_ERROR)

    def on_lost(self, *, overflown: bool = False) -> None:
        """The WebSocket is gone, or about to be cut because its client does not read."""
        self.websocket = None
        reason = self._server.reason
        self.close(reason.TRANSPORT_ERROR if overflown else reason.TRANSPORT_CLOSE)

    async def room(self) -> None:
        """Wait until another message may arrive."""
        while self._is_full() and not self.closing:
            if self._room is None:
                self._room = asyncio.get_running_loop().create_future()
            await asyncio.shield(self._room)

    def _is_full(self) -> bool:
        return self._inbox is not None and len(self._inbox) >= MAX_PENDING

    def _arrive(self, message: Any) -> None:
        if self._inbox is None:
            self._inbox = deque((message,))
            self._server.spawn(self._work())
        else:
            self._inbox.append(message)
            if self.websocket is not None and self._is_full() and not self.websocket.is_paused:
                self.websocket.pause()

    async def _work(self) -> None:
        inbox = self._inbox
        while inbox:
            if inbox[0] is _END:
                await self._server.leave(self, self.reason)
            else:
                await self._server.handle(self, inbox[0])
            inbox.popleft()
            self._make_room(len(inbox))
        self._inbox = None

    def _make_room(self, pending: int) -> None:
        if pending != MAX_PENDING // 2:
            return
        if self.websocket is not None:
            self.websocket.resume()
        if self._room is not None:
            self._room.set_result(None)
            self._room = None

    @property
    def is_held_back(self) -> bool:
        """It is not read because its messages wait for handlers, and so may its heartbeat."""
        return self._room is not None or (self.websocket is not None and self.websocket.is_paused)

    # Ending ---------------------------------------------------------------------------------------------------------

    def close(self, reason: str) -> None:
        """End the session; `disconnect` is handled after everything that has arrived."""
        if self.closing:
            return
        self._server.outbox.flush()
        self.closing, self.reason = True, reason
        websocket, self.websocket = self.websocket, None
        if websocket is not None:
            websocket.close()
        elif not self.upgraded and self._is_to_be_told(reason):
            self._keep(CLOSE)
        self.answer_poll()
        if self.probe is not None:
            self.probe.give_up()
        if self._room is not None:
            self._room.set_result(None)
            self._room = None
        self._server.forget(self)
        self._arrive(_END)

    def _is_to_be_told(self, reason: str) -> bool:
        """A client that polls: when the server wants to end, or in the answer that it waits for."""
        if reason == self._server.reason.SERVER_DISCONNECT:
            return True
        return self.is_polled and reason != self._server.reason.CLIENT_DISCONNECT


class Probe:
    """A WebSocket that wants to take over a session from polling: `2probe`, `3probe`, `5`."""

    __slots__ = ("_session", "has_asked", "websocket", "wire")

    def __init__(self, session: Session) -> None:
        self._session = session
        self.has_asked = False
        self.websocket: WebSocket | None = None
        self.wire: Wire | None = None

    def on_packet(self, data: str | bytes) -> None:
        if not self.has_asked and data == "2probe" and self.websocket is not None:
            self.has_asked = True
            self.websocket.write(PROBED.frame)
            self._session.answer_poll()
        elif self.has_asked and data == "5" and (websocket := self.on_lost()):
            websocket.write(self._session.use(websocket))
            websocket.resume_writing()
        else:
            self.give_up()

    def on_lost(self, *, overflown: bool = False) -> WebSocket | None:
        """The session goes on polling, unless it gets the WebSocket."""
        websocket, self.websocket = self.websocket, None
        self._session.forget_probe(self)
        return websocket

    def give_up(self) -> None:
        if websocket := self.on_lost():
            websocket.close()


PROBED = Parcel("3probe")


def _message(packet: str) -> Any:
    """The data of a message as python-engineio gives it: JSON is parsed, unless it begins with a number."""
    if packet[1:2].isnumeric():
        return packet[1:]
    try:
        return json.loads(packet[1:])
    except (ValueError, RecursionError):
        return packet[1:]
