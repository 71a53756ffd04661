"""The states of an upgrade from polling to a WebSocket."""

from typing import Any

import pytest

from hummdesk.engine.encoding import PROBE_PONG, EncodedPacket
from hummdesk.engine.observer import CloseReason
from hummdesk.engine.upgrade import UpgradeProbe
from hummdesk.engine.websocket import DirectSocket, WebSocket, WebSocketOptions
from tests.unit.engine.conftest import FakeClock, FakeTransport

BUFFERED = EncodedPacket("4buffered")


class FakeSession:
    """Records the calls of a probe."""

    direct_socket: DirectSocket | None = None

    def __init__(self) -> None:
        self.calls: list[str] = []
        self.transport: WebSocket | None = None

    def answer_poll(self) -> None:
        self.calls.append("answer_poll")

    def switch_to(self, websocket: WebSocket) -> bytes:
        self.calls.append("switch_to")
        self.transport = websocket
        websocket.handler = self
        return BUFFERED.frame

    def on_probe_ended(self, probe: UpgradeProbe) -> None:
        self.calls.append("on_probe_ended")

    def on_packet(self, data: str | bytes) -> None: ...
    def on_connection_lost(self, reason: CloseReason = CloseReason.TRANSPORT_CLOSE) -> Any: ...


@pytest.fixture
def session() -> FakeSession:
    return FakeSession()


@pytest.fixture
def transport() -> FakeTransport:
    return FakeTransport()


@pytest.fixture
def probe(clock: FakeClock, session: FakeSession, transport: FakeTransport) -> UpgradeProbe:
    options = WebSocketOptions(max_bytes=1000, max_buffered_bytes=1000, close_seconds=2)
    probe = UpgradeProbe(session)
    probe.websocket = WebSocket(options, probe)
    probe.websocket.connection_made(transport)
    return probe


def test_probe_ping_is_answered_and_confirms_the_probe(
    probe: UpgradeProbe, session: FakeSession, transport: FakeTransport
) -> None:
    probe.on_packet("2probe")
    assert transport.written == PROBE_PONG.frame
    assert probe.is_confirmed
    assert session.calls == ["answer_poll"]


def test_upgrade_packet_switches_the_session_and_sends_its_buffer_first(
    probe: UpgradeProbe, session: FakeSession, transport: FakeTransport
) -> None:
    websocket = probe.websocket
    probe.on_packet("2probe")
    transport.take_written()
    probe.on_packet("5")
    assert session.transport is websocket
    assert transport.written == BUFFERED.frame
    assert session.calls == ["answer_poll", "on_probe_ended", "switch_to"]
    assert probe.websocket is None


@pytest.mark.parametrize(
    "packets", [["5"], ["3probe"], ["4early"], [b"2probe"], ["2probe", "2probe"], ["2probe", "4x"]]
)
def test_unexpected_packet_closes_the_websocket_and_keeps_the_session_polling(
    probe: UpgradeProbe, session: FakeSession, transport: FakeTransport, packets: list[str | bytes]
) -> None:
    for packet in packets:
        probe.on_packet(packet)
    assert session.transport is None
    assert session.calls[-1] == "on_probe_ended"
    assert transport.written.endswith(b"\x88\x02\x03\xe8")  # close frame, code 1000
    assert probe.websocket is None


@pytest.mark.parametrize("packets", [[], ["2probe"]])
def test_lost_connection_ends_the_probe(probe: UpgradeProbe, session: FakeSession, packets: list[str | bytes]) -> None:
    websocket = probe.websocket
    assert websocket is not None
    for packet in packets:
        probe.on_packet(packet)
    websocket.connection_lost(None)
    assert session.transport is None
    assert session.calls[-1] == "on_probe_ended"


def test_abort_closes_the_websocket_once(probe: UpgradeProbe, session: FakeSession, transport: FakeTransport) -> None:
    probe.abort()
    probe.abort()
    assert transport.written == b"\x88\x02\x03\xe8"
