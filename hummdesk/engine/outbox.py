"""Gathers what is sent within one tick of the event loop, so that it leaves in one write for each socket."""

import asyncio
from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from hummdesk.engine.parcel import Parcel

if TYPE_CHECKING:
    from hummdesk.engine.session import Session
    from hummdesk.engine.websocket import Wire

Audience = list["Session"]


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
        """The inner loop of every fan-out: directly to all sessions with an empty write buffer."""
        frames = parcels[0].frame if len(parcels) == 1 else b"".join([parcel.frame for parcel in parcels])
        sessions, wires = [], []
        for session in audience:
            if (wire := session.wire) is None:
                session.put(parcels)
            else:
                sessions.append(session)
                wires.append(wire)
        for place, sent in _send_each(wires, frames):
            sessions[place].put_rest(frames[sent:])


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
