"""Positions and expected waits of customers in queues, and how often they are published."""

from dataclasses import replace
from typing import Any
from uuid import UUID, uuid4

import pytest

from hummdesk.relay.queue_positions import PASS_SECONDS, QueuePositions
from hummdesk.routing.positions import LEAST_PACED, MOST, QueueState, changed
from hummdesk.storage.queue_positions import Pace, QueuePosition
from tests.unit.virtual_time import run

QUEUE, AGENT = uuid4(), uuid4()


def expected(position: int = 3, **known: Any) -> int | None:
    paces = {QUEUE: Pace(LEAST_PACED, 80.2)}
    state = QueueState(paces=paces, members={QUEUE: {AGENT}}, online={AGENT}, is_open=True)
    return replace(state, **known).queued(QueuePosition(uuid4(), QUEUE, position)).expected_wait_seconds


def test_expected_wait_is_the_pace_times_the_position() -> None:
    assert expected() == 241
    assert expected(1) == 81


@pytest.mark.parametrize(
    "known",
    [
        {"paces": {}},
        {"paces": {QUEUE: Pace(LEAST_PACED - 1, 80.0)}},
        {"paces": {uuid4(): Pace(LEAST_PACED, 80.0)}},
        {"members": {}},
        {"members": {QUEUE: {uuid4()}}},
        {"online": set()},
        {"is_open": False},
        {"position": MOST + 1},
    ],
)
def test_expected_wait_without_data_or_agents_is_not_known(known: dict[str, Any]) -> None:
    assert expected(**known) is None


def test_position_has_no_expected_wait_on_the_wire_if_it_is_not_known() -> None:
    state = QueueState(paces={}, members={}, online=set(), is_open=True)
    assert state.queued(QueuePosition(uuid4(), QUEUE, 4)).wire() == {"position": 4}


def test_only_positions_that_differ_are_changed() -> None:
    first, second, new = (QueuePosition(uuid4(), QUEUE, position) for position in (1, 2, 3))
    published = {first.conversation_id: 1, second.conversation_id: 3, uuid4(): 2}
    assert changed([first, second, new], published) == [second, new]


class Passes(QueuePositions):
    """Records when it passes over an account, in place of passing."""

    def __init__(self, *, busy: int = 0) -> None:
        self.now = 0.0
        self.found: list[tuple[UUID, float]] = []
        self.busy = busy
        super().__init__(None, None, None, None, None, clock=lambda: self.now)  # type: ignore[arg-type]

    async def _pass(self, account_id: UUID) -> bool:
        self.found.append((account_id, self.now))
        self.busy -= 1
        return self.busy < 0


def test_account_is_passed_over_once_a_second_however_often_it_changes() -> None:
    passes, account, other = Passes(), uuid4(), uuid4()

    async def follow() -> None:
        for tenth in range(25):
            passes.now = tenth / 10
            passes.change(account)
            due = await passes.publish_changed()
            assert due is None or 0 <= due <= PASS_SECONDS
        passes.now = 2.45
        passes.change(other)
        await passes.publish_changed()

    run(follow())
    assert passes.found == [(account, 0.0), (account, 1.0), (account, 2.0), (other, 2.45)]


def test_account_that_another_relay_passes_over_is_tried_again() -> None:
    passes, account = Passes(busy=1), uuid4()

    async def follow() -> float | None:
        passes.change(account)
        due = await passes.publish_changed()
        passes.now = PASS_SECONDS
        assert await passes.publish_changed() is None
        return due

    assert run(follow()) == PASS_SECONDS
    assert passes.found == [(account, 0.0), (account, PASS_SECONDS)]


def test_account_whose_pass_fails_is_tried_again() -> None:
    passes, account = Passes(), uuid4()

    async def fail(account_id: UUID) -> bool:
        raise ConnectionError

    async def follow() -> None:
        passes.change(account)
        passes._pass, whole = fail, passes._pass  # type: ignore[method-assign]
        with pytest.raises(ConnectionError):
            await passes.publish_changed()
        passes._pass = whole  # type: ignore[method-assign]
        passes.now = PASS_SECONDS
        await passes.publish_changed()

    run(follow())
    assert passes.found == [(account, PASS_SECONDS)]
