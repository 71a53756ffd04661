"""A Socket.IO v5 server on our Engine.IO: https://github.com/socketio/socket.io-protocol.

Stock python-socketio runs handlers inside the HTTP request that brought the packet. Sanic cancels that request when
its TCP connection drops, and a cancelled connect handler counts as an accepted one. Here a packet is put into its
session's inbox and handled by a task of the server: in the order of arrival, connect first and disconnect last.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Collection, Iterable
from typing import Any

import socketio
from sanic import Sanic
from socketio import packet

from hummdesk.engine.deadlines import Deadlines
from hummdesk.engine.engine_io import EngineIOServer, Farewell
from hummdesk.engine.manager import RoomManager, parcels_of
from hummdesk.engine.packet import MalformedPacket, Packet, Unreadable, decode
from hummdesk.engine.recovery import PREDECESSOR_SECONDS, Claim, OnRecover, PrivateIds, Return, claim_of
from hummdesk.engine.websocket import quiet

log = logging.getLogger(__name__)

OnEvent = Callable[[str, object, list[Any], bool], Awaitable[Any]]
"""(sid, event, arguments, whether an acknowledgement was asked for) -> what to acknowledge with."""

Guard = Callable[[object], bool]
"""(what a client says of itself to connect) -> whether it may."""

ALL_NAMESPACES = "*"


class SocketIOServer(socketio.AsyncServer):  # type: ignore[misc]
    """socketio.AsyncServer; `options` are the documented ones of that class, and those of `EngineIOServer`."""

    def __init__(
        self,
        *,
        on_event: OnEvent | None = None,
        on_recover: OnRecover | None = None,
        max_packet_bytes: int | None = None,
        connect_timeout: float = 20.0,
        client_manager: Any = None,
        **options: Any,
    ) -> None:
        """
        `on_event`: gets every event of the namespace `/`, one at a time for each socket, instead of handlers by name.
        `on_recover`: turns connection state recovery on.
        `max_packet_bytes`: a longer event reaches `on_event` with an `Unreadable` for its arguments.
        `connect_timeout`: a session that has asked for no namespace after so many seconds is closed.
        """
        quietly = {"logger": quiet, "engineio_logger": quiet, "serializer": Packet}
        super().__init__(client_manager=client_manager or RoomManager(), **quietly | options)
        self._on_event = on_event
        self._on_recover = on_recover
        self.private_ids = PrivateIds()
        self._guards: dict[str, Guard] = {}
        self._departing: dict[str, asyncio.Future[None]] = {}
        """Sessions that a successor waits for, by Engine.IO sid."""
        self._max_packet_bytes = max_packet_bytes or self.eio.max_http_buffer_size
        self._unconnected: Deadlines[str] = Deadlines(connect_timeout, self.eio.close)

    def attach(
        self, app: Sanic[Any, Any], socketio_path: str = "socket.io", *, farewell: Farewell | None = None
    ) -> None:
        self.eio.attach(app, socketio_path, farewell=farewell)

    def guard(self, namespace: str, may_enter: Guard) -> None:
        """Refuse who may not enter a namespace, before it is in, at the price of its connection."""
        self._guards[namespace] = may_enter

    def deliver(
        self,
        event: str,
        data: object,
        *,
        rooms: Iterable[str],
        except_rooms: Collection[str] = (),
        offset: str | None = None,
    ) -> int:
        """Send an event once to each local socket in any of `rooms` and none of `except_rooms`; give their number.

        It is encoded once, and on its way to every socket before this returns: deliveries keep their order. `data` may
        be ready JSON, as an `orjson.Fragment`. `offset` is what a client that comes back names as the last it heard.
        """
        members = self.manager.members_of_any("/", rooms)
        if except_rooms:
            excepted = self.manager.members_of_any("/", except_rooms)
            members = {sid: session for sid, session in members.items() if sid not in excepted}
        if members:
            arguments = [event, data] if offset is None else [event, data, offset]
            (parcel,) = parcels_of(self.packet_class(packet.EVENT, data=arguments, binary=False))
            self.eio.outbox.add(list(members.values()), parcel)
        return len(members)

    def enter(self, sid: str, *rooms: str) -> None:
        for room in rooms:
            self.manager.basic_enter_room(sid, "/", room)

    def leave(self, sid: str, *rooms: str) -> None:
        for room in rooms:
            self.manager.basic_leave_room(sid, "/", room)

    def close_session(self, sid: str, *, reconnect: bool) -> None:
        """Close a socket and the connection below it.

        A client comes back by itself after its connection was closed, but not after a Socket.IO DISCONNECT.
        """
        eio_sid = self.manager.eio_sid_from_sid(sid, "/")
        if eio_sid is not None:
            if not reconnect:
                self._post(eio_sid, Packet(packet.DISCONNECT, namespace="/"))
            self.eio.close(eio_sid)

    async def settle(self) -> None:
        """Wait until every packet that has arrived is handled."""
        await self.eio.settle()

    async def shutdown(self) -> None:
        await super().shutdown()
        self._unconnected.clear()

    def _post(self, eio_sid: str, whole: packet.Packet) -> None:
        for parcel in parcels_of(whole):
            self.eio.post(eio_sid, parcel)

    async def _send_packet(self, eio_sid: str, pkt: packet.Packet) -> None:
        if pkt.packet_type == packet.CONNECT and self._on_recover is not None and pkt.namespace == "/":
            pkt.data["pid"] = self.private_ids.of(pkt.data["sid"])
        self._post(eio_sid, pkt)

    async def _handle_eio_connect(self, eio_sid: str, environ: dict[str, Any]) -> None:
        await super()._handle_eio_connect(eio_sid, environ)
        self._unconnected.start(eio_sid)

    async def _handle_eio_disconnect(self, eio_sid: str, reason: str) -> None:
        self._unconnected.cancel(eio_sid)
        self._binary_packet.pop(eio_sid, None)
        if reason == self.reason.CLIENT_DISCONNECT:  # the transport's farewell; the client has not left the namespace
            reason = self.reason.TRANSPORT_CLOSE
        await super()._handle_eio_disconnect(eio_sid, reason)
        if successor := self._departing.pop(eio_sid, None):
            successor.set_result(None)

    async def _handle_disconnect(self, eio_sid: str, namespace: str | None, reason: str | None = None) -> None:
        sid = self.manager.sid_from_eio_sid(eio_sid, namespace or "/")
        await super()._handle_disconnect(eio_sid, namespace, reason)
        self.private_ids.forget(sid)

    async def _handle_eio_message(self, eio_sid: str, data: Any) -> None:
        try:
            await self._handle_packet(eio_sid, data)
        except MalformedPacket:
            self.eio.close(eio_sid)

    async def _handle_packet(self, eio_sid: str, data: Any) -> None:
        whole = self._received(eio_sid, data)
        if whole is None:
            return
        if whole.packet_type == packet.CONNECT:
            await self._handle_connect(eio_sid, whole.namespace, whole.data)
            return
        match whole.packet_type:
            case packet.DISCONNECT:
                await self._handle_disconnect(eio_sid, whole.namespace)
            case packet.EVENT | packet.BINARY_EVENT:
                await self._handle_event(eio_sid, whole.namespace, whole.id, whole.data)
            case packet.ACK | packet.BINARY_ACK:
                await self._handle_ack(eio_sid, whole.namespace, whole.id, whole.data)
            case _:
                raise MalformedPacket

    def _received(self, eio_sid: str, data: Any) -> packet.Packet | None:
        """The packet that is now complete; None while attachments are missing."""
        waiting = self._binary_packet.get(eio_sid)
        if waiting is not None:
            return self._with_attachment(eio_sid, waiting, data)
        if isinstance(data, str) != self.packet_class.uses_binary_events:
            raise MalformedPacket
        whole = decode(data, max_bytes=self._max_packet_bytes, packet_class=self.packet_class)
        if self._on_event is None and whole.packet_type == packet.EVENT and isinstance(whole.data[-1], Unreadable):
            raise MalformedPacket
        if whole.packet_type != packet.CONNECT:
            self._check_connected(eio_sid, whole.namespace or "/")
        if not whole.attachment_count:
            return whole
        self._binary_packet[eio_sid] = whole
        return None

    def _check_connected(self, eio_sid: str, namespace: str) -> None:
        sid = self.manager.sid_from_eio_sid(eio_sid, namespace)
        if sid is None or not self.manager.is_connected(sid, namespace):
            raise MalformedPacket

    def _with_attachment(self, eio_sid: str, waiting: packet.Packet, data: Any) -> packet.Packet | None:
        if not isinstance(data, bytes):
            raise MalformedPacket
        try:
            if not waiting.add_attachment(data):
                return None
        except (LookupError, TypeError, RecursionError) as fault:  # a placeholder for what did not come
            raise MalformedPacket from fault
        del self._binary_packet[eio_sid]
        return waiting

    def _has(self, namespace: str) -> bool:
        return (
            namespace in self.handlers
            or namespace in self.namespace_handlers
            or self.namespaces == ALL_NAMESPACES
            or namespace in self.namespaces
        )

    async def _handle_connect(self, eio_sid: str, namespace: str | None, data: Any) -> None:
        name = namespace or "/"
        if not self._has(name):
            await self._refuse(eio_sid, namespace, "Invalid namespace")
        elif name in self._guards and not self._guards[name](data):
            await self._refuse(eio_sid, namespace, "invalid credentials")
            self.eio.close(eio_sid)
        elif self.manager.sid_from_eio_sid(eio_sid, name):
            raise MalformedPacket
        else:
            self._unconnected.cancel(eio_sid)
            claim = claim_of(data, self.environ[eio_sid]) if self._on_recover and name == "/" else None
            if claim is None or not await self._recover(eio_sid, claim):
                await super()._handle_connect(eio_sid, namespace, data)

    async def _refuse(self, eio_sid: str, namespace: str | None, message: str) -> None:
        whole = self.packet_class(packet.CONNECT_ERROR, data={"message": message}, namespace=namespace)
        await self._send_packet(eio_sid, whole)

    async def _recover(self, eio_sid: str, claim: Claim) -> bool:
        """Give a client back what it had, or nothing of it."""
        found = await self._find(claim)
        if found is None or not await self._end_predecessor(found.sid):
            return False
        missed = found.missed()
        if missed is None:
            return False
        self.manager.adopt(eio_sid, "/", found.sid)
        self.private_ids.keep(found.sid, claim.pid)
        found.enter()
        for one in missed:
            event = self.packet_class(packet.EVENT, data=[one.event, one.data, one.offset], binary=False)
            self._post(eio_sid, event)
        await self._send_packet(eio_sid, self.packet_class(packet.CONNECT, {"sid": found.sid}, namespace="/"))
        await found.welcome()
        return True

    async def _find(self, claim: Claim) -> Return | None:
        if self._on_recover is None:
            return None
        try:
            return await self._on_recover(claim)
        except Exception:
            log.exception("a socket was not recovered")
            return None

    async def _end_predecessor(self, sid: str) -> bool:
        """End the connection that the client has left behind, if this process has not noticed yet."""
        eio_sid = self.manager.eio_sid_from_sid(sid, "/")
        if eio_sid is None:
            return True
        departure = self._departing[eio_sid] = asyncio.get_running_loop().create_future()
        self.eio.close(eio_sid)
        await asyncio.wait([departure], timeout=PREDECESSOR_SECONDS)
        return departure.done()

    async def _handle_event(self, eio_sid: str, namespace: str | None, id: int | None, data: list[Any]) -> None:
        """With `on_event`, also one that a client called `connect` or `disconnect`."""
        if self._on_event is None or namespace not in (None, "/"):
            await self._handle_named_event(eio_sid, namespace, id, data)
            return
        sid = self.manager.sid_from_eio_sid(eio_sid, namespace or "/")
        answer = await self._on_event(sid, data[0], data[1:], id is not None)
        if id is not None:
            self._post(eio_sid, self.packet_class(packet.ACK, namespace=namespace, id=id, data=[answer], binary=False))

    async def _handle_named_event(self, eio_sid: str, namespace: str | None, id: int | None, data: list[Any]) -> None:
        """Nobody calls the handlers of `connect` and `disconnect` by name, or one by something that is no name."""
        if not isinstance(data[0], str) or data[0] in self.reserved_events:
            raise MalformedPacket
        await super()._handle_event(eio_sid, namespace, id, data)

    def _engineio_server_class(self) -> type[EngineIOServer]:
        return EngineIOServer
