"""A Socket.IO server that handles each socket's packets in order and never half-way.

Stock python-socketio runs handlers inside the HTTP request that brought the packet. Sanic cancels that request when
its TCP connection drops, and a cancelled connect handler counts as an accepted one. Here a packet is put into its
session's inbox and handled by a task of the server: in the order of arrival, connect first and disconnect last.
"""

import asyncio
import logging
from collections import deque
from collections.abc import Awaitable, Callable, Collection, Iterable
from contextlib import suppress
from typing import Any

import socketio
from engineio import packet as eio_packet
from sanic import Sanic
from socketio import packet

from hummdesk.engine.packet import MalformedPacket, Packet, Unreadable, decode

__all__ = ["SocketIOServer", "Unreadable"]

OnEvent = Callable[[str, object, list[Any], bool], Awaitable[Any]]
"""(sid, event, arguments, whether an acknowledgement was asked for) -> what to acknowledge with."""

MAX_PENDING = 64
"""Packets of one session that wait for a handler; at that many its connection is not read."""

MAX_QUEUED = 4096
"""Packets that wait for one slow client; past that its session is closed, and it can come back."""

CONNECT_TIMEOUT_SECONDS = 20.0
"""A session that asked for no namespace by then is closed. (Socket.IO's `connectTimeout` is 45 s.)"""

CLOSE_SECONDS = 2.0
"""A closed client has so long to read what is queued for it."""

log = logging.getLogger(__name__)

_library_log = logging.getLogger("hummdesk.engine.library")
_library_log.setLevel(logging.ERROR)  # below it, python-socketio and python-engineio write what clients sent


class _Inbox:
    __slots__ = ("has_room", "steps")

    def __init__(self) -> None:
        self.steps: deque[Callable[[], Awaitable[None]]] = deque()
        self.has_room = asyncio.Event()


