"""The upgrade of a polling session to a WebSocket: `2probe` from the client, `3probe` to it, `5` from it."""

from typing import Protocol

from hummdesk.engine.encoding import PROBE_PONG
from hummdesk.engine.observer import CloseReason
from hummdesk.engine.websocket import DirectSocket, WebSocket


class UpgradableSession(Protocol):
    def answer_poll(self) -> None:
        """Answer the pending poll, so that the client can pause polling."""

    def switch_to(self, websocket: WebSocket) -> bytes:
        """Make the WebSocket the transport; return the frames to write to it first."""

    def on_probe_ended(self, probe: "UpgradeProbe") -> None: ...


class UpgradeProbe:
    """Handles a WebSocket until it becomes the transport of its session. On any error the session keeps polling."""

    __slots__ = ("_session", "direct_socket", "is_confirmed", "websocket")

    def __init__(self, session: UpgradableSession) -> None:
        self._session = session
        self.is_confirmed = False
        """Whether `2probe` was answered; from then on polls get a NOOP only."""
        self.websocket: WebSocket | None = None
        self.direct_socket: DirectSocket | None = None

    def on_packet(self, data: str | bytes) -> None:
        if not self.is_confirmed and data == "2probe" and self.websocket is not None:
            self.is_confirmed = True
            self.websocket.write(PROBE_PONG.frame)
            self._session.answer_poll()
        elif self.is_confirmed and data == "5" and (websocket := self.on_connection_lost()):
            websocket.write(self._session.switch_to(websocket))
            websocket.resume_writing()
        else:
            self.abort()

    def on_connection_lost(self, _: CloseReason = CloseReason.TRANSPORT_CLOSE) -> WebSocket | None:
        """End the probe; return the WebSocket it had."""
        websocket, self.websocket = self.websocket, None
        self._session.on_probe_ended(self)
        return websocket

    def abort(self) -> None:
        if websocket := self.on_connection_lost():
            websocket.close()
