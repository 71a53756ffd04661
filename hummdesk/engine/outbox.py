"""Gathers what is sent within one tick of the event loop, so that it leaves in one write for each socket."""

import asyncio
from collections import defaultdict
from collections.abc import Iterable, Sequence
from functools import cached_property
from typing import TYPE_CHECKING

from hummdesk.engine.parcel import Parcel
from hummdesk.engine.ring import BUFFER_BYTES, Ring, ring_if_any

if TYPE_CHECKING:
    from hummdesk.engine.session import Session
    from hummdesk.engine.websocket import Wire

Audience = list["Session"]

MANY = 16
"""To so many sessions by one system call, where there is one that does it."""


class Outbox:
    """Of one server, for all of its sessions, so that sessions which get the same are written the same bytes."""

    def __init__(self) -> None:
        self._waiting: list[tuple[Audience, Parcel]] = []

    def add(self, audience: Audience, parcel: Parcel) -> None:
        """Send to each of these sessions at the end of this tick, after what was added before."""
        if not self._waiting:
            asyncio.get_running_loop().call_soon(self.flush)
        self._waiting.append((audience, parcel))

    def flush(self) -> None:
        waiting, self._waiting = self._waiting, []
        if not waiting:
            return
        first, _ = waiting[0]
        if all(audience == first for audience, _ in waiting):
            self._write(first, [parcel for _, parcel in waiting])
            return
        for parcels, audience in _shared(waiting):
            self._write(audience, parcels)

    def _write(self, audience: Audience, parcels: Sequence[Parcel]) -> None:
        """The inner loop of every fan-out: in one system call all sessions in which nothing waits, if that can be."""
        frames = parcels[0].frame if len(parcels) == 1 else b"".join([parcel.frame for parcel in parcels])
        sessions, wires = [], []
        for session in audience:
            if (wire := session.wire) is None:
                session.put(parcels)
            else:
                sessions.append(session)
                wires.append(wire)
        for place, sent in self._send(wires, frames):
            sessions[place].put_rest(frames[sent:])

    def _send(self, wires: "list[Wire]", frames: bytes) -> Iterable[tuple[int, int]]:
        """Who has not taken all of it, by place, and the bytes that were."""
        if len(wires) < MANY or len(frames) > BUFFER_BYTES or self._ring is None:
            return _send_each(wires, frames)
        return self._ring.send([wire.fileno() for wire in wires], frames).items()

    @cached_property
    def _ring(self) -> Ring | None:
        return ring_if_any()


def _shared(waiting: list[tuple[Audience, Parcel]]) -> Iterable[tuple[tuple[Parcel, ...], Audience]]:
    """What each session gets, with all the sessions that get exactly that."""
    theirs: defaultdict[Session, list[Parcel]] = defaultdict(list)
    for audience, parcel in waiting:
        for session in audience:
            theirs[session].append(parcel)
    audiences: defaultdict[tuple[Parcel, ...], Audience] = defaultdict(list)
    for session, parcels in theirs.items():
        audiences[tuple(parcels)].append(session)
    return audiences.items()


def _send_each(wires: "list[Wire]", frames: bytes) -> Iterable[tuple[int, int]]:
    size = len(frames)
    for place, wire in enumerate(wires):
        try:
            sent = wire.send(frames)
        except OSError:  # it takes nothing now, or it is broken, of which the transport will hear
            sent = 0
        if sent != size:
            yield place, sent
