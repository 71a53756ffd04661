"""Heartbeat deadlines, with a fake clock."""

from dataclasses import dataclass, field

import pytest

from hummdesk.engine.encoding import PING, EncodedPacket
from hummdesk.engine.heartbeat import PING_PRECISION_SECONDS, Heartbeat
from hummdesk.engine.observer import CloseReason
from tests.unit.engine.conftest import FakeClock

INTERVAL, TIMEOUT = 25.0, 20.0


@dataclass(eq=False)
class FakeSession:
    clock: FakeClock
    awaits_pong: bool = False
    is_reading_paused: bool = False
    pinged: list[float] = field(default_factory=list)
    closed: list[tuple[float, CloseReason]] = field(default_factory=list)

    def post(self, packet: EncodedPacket) -> None:
        assert packet is PING
        self.pinged.append(self.clock.now - 1000)

    def close(self, reason: CloseReason) -> None:
        self.closed.append((self.clock.now - 1000, reason))


@pytest.fixture
def heartbeat(clock: FakeClock) -> Heartbeat:
    return Heartbeat(interval=INTERVAL, timeout=TIMEOUT)


@pytest.fixture
def session(clock: FakeClock) -> FakeSession:
    return FakeSession(clock)


def test_start_sends_the_first_ping_after_the_interval(
    clock: FakeClock, heartbeat: Heartbeat, session: FakeSession
) -> None:
    heartbeat.start(session)
    clock.advance(INTERVAL - 0.1)
    assert session.pinged == []
    clock.advance(0.1)
    assert session.pinged == [INTERVAL]
    assert session.awaits_pong


def test_pong_starts_the_next_interval(clock: FakeClock, heartbeat: Heartbeat, session: FakeSession) -> None:
    heartbeat.start(session)
    clock.advance(INTERVAL)
    clock.advance(3)
    heartbeat.on_pong(session)
    clock.advance(INTERVAL)
    assert session.pinged == [INTERVAL, INTERVAL + 3 + INTERVAL]
    assert session.closed == []


def test_missing_pong_closes_the_session_after_the_timeout(
    clock: FakeClock, heartbeat: Heartbeat, session: FakeSession
) -> None:
    heartbeat.start(session)
    clock.advance(INTERVAL + TIMEOUT - 0.1)
    assert session.closed == []
    clock.advance(0.1)
    assert session.closed == [(INTERVAL + TIMEOUT, CloseReason.PING_TIMEOUT)]


@pytest.mark.parametrize("early", [0, 0.0009])
def test_missing_pong_closes_each_of_many_sessions_on_its_own_time(
    clock: FakeClock, heartbeat: Heartbeat, early: float
) -> None:
    clock.early = early
    sessions = [FakeSession(clock) for _ in range(20)]
    for session in sessions:
        heartbeat.start(session)
        clock.advance(0.003)
    clock.advance(INTERVAL + TIMEOUT)
    for number, session in enumerate(sessions):
        ((closed, reason),) = session.closed
        assert closed == pytest.approx(number * 0.003 + INTERVAL + TIMEOUT, abs=0.001)
        assert reason is CloseReason.PING_TIMEOUT


def test_pings_of_many_sessions_share_timers(clock: FakeClock, heartbeat: Heartbeat) -> None:
    sessions = [FakeSession(clock) for _ in range(1000)]
    for session in sessions:
        heartbeat.start(session)
        clock.advance(0.001)
    clock.advance(INTERVAL)
    moments = [session.pinged[0] for session in sessions]
    assert len(set(moments)) <= 50
    for number, moment in enumerate(moments):
        assert 0 <= number * 0.001 + INTERVAL - moment <= PING_PRECISION_SECONDS + 1e-6


def test_pong_without_a_ping_does_not_delay_the_next_ping(
    clock: FakeClock, heartbeat: Heartbeat, session: FakeSession
) -> None:
    heartbeat.start(session)
    clock.advance(INTERVAL - 1)
    heartbeat.on_pong(session)
    clock.advance(1)
    assert session.pinged == [INTERVAL]


def test_missing_pong_of_a_session_that_is_not_read_extends_the_timeout(
    clock: FakeClock, heartbeat: Heartbeat, session: FakeSession
) -> None:
    heartbeat.start(session)
    session.is_reading_paused = True
    clock.advance(INTERVAL + TIMEOUT)
    assert session.closed == []
    session.is_reading_paused = False
    clock.advance(TIMEOUT)
    assert session.closed == [(INTERVAL + 2 * TIMEOUT, CloseReason.PING_TIMEOUT)]


@pytest.mark.parametrize("elapsed", [0, INTERVAL])
def test_stop_ends_the_heartbeat(clock: FakeClock, heartbeat: Heartbeat, session: FakeSession, elapsed: float) -> None:
    heartbeat.start(session)
    clock.advance(elapsed)
    assert len(heartbeat) == 1
    heartbeat.stop(session)
    assert len(heartbeat) == 0
    pinged = len(session.pinged)
    clock.advance(1000)
    assert len(session.pinged) == pinged
    assert session.closed == []
