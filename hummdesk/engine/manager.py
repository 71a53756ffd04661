"""The members of each room in plain dicts: a delivery or a disconnect reads only the rooms concerned.

Depends on private members of python-socketio's AsyncManager, whose version is therefore pinned exactly. Called:
`_generate_ack_id`. The attribute `rooms` has another layout.
"""

from collections.abc import Collection, Iterable, Iterator
from typing import Any

from socketio import AsyncManager, packet

from hummdesk.engine.encoding import encode
from hummdesk.engine.session import Session

Members = dict[str, Session]
"""Engine.IO sessions by Socket.IO sid."""


class RoomManager(AsyncManager):  # type: ignore[misc]
    """socketio.AsyncManager. `rooms[namespace][None]` has all members; the own room of a sid is not stored."""

    def __init__(self) -> None:
        super().__init__()
        self._sids: dict[tuple[str, str], str] = {}
        self._entered: dict[tuple[str, str], set[Any]] = {}
        self._connecting: set[tuple[str, str]] = set()
        self._disconnecting: set[tuple[str, str]] = set()

    def members(self, namespace: str, room: Any) -> Members:
        """The members of a room; do not modify the result."""
        rooms = self.rooms.get(namespace)
        if rooms is None:
            return {}
        if room is not None and room in rooms:
            found: Members = rooms[room]
            return found
        all_members, sessions = rooms[None], self.server.eio.sockets
        sids = all_members if room is None else [room] if room in all_members else []
        return {sid: session for sid in sids if (session := sessions.get(all_members[sid])) is not None}

    def members_of_any(self, namespace: str, rooms: Iterable[Any]) -> Members:
        """The members of any of the rooms; do not modify the result, which for a single room is the stored dict."""
        found: Members = {}
        for members in filter(None, (self.members(namespace, room) for room in rooms)):
            found = found | members if found else members
        return found

    def get_participants(self, namespace: str, room: Any) -> Iterator[tuple[str, str]]:
        several = isinstance(room, Collection) and not isinstance(room, str)
        members = self.members_of_any(namespace, room) if several else self.members(namespace, room)
        yield from [(sid, session.sid) for sid, session in members.items()]

    async def pre_connect(self, eio_sid: str, namespace: str) -> str | None:
        if (namespace, eio_sid) in self._sids:
            return None
        sid: str = self.server.eio.generate_id()
        self.connect_as(eio_sid, namespace, sid)
        self._connecting.add((namespace, sid))
        return sid

    async def connect(self, sid: str, namespace: str) -> str | None:
        """Complete a connect. Without a `pre_connect` before, `sid` is that of Engine.IO."""
        if (namespace, sid) not in self._connecting:
            return await self._connect_directly(sid, namespace)
        self._connecting.discard((namespace, sid))
        return sid

    async def _connect_directly(self, eio_sid: str, namespace: str) -> str | None:
        sid = await self.pre_connect(eio_sid, namespace)
        if sid is not None:
            self._connecting.discard((namespace, sid))
        return sid

    def connect_as(self, eio_sid: str, namespace: str, sid: str) -> None:
        """Connect a session under the sid of a recovered one."""
        self._sids[namespace, eio_sid] = sid
        self.rooms.setdefault(namespace, {None: {}})[None][sid] = eio_sid

    def is_pre_connected(self, sid: str, namespace: str) -> bool:
        return (namespace, sid) in self._connecting

    def is_connected(self, sid: str | None, namespace: str) -> bool:
        key = (namespace, sid)
        if key in self._connecting or key in self._disconnecting:
            return False
        return sid is not None and self.is_sid_room(namespace, sid)

    def sid_from_eio_sid(self, eio_sid: str, namespace: str) -> str | None:
        return self._sids.get((namespace, eio_sid))

    def pre_disconnect(self, sid: str, namespace: str) -> str | None:
        self._disconnecting.add((namespace, sid))
        eio_sid: str | None = self.eio_sid_from_sid(sid, namespace)
        return eio_sid

    def basic_disconnect(self, sid: str, namespace: str, **_: Any) -> None:
        for room in list(self._entered.get((namespace, sid), ())):
            self.basic_leave_room(sid, namespace, room)
        eio_sid = self.eio_sid_from_sid(sid, namespace)
        if eio_sid is not None:
            del self._sids[namespace, eio_sid]
            del self.rooms[namespace][None][sid]
            if not self.rooms[namespace][None]:
                del self.rooms[namespace]
        self.callbacks.pop(sid, None)
        self._connecting.discard((namespace, sid))
        self._disconnecting.discard((namespace, sid))

    def is_sid_room(self, namespace: str, room: Any) -> bool:
        return room is not None and room in self.rooms.get(namespace, {}).get(None, {})

    def basic_enter_room(self, sid: str, namespace: str, room: Any, eio_sid: str | None = None) -> None:
        eio_sid = self.eio_sid_from_sid(sid, namespace)
        if eio_sid is None:
            raise ValueError("sid is not connected to requested namespace")
        if room == sid or room is None:
            return
        if self.is_sid_room(namespace, room):
            raise ValueError("cannot enter a sid room")
        self.rooms[namespace].setdefault(room, {})[sid] = self.server.eio.sockets[eio_sid]
        self._entered.setdefault((namespace, sid), set()).add(room)

    def basic_leave_room(self, sid: str, namespace: str, room: Any) -> None:
        entered = self._entered.get((namespace, sid), set())
        if room not in entered:
            return
        entered.discard(room)
        if not entered:
            del self._entered[namespace, sid]
        members = self.rooms[namespace][room]
        del members[sid]
        if not members:
            del self.rooms[namespace][room]

    def get_rooms(self, sid: str, namespace: str) -> list[Any]:
        own = [sid] if self.is_sid_room(namespace, sid) else []
        return [*own, *self._entered.get((namespace, sid), ())]

    async def emit(
        self,
        event: str,
        data: Any,
        namespace: str,
        room: Any = None,
        skip_sid: Any = None,
        callback: Any = None,
        to: Any = None,
        **_: Any,
    ) -> None:
        arguments = list(data) if isinstance(data, tuple) else [] if data is None else [data]
        skipped = set(skip_sid) if isinstance(skip_sid, list) else {skip_sid}
        recipients = {
            sid: eio_sid for sid, eio_sid in self.get_participants(namespace, to or room) if sid not in skipped
        }
        event_packet = self.server.packet_class(packet.EVENT, namespace=namespace, data=[event, *arguments])
        if callback is None:
            self._post(recipients.values(), event_packet)
        for sid, eio_sid in recipients.items() if callback is not None else ():
            event_packet.id = self._generate_ack_id(sid, callback)
            self._post([eio_sid], event_packet)

    def _post(self, eio_sids: Iterable[str], socketio_packet: packet.Packet) -> None:
        sockets = self.server.eio.sockets
        sessions = [sockets[eio_sid] for eio_sid in eio_sids if eio_sid in sockets]
        for encoded in encode(socketio_packet) if sessions else ():
            self.server.eio.coalescer.add(sessions, encoded)
