from uuid import UUID

from hummdesk.core.metrics import AccountLabels
from hummdesk.core.models import Person, Role
from hummdesk.server.connection_counts import ConnectionCounts

ACCOUNT, OTHER = UUID(int=1), UUID(int=2)


def person(account_id: UUID, role: Role) -> Person:
    return Person(
        id=UUID(int=9),
        account_id=account_id,
        email="name@example.com",
        role=role,
        name="Name",
        team_ids=(),
    )


def test_sockets_are_counted_by_role_and_account() -> None:
    counts = ConnectionCounts(AccountLabels(0))
    for one in (None, None, person(ACCOUNT, "agent"), person(ACCOUNT, "agent"), person(OTHER, "customer")):
        counts.add(one)
    counts.remove(None)
    assert counts.by_role() == {"none": 1, "agent": 2, "customer": 1}
    assert counts.by_account() == {ACCOUNT: {"agent": 2}, OTHER: {"customer": 1}}


def test_changed_accounts_are_returned_once() -> None:
    counts = ConnectionCounts(AccountLabels(0))
    counts.add(person(ACCOUNT, "agent"))
    assert counts.changed_accounts() == {ACCOUNT: {"agent": 1}}
    assert counts.changed_accounts() == {}
    counts.add(person(OTHER, "viewer"))
    assert counts.changed_accounts() == {OTHER: {"viewer": 1}}
    counts.add(person(OTHER, "viewer"))
    counts.by_account()
    assert counts.changed_accounts() == {}


def test_account_without_sockets_is_returned_empty_once_and_then_forgotten() -> None:
    counts = ConnectionCounts(AccountLabels(0))
    counts.add(person(ACCOUNT, "agent"))
    counts.remove(person(ACCOUNT, "agent"))
    assert counts.changed_accounts() == {ACCOUNT: {}}
    assert counts.by_account() == {}
    assert counts.by_role() == {}


def test_socket_whose_person_changes_is_counted_once() -> None:
    counts = ConnectionCounts(AccountLabels(0))
    counts.add(None)
    counts.remove(None)
    assert not counts.has_changed.is_set()
    counts.add(person(ACCOUNT, "agent"))
    assert counts.has_changed.is_set()
    assert counts.by_role() == {"agent": 1}


def test_sockets_of_a_person_are_counted() -> None:
    counts = ConnectionCounts(AccountLabels(0))
    agent = person(ACCOUNT, "agent")
    for _ in range(3):
        counts.add(agent)
    counts.remove(agent)
    assert (counts.of_person(agent.id), counts.of_person(UUID(int=7))) == (2, 0)
