"""The Engine.IO heartbeat: the server sends a ping after each interval and expects a pong before a timeout."""

from typing import Protocol

from hummdesk.engine.deadlines import Deadlines
from hummdesk.engine.encoding import PING, EncodedPacket
from hummdesk.engine.observer import CloseReason

PING_PRECISION_SECONDS = 0.02
"""Pings that are closer together than this are sent together, so that thousands of idle sessions need few timers. The
timeout of the pong still begins at the ping's own time: a session is closed exactly after interval and timeout.
"""


class HeartbeatSession(Protocol):
    awaits_pong: bool

    @property
    def is_reading_paused(self) -> bool:
        """Whether a pong may have arrived that was not read yet."""

    def __hash__(self) -> int: ...
    def post(self, packet: EncodedPacket) -> None: ...
    def close(self, reason: CloseReason) -> None: ...


class Heartbeat:
    """The heartbeats of all sessions of a server, on two timers."""

    def __init__(self, *, interval: float, timeout: float) -> None:
        self._pings: Deadlines[HeartbeatSession] = Deadlines(
            interval, self._send_ping, precision=PING_PRECISION_SECONDS
        )
        self._pongs: Deadlines[HeartbeatSession] = Deadlines(timeout, self._on_timeout)

    def __len__(self) -> int:
        """The number of sessions with a running heartbeat."""
        return len(self._pings) + len(self._pongs)

    def start(self, session: HeartbeatSession) -> None:
        self._pings.start(session)

    def on_pong(self, session: HeartbeatSession) -> None:
        """Schedule the next ping; ignore a pong without a ping."""
        if session.awaits_pong:
            session.awaits_pong = False
            self._pongs.cancel(session)
            self._pings.start(session)

    def stop(self, session: HeartbeatSession) -> None:
        self._pings.cancel(session)
        self._pongs.cancel(session)

    def clear(self) -> None:
        self._pings.clear()
        self._pongs.clear()

    def _send_ping(self, session: HeartbeatSession) -> None:
        session.awaits_pong = True
        self._pongs.start(session, since=self._pings.expiring)
        session.post(PING)

    def _on_timeout(self, session: HeartbeatSession) -> None:
        if session.is_reading_paused:
            self._pongs.start(session)
        else:
            session.close(CloseReason.PING_TIMEOUT)
