"""Stranded conversations: those that could be assigned for more than five seconds."""

from collections.abc import Collection
from uuid import UUID

import pytest
from prometheus_client import REGISTRY

from hummdesk.relay.routing import RoutingSweeper
from hummdesk.routing.watch import Figures, Sightings
from tests.unit.virtual_time import run

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


class Watched:
    """Two accounts of which the first cannot be observed."""

    def forget_others(self, accounts: Collection[UUID]) -> None:
        assert set(accounts) == {FIRST, SECOND}

    async def figures(self, account_id: UUID) -> Figures:
        if account_id == FIRST:
            raise ConnectionError
        return Figures(waiting=1, stranded=3, above_capacity=2, oldest_account_wait=40, oldest_team_wait=5)


class Sweeper(RoutingSweeper):
    async def _accounts(self) -> list[UUID]:
        return [FIRST, SECOND]


def test_account_that_cannot_be_measured_does_not_stop_the_others() -> None:
    sweeper = Sweeper(None, None, None, Watched())  # type: ignore[arg-type]
    with pytest.raises(ConnectionError):
        run(sweeper.measure())
    assert REGISTRY.get_sample_value("hummdesk_routing_stranded") == 3
    assert REGISTRY.get_sample_value("hummdesk_routing_oldest_wait_seconds", {"queue": "account"}) == 40
