"""The loop that publishes overdue events again, with stores in memory."""

import asyncio

import pytest

from hummdesk.core.errors import Unavailable
from hummdesk.publish.publisher import Publisher
from hummdesk.relay import republisher
from hummdesk.relay.republisher import BATCH, Republisher


class Store:
    """Remembers receipts by number. A receipt in `failing` raises, one in `stuck` is never stored."""

    def __init__(self, *pending: int, failing: tuple[int, ...] = (), stuck: tuple[int, ...] = ()) -> None:
        self.pending = list(pending)
        self.failing = failing
        self.stuck = stuck
        self.published: list[int] = []

    async def overdue(self, limit: int) -> list[int]:
        return self.pending[:limit]

    async def republish(self, key: int) -> None:
        if key in self.stuck:
            await asyncio.Event().wait()
        if key in self.failing:
            raise ValueError(key)
        self.published.append(key)
        self.pending.remove(key)


class Stream:
    """Stands in for the stream writer."""

    def __init__(self, *, is_drained: bool = True) -> None:
        self.is_drained = is_drained

    async def drain(self, *, timeout: float) -> bool:
        return self.is_drained


def looping(*stores: Store, is_drained: bool = True) -> Republisher:
    return Republisher(Publisher(Stream(is_drained=is_drained)), stores)  # type: ignore[arg-type]


async def test_republish_confirms_every_overdue_receipt_of_every_store() -> None:
    stores = Store(1, 2), Store(3)
    await looping(*stores).republish()
    assert [store.published for store in stores] == [[1, 2], [3]]
    assert [store.pending for store in stores] == [[], []]


async def test_republish_reads_on_while_batches_are_full() -> None:
    store = Store(*range(2 * BATCH + 1))
    await looping(store).republish()
    assert store.published == list(range(2 * BATCH + 1))


async def test_republish_while_redis_is_unavailable_publishes_nothing() -> None:
    store = Store(1)
    with pytest.raises(Unavailable):
        await looping(store, is_drained=False).republish()
    assert store.published == []


async def test_failing_store_does_not_stop_the_others_and_keeps_its_receipt() -> None:
    failing, other = Store(1, failing=(1,)), Store(2)
    with pytest.raises(ValueError, match="1"):
        await looping(failing, other).republish()
    assert (failing.pending, other.pending) == ([1], [])


async def test_event_that_is_not_stored_in_time_stays_overdue(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(republisher, "REPUBLISH_SECONDS", 0.01)
    stuck, other = Store(1, stuck=(1,)), Store(2)
    with pytest.raises(Unavailable):
        await looping(stuck, other).republish()
    assert (stuck.pending, other.pending) == ([1], [])
