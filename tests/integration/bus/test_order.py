"""The messages of a conversation are in the stream in the order of `seq`, whichever process publishes them."""

import asyncio
from uuid import UUID

import pytest

from hummdesk.bus import ordering
from hummdesk.bus.envelope import Envelope, OrderKey
from hummdesk.bus.stream_writer import StreamWriter
from tests.integration.bus.conftest import AccountStream


class StoredMessages(set[int]):
    """The messages in PostgreSQL."""

    is_unavailable = False
    beginning = 1
    """The message whose predecessor is old."""

    def __init__(self, stream: AccountStream) -> None:
        self.stream = stream

    async def fetch(self, account_id: UUID, held: OrderKey, after: int) -> list[Envelope]:
        if self.is_unavailable:
            raise OSError("PostgreSQL is unavailable")
        assert account_id == self.stream.account_id
        found = (seq for seq in sorted(self) if after < seq < held.seq)
        return [self.stream.message(seq, closely=seq != self.beginning) for seq in found]


@pytest.fixture
def short_hold(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ordering, "HOLD_SECONDS", 0.05)


@pytest.fixture
def long_hold(monkeypatch: pytest.MonkeyPatch) -> None:
    """Writers without `fetch` skip missing messages only after a time longer than any machine is suspended."""
    monkeypatch.setattr(ordering, "HOLD_SECONDS", 15)


async def publish(stream: AccountStream, writer: StreamWriter, *seqs: int) -> None:
    for seq in seqs:
        writer.append(stream.message(seq))


@pytest.mark.usefixtures("long_hold")
async def test_messages_published_out_of_order_by_two_processes_are_delivered_in_order(
    stream: AccountStream, writer: StreamWriter
) -> None:
    async with stream.reading() as delivered, stream.writing() as other:
        await publish(stream, writer, 1, 2)
        await publish(stream, other, 5, 6, 4)
        assert not await other.drain(timeout=0.1)
        await publish(stream, other, 7)
        await publish(stream, writer, 3)
        await delivered.reaches(1, 2, 3, 4, 5, 6, 7)
        assert await other.drain(timeout=20)


@pytest.mark.usefixtures("long_hold")
async def test_messages_of_ten_processes_are_delivered_in_order(stream: AccountStream) -> None:
    async def send(seqs: list[int]) -> None:
        async with stream.writing() as writer:
            for seq in seqs:
                writer.append(stream.message(seq))
                await asyncio.sleep(0)
            assert await writer.drain(timeout=15)

    async with stream.reading() as delivered:
        await asyncio.gather(*(send(list(range(first, 301, 10))) for first in range(1, 11)))
        await delivered.reaches(*range(1, 301))


async def test_repeated_message_is_not_delivered_again(stream: AccountStream, writer: StreamWriter) -> None:
    async with stream.reading() as delivered, stream.writing() as other:
        await publish(stream, writer, 1, 2, 2, 1, 3)
        assert await writer.drain(timeout=20)
        await publish(stream, other, 2, 3, 4)
        await delivered.reaches(1, 2, 3, 4)


async def test_unknown_conversation_begins_at_its_first_message(stream: AccountStream, writer: StreamWriter) -> None:
    async with stream.reading() as delivered:
        writer.append(stream.message(41, closely=False))
        await publish(stream, writer, 42)
        await delivered.reaches(41, 42)


@pytest.mark.usefixtures("short_hold")
async def test_missing_messages_are_fetched(stream: AccountStream) -> None:
    """Of a process that was killed between commit and publication."""
    stored = StoredMessages(stream)
    stored |= {2, 3, 4}
    async with stream.reading() as delivered, stream.writing(fetch=stored.fetch) as writer:
        await publish(stream, writer, 1, 5, 6)
        await delivered.reaches(1, 2, 3, 4, 5, 6)
        await publish(stream, writer, 3)
        await publish(stream, writer, 7)
        await delivered.reaches(1, 2, 3, 4, 5, 6, 7)


@pytest.mark.usefixtures("short_hold")
async def test_message_fetched_by_two_processes_is_delivered_once(stream: AccountStream) -> None:
    stored = StoredMessages(stream)
    stored |= {2, 3}
    async with (
        stream.reading() as delivered,
        stream.writing(fetch=stored.fetch) as one,
        stream.writing(fetch=stored.fetch) as two,
    ):
        await publish(stream, one, 1)
        assert await one.drain(timeout=20)
        await publish(stream, one, 3)
        await publish(stream, two, 4)
        await delivered.reaches(1, 2, 3, 4)
        assert await one.drain(timeout=20)
        assert await two.drain(timeout=20)
        assert delivered == [1, 2, 3, 4]


