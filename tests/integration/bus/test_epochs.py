"""A new epoch of PostgreSQL's data: readers discard what they have, and numbers are given again."""

import pytest
from redis.asyncio import Redis

from hummdesk.bus.commands import Commands
from hummdesk.bus.shards import SHARDS, Shard
from hummdesk.bus.stream_eraser import StreamEraser
from hummdesk.core.config import Settings
from tests.integration.bus.conftest import AccountStream, process

FIRST, SECOND = 1_000, 2_000


@pytest.fixture
def stream(settings: Settings) -> AccountStream:
    """In a database without other processes: the servers of other tests write in the epoch of their PostgreSQL."""
    return AccountStream(settings.redis.removesuffix("/0") + "/1")


@pytest.fixture(autouse=True)
async def no_epoch(redis: Redis) -> None:
    """Each test begins without an epoch in any shard: they share them."""
    await redis.delete(*(Shard(number).epoch for number in range(SHARDS)))


async def test_first_epoch_is_no_loss(stream: AccountStream) -> None:
    async with process(stream) as (writer, delivered):
        writer.enter(FIRST, False)
        await writer.append(stream.message(1))
        await delivered.reaches(1)
        assert delivered.losses == []


async def test_new_epoch_is_a_loss_after_which_a_seq_occurs_again(stream: AccountStream) -> None:
    async with process(stream) as (writer, delivered), stream.writing() as other:
        writer.enter(FIRST, False)
        other.enter(FIRST, False)
        for seq in (1, 2):
            await writer.append(stream.message(seq))
        writer.enter(SECOND, True)
        await writer.append(stream.message(2, closely=False))
        other.enter(SECOND, True)
        await other.append(stream.message(3))
        await delivered.reaches(1, 2, 2, 3)
        assert delivered.losses == [2], "once, whichever writer announces it"


async def test_result_that_a_new_epoch_has_lost_is_delivered_again(stream: AccountStream) -> None:
    """The AI run is repeated, whose result has the same key."""
    key = f"classified/{stream.account_id}"
    async with process(stream) as (writer, delivered):
        writer.enter(FIRST, False)
        await writer.append(stream.number(1, key=key))
        writer.enter(SECOND, True)
        await writer.append(stream.number(2, key=key))
        await writer.append(stream.number(2, key=key))
        await writer.append(stream.number(3))
        await delivered.reaches(1, 2, 3)


async def test_event_that_was_blocked_in_an_earlier_epoch_is_not_appended(stream: AccountStream) -> None:
    key = f"classified/{stream.account_id}"
    eraser = StreamEraser(Commands.of(stream.redis_url))
    async with process(stream) as (writer, delivered):
        writer.enter(FIRST, False)
        await writer.append(stream.number(1, key=key))
        await eraser.block(stream.account_id, [key])
        await eraser.close()
        writer.enter(SECOND, True)
        await writer.append(stream.number(2, key=key))
        await writer.append(stream.number(3))
        await delivered.reaches(1, 3)


async def test_epoch_is_announced_without_an_event(stream: AccountStream) -> None:
    async with process(stream) as (writer, delivered), stream.writing() as other:
        writer.enter(FIRST, False)
        await writer.append(stream.number(1))
        other.enter(SECOND, False)
        await delivered.until(lambda: delivered.losses == [1])


async def test_epoch_of_a_database_that_was_put_back_is_a_new_one(stream: AccountStream) -> None:
    """Its number is lower than that of the database in between."""
    async with process(stream) as (writer, delivered), stream.writing() as restarted:
        writer.enter(SECOND, False)
        await writer.append(stream.message(1))
        restarted.enter(FIRST, False)
        await restarted.append(stream.message(1))
        await delivered.reaches(1, 1)
        assert delivered.losses == [1]


async def test_outdated_writer_appends_no_committed_event(stream: AccountStream) -> None:
    """They may be lost; the relay publishes those that are not."""
    async with process(stream) as (writer, delivered), stream.writing() as outdated:
        outdated.enter(FIRST, False)
        await outdated.append(stream.message(1))
        writer.enter(SECOND, True)
        await writer.append(stream.number(2))
        message, result = outdated.append(stream.message(2)), outdated.append(stream.number(0, key="result"))
        await outdated.append(stream.number(3))
        assert message.cancelled()
        assert result.cancelled()
        await delivered.reaches(1, 2, 3)


async def test_queued_messages_of_an_earlier_epoch_are_dropped(stream: AccountStream) -> None:
    async with process(stream) as (writer, delivered):
        writer.enter(FIRST, False)
        await writer.append(stream.number(1))
        queued, volatile = writer.append(stream.message(1)), writer.append(stream.number(2))
        writer.enter(SECOND, True)
        await volatile
        await writer.append(stream.message(1))
        await delivered.reaches(1, 2, 1)
        assert queued.cancelled()