class SocketIOServer(socketio.AsyncServer):  # type: ignore[misc]
    """Accepts every socket of the namespace `/`; the connect handler decides what it may do."""

    def __init__(self, *, on_event: OnEvent, max_packet_bytes: int, **options: Any) -> None:
        super().__init__(
            async_mode="sanic",
            serializer=Packet,
            always_connect=True,
            async_handlers=False,
            logger=_library_log,
            engineio_logger=_library_log,
            **options,
        )
        self._on_event = on_event
        self._max_packet_bytes = max_packet_bytes
        self._inboxes: dict[str, _Inbox] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._heartbeats: set[asyncio.Task[Any]] = set()
        self.eio.start_background_task = self._start_background_task

    def attach(self, app: Sanic[Any, Any], socketio_path: str = "socket.io") -> None:
        self.eio.attach(app, socketio_path)

    async def deliver(
        self,
        event: str,
        data: object,
        *,
        rooms: Iterable[str],
        except_rooms: Collection[str] = (),
        skip: str | None = None,
    ) -> int:
        """Send an event once to each local socket in any of `rooms` and none of `except_rooms`; give their number.

        It is encoded once, and queued on every socket before this returns: deliveries keep their order.
        """
        members = self._members(rooms)
        for room in except_rooms:
            for sid in self._members([room]):
                members.pop(sid, None)
        members.pop(skip, None)
        if members:
            encoded = Packet(packet.EVENT, data=[event, data], binary=False).encode()
            frame = eio_packet.Packet(eio_packet.MESSAGE, encoded)
            for eio_sid in members.values():
                await self._queue(eio_sid, frame)
        return len(members)

    async def close_session(self, sid: str, *, reconnect: bool) -> None:
        """Close a socket and the connection below it.

        A client comes back by itself after its connection was closed, but not after a Socket.IO DISCONNECT.
        """
        eio_sid = self.manager.eio_sid_from_sid(sid, "/")
        if eio_sid is not None:
            if not reconnect:
                await self._send_packet(eio_sid, Packet(packet.DISCONNECT, namespace="/"))
            self._close(eio_sid)

    async def shutdown(self) -> None:
        """Stop what runs in the background; the sockets have been closed before."""
        await super().shutdown()
        for task in self._heartbeats:
            task.cancel()

    async def settle(self) -> None:
        """Wait until every packet that has arrived is handled."""
        while self._tasks:
            await asyncio.wait(self._tasks)

    def _start_background_task(self, target: Callable[..., Any], *args: Any, **options: Any) -> asyncio.Task[Any]:
        """As python-engineio's, but the task can be found again at shutdown."""
        task: asyncio.Task[Any] = asyncio.ensure_future(target(*args, **options))
        self._heartbeats.add(task)
        task.add_done_callback(self._heartbeats.discard)
        return task

    def _members(self, rooms: Iterable[str]) -> dict[str | None, str]:
        namespace = self.manager.rooms.get("/", {})
        members: dict[str | None, str] = {}
        for room in rooms:
            members.update(namespace.get(room, {}))
        return members

    async def _queue(self, eio_sid: str, frame: eio_packet.Packet) -> None:
        session = self.eio.sockets.get(eio_sid)
        if session is None or session.closed:
            return
        if session.queue.qsize() >= MAX_QUEUED:
            log.warning("closing a session that does not read", extra={"session": eio_sid})
            self._close(eio_sid)
            return
        await session.send(frame)

    def _close(self, eio_sid: str) -> None:
        self._spawn(self._close_within_limit(eio_sid))

    async def _close_within_limit(self, eio_sid: str) -> None:
        """Closing waits until the client has read what is queued for it; one that does not read is dropped."""
        session = self.eio.sockets.get(eio_sid)
        if session is None:
            return
        with suppress(TimeoutError):
            async with asyncio.timeout(CLOSE_SECONDS):
                await self.eio.disconnect(eio_sid)
        if session.upgraded:
            session.queue.put_nowait(None)  # ends the writer, which closes the WebSocket
        self.eio.sockets.pop(eio_sid, None)

    async def _handle_eio_connect(self, eio_sid: str, environ: dict[str, Any]) -> None:
        request = environ["sanic.request"]
        # Of a request only what handlers read is kept for the life of the session.
        kept = {name: environ.get(name, "") for name in ("QUERY_STRING", "HTTP_AUTHORIZATION")}
        await super()._handle_eio_connect(eio_sid, kept | {"REMOTE_ADDR": request.remote_addr or request.ip})
        asyncio.get_running_loop().call_later(CONNECT_TIMEOUT_SECONDS, self._close_if_idle, eio_sid)

    def _close_if_idle(self, eio_sid: str) -> None:
        if eio_sid in self.eio.sockets and self.manager.sid_from_eio_sid(eio_sid, "/") is None:
            self._close(eio_sid)

    async def _handle_eio_message(self, eio_sid: str, data: str | bytes) -> None:
        await self._arrive(eio_sid, lambda: self._handle_packet(eio_sid, data))

    async def _handle_eio_disconnect(self, eio_sid: str, reason: str) -> None:
        leave = super()._handle_eio_disconnect
        session = self.eio.sockets.get(eio_sid)
        if session is not None and not session.upgraded:
            session.queue.put_nowait(eio_packet.Packet(eio_packet.NOOP))  # answers a poll that waits
        await self._arrive(eio_sid, lambda: leave(eio_sid, reason), always=True)

    async def _arrive(self, eio_sid: str, step: Callable[[], Awaitable[None]], *, always: bool = False) -> None:
        inbox = self._inboxes.setdefault(eio_sid, _Inbox())
        while not always and len(inbox.steps) >= MAX_PENDING:
            inbox.has_room.clear()
            await inbox.has_room.wait()
        inbox.steps.append(step)
        if len(inbox.steps) == 1:
            self._inboxes[eio_sid] = inbox
            self._spawn(self._drain(eio_sid, inbox))

    async def _drain(self, eio_sid: str, inbox: _Inbox) -> None:
        while inbox.steps:
            try:
                await inbox.steps[0]()
            except MalformedPacket:
                self._close(eio_sid)
            except Exception:
                log.exception("a packet was not handled", extra={"session": eio_sid})
            inbox.steps.popleft()
            inbox.has_room.set()
        if self._inboxes.get(eio_sid) is inbox:
            del self._inboxes[eio_sid]

    def _spawn(self, coroutine: Any) -> None:
        task = asyncio.ensure_future(coroutine)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _handle_packet(self, eio_sid: str, data: str | bytes) -> None:
        waiting = self._binary_packet.get(eio_sid)
        if waiting is not None:
            if not isinstance(data, bytes):
                raise MalformedPacket
            if waiting.add_attachment(data):
                del self._binary_packet[eio_sid]
                await self._handle_event(eio_sid, waiting.namespace, waiting.id, waiting.data)
            return
        if not isinstance(data, str):
            raise MalformedPacket
        decoded = decode(data, max_bytes=self._max_packet_bytes)
        match decoded.packet_type:
            case packet.CONNECT:
                await self._handle_connect(eio_sid, decoded.namespace, decoded.data)
            case packet.DISCONNECT:
                await self._handle_disconnect(eio_sid, decoded.namespace)
            case packet.EVENT:
                await self._handle_event(eio_sid, decoded.namespace, decoded.id, decoded.data)
            case packet.ACK:
                await self._handle_ack(eio_sid, decoded.namespace, decoded.id, decoded.data)
            case packet.BINARY_EVENT if self.manager.sid_from_eio_sid(eio_sid, decoded.namespace or "/"):
                self._binary_packet[eio_sid] = decoded
            case _:
                raise MalformedPacket

    async def _handle_connect(self, eio_sid: str, namespace: str | None, data: Any) -> None:
        if namespace not in (None, "/"):
            refusal = Packet(packet.CONNECT_ERROR, data={"message": "Invalid namespace"}, namespace=namespace)
            await self._send_packet(eio_sid, refusal)
        elif self.manager.sid_from_eio_sid(eio_sid, "/"):
            raise MalformedPacket
        else:
            await super()._handle_connect(eio_sid, namespace, data)

    async def _handle_event(self, eio_sid: str, namespace: str | None, id: int | None, data: list[Any]) -> None:
        """Give every event to `on_event`, also one that a client called `connect` or `disconnect`."""
        sid = self.manager.sid_from_eio_sid(eio_sid, namespace or "/")
        if sid is None or not self.manager.is_connected(sid, "/"):
            raise MalformedPacket
        answer = await self._on_event(sid, data[0], data[1:], id is not None)
        if id is not None:
            await self._send_packet(
                eio_sid, Packet(packet.ACK, namespace=namespace, id=id, data=[answer], binary=False)
            )
