"""Stranded conversations: those that could be assigned for more than five seconds."""

from uuid import UUID

from hummdesk.routing.watch import Sightings

FIRST, SECOND = UUID(int=1), UUID(int=2)


def test_conversation_is_stranded_after_five_seconds_beside_a_free_agent() -> None:
    seen = Sightings()
    assert [seen.update([FIRST], now=now) for now in (0.0, 2.0, 5.0, 5.1)] == [0, 0, 0, 1]
    assert seen.update([FIRST, SECOND], now=7.0) == 1
    assert seen.update([SECOND], now=13.0) == 1
    assert seen.update([], now=14.0) == 0


def test_conversation_that_could_not_be_assigned_meanwhile_is_not_stranded() -> None:
    seen = Sightings()
    assert [seen.update(found, now=now) for found, now in (([FIRST], 0.0), ([], 3.0), ([FIRST], 6.0))] == [0, 0, 0]


def test_sightings_that_are_too_old_prove_nothing() -> None:
    seen = Sightings()
    assert [seen.update([FIRST], now=now) for now in (0.0, 11.0, 15.0, 17.0)] == [0, 0, 0, 1]
