"""The decisions of connection state recovery: offsets, rooms, and which events a client missed."""

from uuid import UUID

import pytest

from hummdesk.bus.envelope import Event
from hummdesk.core.models import Person, Role
from hummdesk.server.handlers.recovery import Offset, is_received, permitted_rooms

ACCOUNT, USER, TEAM, CONVERSATION = (UUID(int=number) for number in range(1, 5))
ROOM = f"conversation:{CONVERSATION}"


def an_event(*, offset: str = "20-0", except_rooms: tuple[str, ...] = (), is_volatile: bool = False) -> Event:
    return Event("new_message", [ROOM], list(except_rooms), is_volatile, b"{}", offset)


def a_person(role: Role) -> Person:
    return Person(account_id=ACCOUNT, id=USER, email="a@example.com", name="Ada", role=role, team_ids=(TEAM,))


def is_missed(event: Event, **entered: str) -> bool:
    rooms = {ROOM: entered["at"]} if entered else {}
    return is_received(event, entered=rooms, left_out=rooms.keys())


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("17-0", Offset("17-0", None)),
        ("17-3.12", Offset("17-3", 12)),
        ("", None),
        ("17", None),
        ("17-0.", None),
        ("17-0.12345", None),
        ("-1-0", None),
        ("٣-0", None),
        ("17-0\n", None),
    ],
)
def test_offset_is_parsed_exactly(text: str, expected: Offset | None) -> None:
    assert Offset.parsed(text) == expected


@pytest.mark.parametrize(("at", "expected"), [("10-0", True), ("", True), ("20-0", False), ("30-0", False)])
def test_event_is_received_if_it_came_after_the_socket_entered_the_room(at: str, expected: bool) -> None:
    assert is_missed(an_event(), at=at) is expected


def test_event_of_several_in_an_entry_is_compared_by_its_entry() -> None:
    assert is_missed(an_event(offset="20-0.3"), at="19-9")


def test_event_for_other_rooms_is_not_received() -> None:
    assert not is_missed(an_event())


def test_volatile_event_is_not_received_later() -> None:
    assert not is_missed(an_event(is_volatile=True), at="10-0")


def test_event_that_excludes_one_of_the_rooms_is_not_received() -> None:
    event = an_event(except_rooms=(f"person:{USER}",))
    entered = {ROOM: "10-0"}
    assert not is_received(event, entered=entered, left_out=entered.keys() | {f"person:{USER}"})


def test_permitted_rooms_of_an_agent_include_staff_rooms() -> None:
    assert permitted_rooms(a_person("agent"), [CONVERSATION]) == {
        f"person:{USER}",
        f"account:{ACCOUNT}",
        f"team:{TEAM}",
        f"agent:{USER}",
        ROOM,
        f"{ROOM}:staff",
    }


def test_permitted_rooms_of_a_viewer_lack_the_room_of_an_agent() -> None:
    assert f"agent:{USER}" not in permitted_rooms(a_person("viewer"), [])


def test_permitted_rooms_of_a_customer_are_its_own_and_the_conversation() -> None:
    assert permitted_rooms(a_person("customer"), [CONVERSATION]) == {f"person:{USER}", f"customers:{ACCOUNT}", ROOM}
