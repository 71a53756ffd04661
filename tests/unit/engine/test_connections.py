"""Counts and limits of open connections, with fake sessions."""

import pytest

from hummdesk.engine.connections import ConnectionLimits, Connections, network_of
from hummdesk.engine.observer import CloseReason, ConnectionState, Observer, RefusalReason

OPENED, CONNECTED, AUTHENTICATED = ConnectionState


class FakeSession:
    def __init__(self, address: str = "192.0.2.1") -> None:
        self.network = network_of(address)
        self.state: ConnectionState | None = None
        self.closing = False
        self.closed_for: list[CloseReason] = []

    def close(self, reason: CloseReason) -> None:
        self.closing = True
        self.closed_for.append(reason)


class RecordingObserver(Observer):
    def __init__(self) -> None:
        self.changes: list[tuple[ConnectionState | None, ConnectionState | None]] = []

    def on_state_changed(self, before: ConnectionState | None, after: ConnectionState | None) -> None:
        self.changes.append((before, after))


def connections(**limits: int) -> Connections:
    return Connections(ConnectionLimits(**limits), Observer())


@pytest.mark.parametrize(
    ("address", "network"),
    [
        ("192.0.2.7", "192.0.2.7"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("[2001:db8:1:2::9]", "2001:db8:1:2::/64"),
        ("fe80::1%eth0", "fe80::/64"),
        ("::ffff:192.0.2.7", "192.0.2.7"),
        ("unknown" * 100, ("unknown" * 100)[:64]),
        ("", ""),
    ],
)
def test_network_of_an_address_is_what_one_client_has(address: str, network: str) -> None:
    assert network_of(address) == network


def test_counts_follow_the_states_of_sessions() -> None:
    observer = RecordingObserver()
    counted = Connections(ConnectionLimits(), observer)
    session = FakeSession()
    counted.add(session)
    counted.change(session, CONNECTED)
    counted.change(session, CONNECTED)
    counted.change(session, AUTHENTICATED)
    assert (counted.count(), counted.count(OPENED, CONNECTED), counted.count_of("192.0.2.1")) == (1, 0, 1)
    counted.remove(session)
    counted.remove(session)
    assert (counted.count(), counted.count_of("192.0.2.1")) == (0, 0)
    assert observer.changes == [
        (None, OPENED), (OPENED, CONNECTED), (CONNECTED, AUTHENTICATED), (AUTHENTICATED, None)
    ]  # fmt: skip


def test_closing_session_keeps_its_state_until_it_is_removed() -> None:
    counted = connections()
    session = FakeSession()
    counted.add(session)
    session.closing = True
    counted.change(session, AUTHENTICATED)
    assert (session.state, counted.count(OPENED)) == (OPENED, 1)


def test_total_limit_refuses_and_counts_closing_connections() -> None:
    counted = connections(total=2)
    counted.add(FakeSession())
    assert counted.refusal("192.0.2.9") is None
    assert counted.refusal("192.0.2.9", closing=1) is RefusalReason.TOO_MANY


def test_address_limit_refuses_only_that_network() -> None:
    counted = connections(per_address=2)
    session = FakeSession("2001:db8::1")
    counted.add(session)
    counted.add(FakeSession("2001:db8::2"))
    assert counted.refusal("2001:db8::3") is RefusalReason.TOO_MANY_OF_ADDRESS
    assert counted.refusal("2001:db8:0:1::3") is None
    counted.remove(session)
    assert counted.refusal("2001:db8::3") is None


def test_unauthenticated_limit_evicts_the_oldest_session_that_is_not_authenticated() -> None:
    counted = connections(unauthenticated=2)
    first, second, third, fourth = (FakeSession() for _ in range(4))
    for session in (first, second):
        counted.add(session)
    counted.change(first, AUTHENTICATED)
    counted.add(third)
    assert not any(session.closing for session in (first, second, third))
    counted.add(fourth)
    assert second.closed_for == [CloseReason.EVICTED]
    assert not any(session.closing for session in (first, third, fourth))


def test_session_whose_authentication_has_ended_is_not_the_oldest() -> None:
    counted = connections(unauthenticated=1)
    expired, waiting = FakeSession(), FakeSession()
    counted.add(expired)
    counted.change(expired, AUTHENTICATED)
    counted.add(waiting)
    counted.change(expired, CONNECTED)
    counted.add(FakeSession())
    assert (expired.closed_for, waiting.closed_for) == ([], [CloseReason.EVICTED])
