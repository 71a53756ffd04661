"""The publisher and its receipts, with a stream that the test holds back."""

import asyncio

import pytest

from hummdesk.core.errors import Unavailable
from hummdesk.publish.events.messages import NewMessage
from hummdesk.publish.publisher import Publisher
from hummdesk.publish.receipts import Receipts
from tests.unit.publish.examples import ACCOUNT, MESSAGE, Stream, a_message


def publisher(stream: Stream, *, waits: bool = False) -> Publisher:
    return Publisher(stream, waits=waits)  # type: ignore[arg-type]


def an_event() -> NewMessage:
    return NewMessage(account_id=ACCOUNT, message=a_message())


async def test_publish_returns_before_the_event_is_stored() -> None:
    stream = Stream()
    await publisher(stream).publish(an_event())
    assert [envelope.event for envelope in stream.envelopes] == ["new_message"]


async def test_publish_waits_for_storage_in_a_process_without_sockets() -> None:
    stream = Stream()
    publishing = asyncio.create_task(publisher(stream, waits=True).publish(an_event(), an_event()))
    await asyncio.sleep(0)
    stream.stored[0].set_result(None)
    await asyncio.sleep(0.01)
    assert not publishing.done()
    stream.stored[1].set_result(None)
    await publishing


async def test_publish_stored_of_a_dropped_event_is_unavailable() -> None:
    stream = Stream()
    publishing = asyncio.create_task(publisher(stream).publish_stored(an_event(), an_event()))
    await asyncio.sleep(0)
    stream.stored[0].cancel()
    stream.stored[1].set_result(None)
    with pytest.raises(Unavailable):
        await publishing


async def test_publish_of_nothing_returns() -> None:
    await publisher(Stream(), waits=True).publish()


async def test_receipt_is_confirmed_when_all_its_events_are_stored() -> None:
    stream, receipts = Stream(), Receipts()
    await publisher(stream).publish(an_event(), an_event(), receipt=receipts.pending(ACCOUNT, MESSAGE))
    stream.stored[0].set_result(None)
    await asyncio.sleep(0)
    assert receipts.take_confirmed(10) == []
    assert not receipts.has_confirmed.is_set()
    stream.stored[1].set_result(None)
    await asyncio.sleep(0)
    assert receipts.has_confirmed.is_set()
    assert receipts.take_confirmed(10) == [(ACCOUNT, MESSAGE)]
    assert receipts.take_confirmed(10) == []


async def test_receipt_of_a_dropped_event_stays_pending() -> None:
    stream, receipts = Stream(), Receipts()
    await publisher(stream).publish(an_event(), an_event(), receipt=receipts.pending(ACCOUNT, MESSAGE))
    stream.stored[0].cancel()
    stream.stored[1].set_result(None)
    await asyncio.sleep(0)
    assert receipts.take_confirmed(10) == []


async def test_take_confirmed_returns_at_most_so_many() -> None:
    stream, receipts = Stream(), Receipts()
    stream.stores_at_once = True
    for _ in range(3):
        await publisher(stream).publish(an_event(), receipt=receipts.pending(ACCOUNT, MESSAGE))
    await asyncio.sleep(0)
    assert [len(receipts.take_confirmed(2)) for _ in range(3)] == [2, 1, 0]


async def published_states(*reads: list[str], published: list[str] | None = None) -> list[str]:
    """The states that `publish_current` publishes when it reads these, one after the other."""
    stream, states, answers = Stream(), [], list(reads)
    stream.stores_at_once = True

    async def read() -> list[str]:
        return answers.pop(0)

    async def event(state: str) -> NewMessage:
        states.append(state)
        return an_event()

    await publisher(stream).publish_current(read, event, published=published)
    assert answers == []
    return states


async def test_publish_current_reads_until_nothing_has_changed() -> None:
    assert await published_states(["a"], ["b"], ["b"]) == ["a", "b"]


async def test_publish_current_publishes_only_states_that_changed() -> None:
    assert await published_states(["a", "x"], ["b", "x"], ["b", "x"]) == ["a", "x", "b"]


async def test_publish_current_with_the_state_published_before_publishes_nothing() -> None:
    assert await published_states(["a"], published=["a"]) == []


async def test_publish_current_without_states_publishes_nothing() -> None:
    assert await published_states([]) == []
