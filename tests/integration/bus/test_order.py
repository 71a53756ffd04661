"""The messages of a conversation are in the stream in the order of `seq`, whichever process publishes them."""

import asyncio

import pytest

from hummdesk.bus import ordering
from hummdesk.bus.envelope import Envelope
from hummdesk.bus.stream_writer import StreamWriter
from tests.integration.bus.conftest import Line


class Stored(set[int]):
    """The messages that a look into PostgreSQL finds; None while it is away."""

    is_away = False

    def __init__(self, line: Line) -> None:
        self.line = line

    async def fetch(self, held: Envelope, after: int) -> list[Envelope]:
        if self.is_away:
            raise OSError("PostgreSQL is away")
        assert held.order is not None
        return [self.line.message(seq) for seq in sorted(self) if after < seq < held.order.seq]


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ordering, "HOLD_SECONDS", 0.05)


@pytest.fixture
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Who cannot look up what is missing goes on without it, after longer than any machine stands still."""
    monkeypatch.setattr(ordering, "HOLD_SECONDS", 15)


async def publish(line: Line, emitter: StreamWriter, *seqs: int) -> None:
    for seq in seqs:
        emitter.append(line.message(seq))


@pytest.mark.usefixtures("patient")
async def test_messages_published_out_of_order_by_two_processes_are_delivered_in_order(
    line: Line, emitter: StreamWriter
) -> None:
    async with line.reading() as heard, line.emitting() as other:
        await publish(line, emitter, 1, 2)
        await publish(line, other, 5, 6, 4)
        assert not await other.drain(timeout=0.1)
        await publish(line, other, 7)
        await publish(line, emitter, 3)
        await heard.reaches(1, 2, 3, 4, 5, 6, 7)
        assert await other.drain(timeout=10)


@pytest.mark.usefixtures("patient")
async def test_messages_of_ten_processes_are_delivered_in_order(line: Line) -> None:
    async def send(seqs: list[int]) -> None:
        async with line.emitting() as emitter:
            for seq in seqs:
                emitter.append(line.message(seq))
                await asyncio.sleep(0)
            assert await emitter.drain(timeout=15)

    async with line.reading() as heard:
        await asyncio.gather(*(send(list(range(first, 301, 10))) for first in range(1, 11)))
        await heard.reaches(*range(1, 301))


async def test_repeated_message_is_not_delivered_again(line: Line, emitter: StreamWriter) -> None:
    async with line.reading() as heard, line.emitting() as other:
        await publish(line, emitter, 1, 2, 2, 1, 3)
        assert await emitter.drain(timeout=5)
        await publish(line, other, 2, 3, 4)
        await heard.reaches(1, 2, 3, 4)


async def test_unknown_conversation_begins_at_its_first_message(line: Line, emitter: StreamWriter) -> None:
    async with line.reading() as heard:
        emitter.append(line.message(41, closely=False))
        await publish(line, emitter, 42)
        await heard.reaches(41, 42)


@pytest.mark.usefixtures("impatient")
async def test_missing_messages_are_fetched(line: Line) -> None:
    """A process that was killed between commit and publication."""
    stored = Stored(line)
    stored |= {2, 3, 4}
    async with line.reading() as heard, line.emitting(fetch=stored.fetch) as emitter:
        await publish(line, emitter, 1, 5, 6)
        await heard.reaches(1, 2, 3, 4, 5, 6)
        await publish(line, emitter, 3)
        await publish(line, emitter, 7)
        await heard.reaches(1, 2, 3, 4, 5, 6, 7)


@pytest.mark.usefixtures("impatient")
async def test_message_fetched_by_two_processes_is_delivered_once(line: Line) -> None:
    stored = Stored(line)
    stored |= {2, 3}
    async with (
        line.reading() as heard,
        line.emitting(fetch=stored.fetch) as one,
        line.emitting(fetch=stored.fetch) as two,
    ):
        await publish(line, one, 1)
        assert await one.drain(timeout=5)
        await publish(line, one, 3)
        await publish(line, two, 4)
        await heard.reaches(1, 2, 3, 4)
        assert await one.drain(timeout=5)
        assert await two.drain(timeout=5)
        assert heard == [1, 2, 3, 4]


@pytest.mark.usefixtures("impatient")
async def test_messages_held_by_two_processes_of_unknown_conversation_are_all_delivered(line: Line) -> None:
    """Redis has forgotten everything while both publish."""
    stored = Stored(line)
    stored |= set(range(1, 31))
    async with (
        line.reading() as heard,
        line.emitting(fetch=stored.fetch) as one,
        line.emitting(fetch=stored.fetch) as two,
    ):
        await publish(line, one, *range(11, 31, 2))
        await publish(line, two, *range(12, 31, 2))
        assert await one.drain(timeout=5)
        assert await two.drain(timeout=5)
        await heard.reaches(*range(heard[0], 31))
        assert heard[0] in (10, 11)


@pytest.mark.usefixtures("impatient")
async def test_predecessor_of_first_known_message_is_fetched(line: Line) -> None:
    stored = Stored(line)
    stored |= {1, 2, 3}
    async with line.reading() as heard, line.emitting(fetch=stored.fetch) as emitter:
        await publish(line, emitter, 4)
        await heard.reaches(3, 4)


@pytest.mark.usefixtures("impatient")
async def test_failed_fetch_is_repeated(line: Line) -> None:
    stored = Stored(line)
    stored |= {1, 2}
    stored.is_away = True
    async with line.reading() as heard, line.emitting(fetch=stored.fetch) as emitter:
        await publish(line, emitter, 3)
        assert not await emitter.drain(timeout=0.3)
        assert heard == []
        stored.is_away = False
        await heard.reaches(2, 3)


async def test_other_conversations_and_events_do_not_wait_for_held_messages(line: Line, emitter: StreamWriter) -> None:
    other = Line(line.redis_url, account_id=line.account_id)
    async with line.reading() as heard:
        await publish(line, emitter, 5)
        emitter.append(other.message(1))
        emitter.append(line.number(100))
        await heard.reaches(1, 100)
