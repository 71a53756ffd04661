"""Gathers what is sent within one tick of the event loop, so that it leaves in one write for each socket."""

import asyncio
from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from hummdesk.engine.parcel import Parcel

if TYPE_CHECKING:
    from hummdesk.engine.session import Session

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
            _write(first, [parcel for _, parcel in waiting])
            return
        for parcels, audience in _shared(waiting):
            _write(audience, parcels)


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


def _write(audience: Audience, parcels: Sequence[Parcel]) -> None:
    """The inner loop of every fan-out: one system call for each session in which nothing waits."""
    frames = parcels[0].frame if len(parcels) == 1 else b"".join([parcel.frame for parcel in parcels])
    size = len(frames)
    for session in audience:
        if (wire := session.wire) is None:
            session.put(parcels)
            continue
        try:
            sent = wire.send(frames)
        except OSError:  # it takes nothing now, or it is broken, of which the transport will hear
            sent = 0
        if sent != size:
            session.put_rest(frames[sent:])
