"""A Socket.IO v5 server on `EngineIOServer`: https://github.com/socketio/socket.io-protocol.

python-socketio runs handlers inside the HTTP request that delivers the packet. Sanic cancels that request when its TCP
connection is lost, and python-engineio reports a cancelled connect handler as an accepted one. Here a packet goes to
its session's inbox and is handled by a task of the server: in the order of arrival, connect first, disconnect last.

`SocketIOServer` depends on private methods of python-socketio, whose version is therefore pinned exactly. Overridden:
`_engineio_server_class`, `_handle_connect`, `_handle_disconnect`, `_handle_eio_connect`, `_handle_eio_disconnect`,
`_handle_eio_message`, `_handle_event`, `_send_packet`. Called: `_handle_ack`. Unused: the attribute
`_binary_packet`, which stays empty.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Collection, Iterable
from typing import Any

import socketio
from sanic import Sanic
from socketio import packet

from hummdesk.engine.attachments import IncompletePackets
from hummdesk.engine.deadlines import Deadlines
from hummdesk.engine.encoding import encode, encode_list
from hummdesk.engine.engine_io import BeforeClose, EngineIOServer
from hummdesk.engine.manager import Members, RoomManager
from hummdesk.engine.observer import CloseReason, ConnectionState
from hummdesk.engine.packet import (
    MalformedPacket,
    OversizedPacket,
    Packet,
    UnparsedPayload,
    decode,
    packet_class_of,
)
from hummdesk.engine.recovery import (
    PREDECESSOR_TIMEOUT_SECONDS,
    OnRecover,
    PrivateIds,
    Recovery,
    RecoveryRequest,
    parse_recovery_request,
)
from hummdesk.engine.websocket import library_logger

log = logging.getLogger(__name__)

OnEvent = Callable[[str, object, list[Any], bool], Awaitable[Any]]
"""(sid, event, arguments, whether the client expects an acknowledgement) -> the acknowledgement's payload."""

NamespaceGuard = Callable[[object], bool]
"""(the `auth` payload of a CONNECT packet) -> whether the client can connect."""

ALL_NAMESPACES = "*"
BINARY = (packet.BINARY_EVENT, packet.BINARY_ACK)

CONNECT_READ_SECONDS = 0.001
"""Between CONNECT and the events of the `connect` handler: a client that takes one message a read would miss the first
of them if it arrived with CONNECT.
"""