@pytest.mark.usefixtures("short_hold")
async def test_messages_held_by_two_processes_of_unknown_conversation_are_all_delivered(stream: AccountStream) -> None:
    """Redis has lost its data while both publish."""
    stored = StoredMessages(stream)
    stored |= set(range(1, 31))
    stored.beginning = 10
    async with (
        stream.reading() as delivered,
        stream.writing(fetch=stored.fetch) as one,
        stream.writing(fetch=stored.fetch) as two,
    ):
        await publish(stream, one, *range(11, 31, 2))
        await publish(stream, two, *range(12, 31, 2))
        assert await one.drain(timeout=20)
        assert await two.drain(timeout=20)
        await delivered.reaches(*range(10, 31))


@pytest.mark.usefixtures("short_hold")
@pytest.mark.parametrize("first", [5, 6])
async def test_unpublished_message_before_those_of_two_processes_of_unknown_conversation_is_delivered(
    stream: AccountStream, first: int
) -> None:
    """The process of message 4 has died, and what Redis knew of the conversation has expired.

    The process that held the later message forced it with its direct predecessor: message 4 could not follow any more.
    """
    stored = StoredMessages(stream)
    stored |= {1, 2, 3, 4, 5, 6}
    stored.beginning = 4
    async with (
        stream.reading() as delivered,
        stream.writing(fetch=stored.fetch) as one,
        stream.writing(fetch=stored.fetch) as two,
    ):
        for seq, writer in sorted({5: one, 6: two}.items(), reverse=first == 6):
            await publish(stream, writer, seq)
            assert not await writer.drain(timeout=0.01)
        assert await one.drain(timeout=20)
        assert await two.drain(timeout=20)
        await delivered.until(lambda: 6 in delivered)
        assert delivered == [4, 5, 6]


@pytest.mark.usefixtures("short_hold")
async def test_predecessor_of_first_known_message_is_fetched(stream: AccountStream) -> None:
    stored = StoredMessages(stream)
    stored |= {1, 2, 3}
    stored.beginning = 3
    async with stream.reading() as delivered, stream.writing(fetch=stored.fetch) as writer:
        await publish(stream, writer, 4)
        await delivered.reaches(3, 4)


@pytest.mark.usefixtures("short_hold")
async def test_failed_fetch_is_repeated(stream: AccountStream) -> None:
    stored = StoredMessages(stream)
    stored |= {1, 2}
    stored.beginning = 2
    stored.is_unavailable = True
    async with stream.reading() as delivered, stream.writing(fetch=stored.fetch) as writer:
        await publish(stream, writer, 3)
        assert not await writer.drain(timeout=0.3)
        assert delivered == []
        stored.is_unavailable = False
        await delivered.reaches(2, 3)


@pytest.mark.usefixtures("long_hold")
async def test_other_conversations_and_events_do_not_wait_for_held_messages(
    stream: AccountStream, writer: StreamWriter
) -> None:
    other = AccountStream(stream.redis_url, account_id=stream.account_id)
    async with stream.reading() as delivered:
        await publish(stream, writer, 5)
        writer.append(other.message(1))
        writer.append(stream.number(100))
        await delivered.reaches(1, 100)


@pytest.mark.usefixtures("long_hold")
async def test_messages_held_beyond_their_bytes_are_dropped_and_left_to_the_outbox(stream: AccountStream) -> None:
    async with stream.reading() as delivered, stream.writing(backlog_bytes=100_000) as writer:
        stored = [writer.append(stream.message(seq)) for seq in range(2, 100)]
        await asyncio.wait(stored, return_when=asyncio.FIRST_COMPLETED)  # all are dropped at once
        kept = [seq for seq, one in enumerate(stored, start=2) if not one.cancelled()]
        assert kept == list(range(2, 2 + len(kept)))
        assert 5 < len(kept) < 30
        await publish(stream, writer, 1)
        assert await writer.drain(timeout=20)
        await publish(stream, writer, *range(2, 100))  # as the relay does
        await delivered.reaches(*range(1, 100))
        assert not delivered.losses