class SocketIOServer(socketio.AsyncServer):  # type: ignore[misc]
    """socketio.AsyncServer; `options` are the documented ones of that class, and those of `EngineIOServer`."""

    def __init__(
        self,
        *,
        on_event: OnEvent | None = None,
        on_recover: OnRecover | None = None,
        max_packet_bytes: int | None = None,
        accepts_binary: bool = True,
        connect_timeout: float = 20.0,
        client_manager: Any = None,
        **options: Any,
    ) -> None:
        """
        `on_event`: handles all events of the namespace `/`, one at a time for each socket, in place of named handlers.
        `on_recover`: enables connection state recovery.
        `max_packet_bytes`: a longer event reaches `on_event` with an `UnparsedPayload` for its arguments. A packet with
        attachments counts with them; a longer one closes the connection.
        `accepts_binary`: without it, a packet that announces attachments closes the connection.
        `connect_timeout`: seconds after which a session is closed that is in no namespace, or has left its last one.
        """
        if on_recover is not None and client_manager is not None:
            raise ValueError("on_recover needs the default client manager")
        defaults: dict[str, Any] = {"logger": library_logger, "engineio_logger": library_logger, "serializer": Packet}
        options = defaults | options
        options["serializer"] = packet_class_of(options["serializer"])
        super().__init__(client_manager=client_manager or RoomManager(), **options)
        self._on_event = on_event
        self._on_recover = on_recover
        self._accepts_binary = accepts_binary
        self.private_ids = PrivateIds()
        self._guards: dict[str, NamespaceGuard] = {}
        self._predecessors: dict[str, asyncio.Future[None]] = {}
        """Resolved when a session has ended that a recovery waits for; by Engine.IO sid."""
        self._max_packet_bytes = max_packet_bytes or self.eio.max_http_buffer_size
        self._incomplete = IncompletePackets(self.eio.buffers, self.eio.end, max_bytes=self._max_packet_bytes)
        self._unconnected: Deadlines[str] = Deadlines(connect_timeout, self._on_connect_timeout)

    def attach(
        self, app: Sanic[Any, Any], socketio_path: str = "socket.io", *, before_close: BeforeClose | None = None
    ) -> None:
        """Add the route to `app`. `before_close` is awaited when the server stops, before it closes the connections."""
        self.eio.attach(app, socketio_path, before_close=before_close)

    def restrict_namespace(self, namespace: str, is_allowed: NamespaceGuard) -> None:
        """Close the connection of a client that is not allowed, before it joins the namespace."""
        self._guards[namespace] = is_allowed

    def deliver(
        self,
        event: str,
        data: object,
        *,
        rooms: Iterable[str],
        except_rooms: Collection[str] = (),
        offset: str | None = None,
    ) -> int:
        """Send an event once to each local socket in any of `rooms` and none of `except_rooms`; return their number.

        The event is encoded once and queued for all sockets before this returns: deliveries keep their order. `data`
        can be encoded JSON, as an `orjson.Fragment`. A reconnecting client sends the last `offset` that it received.
        """
        members = self._members(rooms)
        if except_rooms:
            excepted = self._members(except_rooms)
            members = {sid: session for sid, session in members.items() if sid not in excepted}
        if members:
            arguments = [event, data] if offset is None else [event, data, offset]
            encoded = encode_list(self.packet_class, packet.EVENT, arguments)
            self.eio.coalescer.add(list(members.values()), encoded)
        return len(members)

    def _members(self, rooms: Iterable[str]) -> Members:
        """The local members of any of the rooms, of any client manager."""
        if isinstance(self.manager, RoomManager):
            return self.manager.members_of_any("/", rooms)
        found = dict(pair for room in rooms for pair in self.manager.get_participants("/", room))
        sockets = self.eio.sockets
        return {sid: sockets[eio_sid] for sid, eio_sid in found.items() if eio_sid in sockets}

    def join_rooms(self, sid: str, *rooms: str) -> None:
        for room in rooms:
            self.manager.basic_enter_room(sid, "/", room)

    def leave_rooms(self, sid: str, *rooms: str) -> None:
        for room in rooms:
            self.manager.basic_leave_room(sid, "/", room)

    def close_session(self, sid: str, *, reconnect: bool) -> None:
        """Close a socket and its connection.

        Clients reconnect automatically after a closed connection, but not after a Socket.IO DISCONNECT.
        """
        eio_sid = self.manager.eio_sid_from_sid(sid, "/")
        if eio_sid is not None:
            if not reconnect:
                self._post(eio_sid, self.packet_class(packet.DISCONNECT, namespace="/"))
            self.eio.close(eio_sid)

    def set_authenticated(self, sid: str, authenticated: bool = True) -> None:
        """Record whether the application knows who a client of `/` is; sockets start as unauthenticated."""
        eio_sid = self.manager.eio_sid_from_sid(sid, "/")
        if eio_sid is not None:
            self.eio.set_authenticated(eio_sid, authenticated)

    async def disconnect(self, sid: str, namespace: str | None = None, ignore_queue: bool = False) -> None:
        eio_sid = self.manager.eio_sid_from_sid(sid, namespace or "/")
        self._incomplete.drop(eio_sid)
        await super().disconnect(sid, namespace, ignore_queue)
        self._watch(eio_sid)

    async def wait_handled(self) -> None:
        """Wait until all packets that have arrived are handled."""
        await self.eio.wait_handled()

    async def shutdown(self) -> None:
        await super().shutdown()
        self._unconnected.clear()

    @property
    def is_idle(self) -> bool:
        """Whether nothing is left of any connection."""
        return self.eio.is_idle and not self.environ and not self._unconnected and not self.manager.rooms

    def _post(self, eio_sid: str, socketio_packet: packet.Packet) -> None:
        for encoded in encode(socketio_packet):
            self.eio.post(eio_sid, encoded)

    async def _send_packet(self, eio_sid: str, pkt: packet.Packet) -> None:
        if pkt.packet_type == packet.CONNECT and self._on_recover is not None and pkt.namespace == "/":
            pkt.data["pid"] = self.private_ids.get(pkt.data["sid"])
        if pkt.packet_type == packet.CONNECT:
            await self._send_alone(eio_sid, pkt)
        else:
            self._post(eio_sid, pkt)

    async def _send_alone(self, eio_sid: str, pkt: packet.Packet) -> None:
        """Send in a write of its own; if a `connect` handler follows, return when the client has had time to read."""
        self.eio.coalescer.flush()
        self._post(eio_sid, pkt)
        self.eio.coalescer.flush()
        session = self.eio.sockets.get(eio_sid)
        if self.always_connect and session is not None and session.websocket is not None:
            await asyncio.sleep(CONNECT_READ_SECONDS)

    def _watch(self, eio_sid: str | None) -> None:
        """Run the connect timer of a session while it is in no namespace."""
        session = self.eio.sockets.get(eio_sid)
        if eio_sid is None or session is None or session.closing:
            return
        if any(self.manager.sid_from_eio_sid(eio_sid, name) for name in self.manager.get_namespaces()):
            if session.state is ConnectionState.OPENED:
                self.eio.connections.change(session, ConnectionState.CONNECTED)
        else:
            self.eio.connections.change(session, ConnectionState.OPENED)
            self._unconnected.start(eio_sid)

    def _on_connect_timeout(self, eio_sid: str) -> None:
        self.eio.close(eio_sid, CloseReason.CONNECT_TIMEOUT)

    async def _handle_eio_connect(self, eio_sid: str, environ: dict[str, Any]) -> None:
        await super()._handle_eio_connect(eio_sid, environ)
        self._unconnected.start(eio_sid)

    async def _handle_eio_disconnect(self, eio_sid: str, reason: str) -> None:
        self._unconnected.cancel(eio_sid)
        self._incomplete.drop(eio_sid)
        if reason == self.reason.CLIENT_DISCONNECT:  # an Engine.IO CLOSE packet does not leave the namespace
            reason = self.reason.TRANSPORT_CLOSE
        await super()._handle_eio_disconnect(eio_sid, reason)
        if ended := self._predecessors.pop(eio_sid, None):
            ended.set_result(None)

    async def _handle_disconnect(self, eio_sid: str, namespace: str | None, reason: str | None = None) -> None:
        sid = self.manager.sid_from_eio_sid(eio_sid, namespace or "/")
        await super()._handle_disconnect(eio_sid, namespace, reason)
        self.private_ids.discard(sid)
        self._watch(eio_sid)

    async def _handle_eio_message(self, eio_sid: str, data: Any) -> None:
        try:
            await self._handle_packet(eio_sid, data)
        except OversizedPacket:
            self.eio.close(eio_sid, CloseReason.OVERSIZED_PACKET)
        except MalformedPacket:
            self.eio.close(eio_sid, CloseReason.MALFORMED_PACKET)

    async def _handle_packet(self, eio_sid: str, data: Any) -> None:
        received = self._decode(eio_sid, data)
        if received is None:
            return
        match received.packet_type:
            case packet.CONNECT:
                if self.eio.sockets[eio_sid].allows_connect():
                    await self._handle_connect(eio_sid, received.namespace, received.data)
            case packet.DISCONNECT:
                await self._handle_disconnect(eio_sid, received.namespace)
            case packet.EVENT | packet.BINARY_EVENT:
                await self._handle_event(eio_sid, received.namespace, received.id, received.data)
            case packet.ACK | packet.BINARY_ACK:
                if self._is_awaited(eio_sid, received):
                    await self._handle_ack(eio_sid, received.namespace, received.id, received.data)
                else:
                    self.eio.sockets[eio_sid].on_light_packet()
            case _:
                raise MalformedPacket

    def _is_awaited(self, eio_sid: str, acknowledgement: packet.Packet) -> bool:
        """Whether a callback waits for an acknowledgement. The entry 0 is python-socketio's counter."""
        sid = self.manager.sid_from_eio_sid(eio_sid, acknowledgement.namespace or "/")
        return bool(acknowledgement.id) and acknowledgement.id in self.manager.callbacks.get(sid, ())

    def _decode(self, eio_sid: str, data: Any) -> packet.Packet | None:
        """Return a complete packet; None while attachments are missing."""
        if eio_sid in self._incomplete:
            return self._incomplete.add(eio_sid, data)
        if isinstance(data, str) != self.packet_class.uses_binary_events:
            raise MalformedPacket
        decoded = decode(data, max_bytes=self._max_packet_bytes, packet_class=self.packet_class)
        if self._on_event is None and decoded.packet_type == packet.EVENT and _is_unparsed(decoded):
            raise MalformedPacket
        if decoded.packet_type != packet.CONNECT:
            self._check_connected(eio_sid, decoded.namespace or "/")
        if decoded.packet_type in BINARY and not self._accepts_binary:
            raise MalformedPacket
        if not decoded.attachment_count:
            return decoded
        self._incomplete.begin(eio_sid, data, decoded)
        return None

    def _check_connected(self, eio_sid: str, namespace: str) -> None:
        sid = self.manager.sid_from_eio_sid(eio_sid, namespace)
        if sid is None or not self.manager.is_connected(sid, namespace):
            raise MalformedPacket

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
            await self._connect(eio_sid, namespace, data)
            self._watch(eio_sid)

    async def _connect(self, eio_sid: str, namespace: str | None, data: Any) -> None:
        """Recover the session, or call the `connect` handler."""
        can_recover = self._on_recover is not None and namespace in (None, "/")
        request = parse_recovery_request(data, self.environ[eio_sid]) if can_recover else None
        if request is not None and await self._recover(eio_sid, request):
            return
        try:
            await super()._handle_connect(eio_sid, namespace, data)
        except Exception:
            log.exception("connect_handler.failed")
            await self._on_connect_failed(eio_sid, namespace)

    async def _on_connect_failed(self, eio_sid: str, namespace: str | None) -> None:
        """Refuse the connect; close the connection of a client that was sent CONNECT before, so that it reconnects."""
        if self.always_connect:
            self.eio.close(eio_sid, CloseReason.HANDLER_ERROR)
            return
        await self._refuse(eio_sid, namespace, "Internal server error")
        sid = self.manager.sid_from_eio_sid(eio_sid, namespace or "/")
        await self.manager.disconnect(sid, namespace or "/", ignore_queue=True)

    async def _refuse(self, eio_sid: str, namespace: str | None, message: str) -> None:
        refusal = self.packet_class(packet.CONNECT_ERROR, data={"message": message}, namespace=namespace)
        await self._send_packet(eio_sid, refusal)

    async def _recover(self, eio_sid: str, request: RecoveryRequest) -> bool:
        """Recover all of a client's state, or nothing of it; return whether it was recovered."""
        recovery = await self._find_recovery(request)
        if recovery is None or not await self._close_predecessor(recovery.sid):
            return False
        missed = recovery.read_missed()
        if missed is None:
            return False
        self.manager.connect_as(eio_sid, "/", recovery.sid)
        self.private_ids.set_recovered(recovery.sid, request.pid)
        recovery.join_rooms()
        for event in missed:
            arguments = [event.event, event.data, event.offset]
            self._post(eio_sid, self.packet_class(packet.EVENT, data=arguments, binary=False))
        await self._send_packet(eio_sid, self.packet_class(packet.CONNECT, {"sid": recovery.sid}, namespace="/"))
        await recovery.on_recovered()
        return True

    async def _find_recovery(self, request: RecoveryRequest) -> Recovery | None:
        if self._on_recover is None:
            return None
        try:
            return await self._on_recover(request)
        except Exception:
            log.exception("recovery.failed")
            return None

    async def _close_predecessor(self, sid: str) -> bool:
        """Close the client's previous connection if its loss was not noticed yet; return whether it has ended."""
        eio_sid = self.manager.eio_sid_from_sid(sid, "/")
        if eio_sid is None:
            return True
        ended = self._predecessors[eio_sid] = asyncio.get_running_loop().create_future()
        self.eio.close(eio_sid)
        await asyncio.wait([ended], timeout=PREDECESSOR_TIMEOUT_SECONDS)
        return ended.done()

    async def _handle_event(self, eio_sid: str, namespace: str | None, id: int | None, data: list[Any]) -> None:
        """Pass the event to `on_event`, whatever its name; without `on_event`, to the named handler."""
        if self._on_event is None or namespace not in (None, "/"):
            await self._handle_named_event(eio_sid, namespace, id, data)
            return
        sid = self.manager.sid_from_eio_sid(eio_sid, namespace or "/")
        result = await self._on_event(sid, data[0], data[1:], id is not None)
        if id is not None:
            self.eio.post(eio_sid, encode_list(self.packet_class, packet.ACK, [result], namespace=namespace, id=id))

    async def _handle_named_event(self, eio_sid: str, namespace: str | None, id: int | None, data: list[Any]) -> None:
        """Refuse reserved event names, and names that are neither text nor a number, as Node.js's server does."""
        name = _number_name(data[0]) if isinstance(data[0], int | float) else data[0]
        if not isinstance(name, str) or name in self.reserved_events:
            raise MalformedPacket
        await super()._handle_event(eio_sid, namespace, id, [name, *data[1:]])

    def _engineio_server_class(self) -> type[EngineIOServer]:
        return EngineIOServer


def _number_name(number: float) -> Any:
    """The name of an event that is a number, as JavaScript writes it; a boolean is none."""
    if isinstance(number, bool):
        return None
    return str(int(number)) if isinstance(number, int) or number.is_integer() else repr(number)


def _is_unparsed(event: packet.Packet) -> bool:
    return isinstance(event.data[-1], UnparsedPayload)
