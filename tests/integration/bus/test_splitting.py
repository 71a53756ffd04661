"""The number of shards is raised while writers and readers work: nothing is lost, repeated or out of order."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import pytest
from redis.asyncio import Redis
from redis.exceptions import ResponseError

from hummdesk.bus.commands import Commands
from hummdesk.bus.shards import SHARDS, Shard, shard_of
from hummdesk.bus.splitting import ShardSplitter
from hummdesk.bus.stream_eraser import StreamEraser
from hummdesk.bus.stream_reader import ShardReader
from hummdesk.core.config import Settings
from hummdesk.core.ids import new_id
from tests.integration.bus.conftest import AccountStream, process

TWICE = 2 * SHARDS
OLD_SCRIPT = "return string.match(redis.call('GET', KEYS[1]) or '0 0', '^(%d+) (%d+)$')"
"""How versions before splits read the epoch."""


def moving() -> UUID:
    """Return an account that moves to a new shard."""
    return next(one for one in iter(new_id, None) if shard_of(one, TWICE) != shard_of(one))


@pytest.fixture
def stream(settings: Settings) -> AccountStream:
    """In a database without other processes, which would split its shards, too."""
    return AccountStream(settings.redis.removesuffix("/0") + "/2", account_id=moving())


@pytest.fixture(autouse=True)
async def no_keys(redis: Redis) -> AsyncIterator[None]:
    await redis.flushdb()
    yield
    await redis.flushdb()


@pytest.fixture
async def splitter(stream: AccountStream) -> AsyncIterator[ShardSplitter]:
    found = ShardSplitter(Commands.of(stream.redis_url))
    yield found
    await found.close()


async def saved(redis: Redis, shard: Shard) -> dict[str, bytes]:
    """Return the keys of a shard, as a replica has them that is about to be promoted."""
    keys: list[Any] = await redis.keys(f"{shard.stream}*")
    values: list[Any] = [await redis.dump(key) for key in keys]
    return {key.decode(): value for key, value in zip(keys, values, strict=True)}


async def restored(redis: Redis, shard: Shard, keys: dict[str, bytes]) -> None:
    await redis.delete(*await redis.keys(f"{shard.stream}*"))
    for key, value in keys.items():
        await redis.restore(key, 0, value)


async def losses(redis: Redis, shard: Shard) -> int:
    """Count the losses that the stream of a shard announces."""
    entries: Any = await redis.xrange(shard.stream)
    return sum(fields[b"prev"] == b"" for _, fields in entries)


async def disconnect_readers(redis: Redis) -> None:
    """Close all other connections to this database."""
    for client in await redis.client_list():
        if client["db"] == "2":
            await redis.client_kill_filter(_id=client["id"], skipme=True)


@dataclass
class Places:
    """The two shards of the account: before the split, and after it."""

    before: Shard
    after: Shard


def outside(places: Places) -> UUID:
    """Return an account of another shard that moves, too."""
    return next(one for one in iter(moving, None) if shard_of(one) != places.before)


@pytest.fixture
def places(stream: AccountStream) -> Places:
    return Places(shard_of(stream.account_id), shard_of(stream.account_id, TWICE))


async def test_events_around_a_split_are_delivered_once_and_in_order(
    stream: AccountStream, splitter: ShardSplitter, redis: Redis, places: Places
) -> None:
    async with process(stream) as (writer, delivered), stream.writing() as other, stream.reading() as elsewhere:
        for seq in (1, 2):
            await (writer if seq % 2 else other).append(stream.message(seq))
        await splitter.raise_to(TWICE)
        for seq in (3, 4, 5):
            await (writer if seq % 2 else other).append(stream.message(seq))
        for reader in (delivered, elsewhere):
            await reader.reaches(1, 2, 3, 4, 5)
            assert reader.losses == []
    assert await redis.xlen(places.after.stream) == 4, "its first entry, and three messages"


async def test_split_under_load_loses_and_repeats_nothing(stream: AccountStream, splitter: ShardSplitter) -> None:
    """Two processes publish the same messages, as after a process was killed; the number is raised twice."""
    async with process(stream) as (writer, delivered), stream.writing() as other, stream.reading() as elsewhere:
        futures = []
        for seq in range(1, 301):
            futures += [writer.append(stream.message(seq)), other.append(stream.message(seq))]
            if seq % 10 == 0:
                await asyncio.sleep(0)
            if seq in (100, 200):
                await futures[-50]
                await splitter.raise_to(TWICE if seq == 100 else 2 * TWICE)
        await asyncio.gather(*futures)
        for reader in (delivered, elsewhere):
            await reader.reaches(*range(1, 301))
            assert reader.losses == []


async def test_account_that_does_not_move_is_delivered_as_before(
    stream: AccountStream, splitter: ShardSplitter
) -> None:
    stream.account_id = next(one for one in iter(new_id, None) if shard_of(one, TWICE) == shard_of(one))
    async with process(stream) as (writer, delivered):
        await writer.append(stream.message(1))
        await splitter.raise_to(TWICE)
        await writer.append(stream.message(2))
        await delivered.reaches(1, 2)
        assert delivered.losses == []


async def test_process_that_starts_after_the_split_writes_and_reads_the_new_shard(
    stream: AccountStream, splitter: ShardSplitter, places: Places
) -> None:
    async with stream.writing() as earlier:
        await earlier.append(stream.message(1))
        await splitter.raise_to(TWICE)
        async with process(stream) as (writer, delivered):
            assert delivered.shard.shard == places.after
            await earlier.append(stream.message(2))
            await writer.append(stream.message(3))
            await delivered.reaches(2, 3)
            assert delivered.losses == []


async def test_split_whose_process_was_killed_is_completed_by_a_writer(
    stream: AccountStream, splitter: ShardSplitter, places: Places
) -> None:
    """The old shard is split, the new one has not begun."""
    async with process(stream) as (writer, delivered):
        await writer.append(stream.message(1))
        await splitter.split(places.before, TWICE)
        await writer.append(stream.message(2))
        await delivered.reaches(1, 2)
        assert delivered.losses == []
    assert places.after not in await splitter.missing(TWICE)


async def test_split_whose_process_was_killed_is_completed_by_a_reader(
    stream: AccountStream, splitter: ShardSplitter, places: Places
) -> None:
    await splitter.split(places.before, TWICE)
    async with stream.reading() as delivered:
        assert delivered.shard.shard == places.after
    assert places.after not in await splitter.missing(TWICE)


async def test_splits_are_repeated_without_effect(stream: AccountStream, splitter: ShardSplitter, redis: Redis) -> None:
    await splitter.raise_to(TWICE)
    found = [await redis.get(Shard(number).epoch) for number in range(TWICE)]
    await splitter.raise_to(TWICE)
    for number in range(SHARDS, TWICE):
        await splitter.begin(Shard(number))
    assert [await redis.get(Shard(number).epoch) for number in range(TWICE)] == found
    assert await splitter.number() == TWICE


async def test_event_from_before_the_split_is_not_repeated_after_it(
    stream: AccountStream, splitter: ShardSplitter
) -> None:
    """The relay publishes what a killed process may not have published."""
    key = f"classified/{stream.account_id}"
    async with process(stream) as (writer, delivered), stream.writing() as relay:
        await writer.append(stream.message(1))
        await writer.append(stream.number(2, key=key))
        await splitter.raise_to(TWICE)
        await relay.append(stream.message(1))
        await relay.append(stream.number(2, key=key))
        await relay.append(stream.message(2))
        await relay.append(stream.number(3))
        await delivered.reaches(1, 2, 2, 3)


async def test_event_that_was_blocked_before_the_split_is_not_appended_after_it(
    stream: AccountStream, splitter: ShardSplitter
) -> None:
    eraser = StreamEraser(Commands.of(stream.redis_url))
    async with process(stream) as (writer, delivered):
        await eraser.block(stream.account_id, ["early"])
        await splitter.raise_to(TWICE)
        await eraser.block(stream.account_id, ["late"])
        await eraser.close()
        await writer.append(stream.number(1, key="early"))
        await writer.append(stream.number(2, key="late"))
        await writer.append(stream.number(3))
        await delivered.reaches(3)


async def test_eraser_removes_entries_from_before_and_after_the_split(
    stream: AccountStream, splitter: ShardSplitter
) -> None:
    eraser, named = StreamEraser(Commands.of(stream.redis_url)), stream.number(1)
    secret = new_id()
    named.data["id"] = str(secret)
    async with stream.writing() as writer:
        await writer.append(named)
        await splitter.raise_to(TWICE)
        await writer.append(named)
    assert await eraser.count(stream.account_id, {secret}, lambda _: True) == 2
    assert await eraser.remove(stream.account_id, {secret}, lambda _: True) == 2
    assert await eraser.count(stream.account_id, {secret}, lambda _: True) == 0
    await eraser.trim()
    await eraser.close()


async def test_session_from_before_the_split_is_recovered_after_it(
    stream: AccountStream, splitter: ShardSplitter
) -> None:
    async with stream.reading() as delivered, stream.writing() as writer:
        for number in (1, 2):
            await writer.append(stream.number(number))
        await splitter.raise_to(TWICE)
        await writer.append(stream.number(3))
        await delivered.reaches(1, 2, 3)
        reader = await delivered.reader.follow(stream.account_id)
        assert reader is not delivered.shard
        first, _, index = delivered.events[0].offset.partition(".")
        assert await reader.load(first, int(index) if index else None)
        missed = reader.after(first, int(index) if index else None)
        assert missed is not None
        assert [event.data["number"] for event in missed] == [2, 3]


async def test_redis_that_lost_a_split_is_a_loss_and_has_it_again(
    stream: AccountStream, splitter: ShardSplitter, redis: Redis, places: Places
) -> None:
    async with process(stream) as (writer, delivered):
        await splitter.raise_to(TWICE)
        await writer.append(stream.message(1))
        await delivered.reaches(1)
        await redis.flushdb()
        await writer.append(stream.message(2, closely=False))
        await delivered.reaches(1, 2)
        assert delivered.losses[:1] == [1]
    assert places.after not in await splitter.missing(TWICE)


async def test_write_lost_before_the_split_is_a_loss_in_the_new_shard(
    stream: AccountStream, splitter: ShardSplitter, redis: Redis, places: Places
) -> None:
    """A master fails over before the split, its writer learns of both at once; a reader may not have read the write."""
    async with stream.writing() as writer:
        await writer.append(stream.message(1))
        before = await saved(redis, places.before)
        await writer.append(stream.message(2))
        await restored(redis, places.before, before)
        await splitter.raise_to(TWICE)
        await writer.append(stream.number(3))
    assert await losses(redis, places.after) == 1


async def test_write_lost_with_a_split_that_was_repeated_is_a_loss_in_the_new_shard(
    stream: AccountStream, splitter: ShardSplitter, redis: Redis, places: Places
) -> None:
    """Another process has repeated the split before the writer, which knows it, writes to the old shard."""
    async with stream.writing() as writer:
        await writer.append(stream.message(1))
        before = await saved(redis, places.before)
        await writer.append(stream.message(2))
        await splitter.raise_to(TWICE)
        await writer.append(stream.message(3))
        await restored(redis, places.before, before)
        await splitter.split(places.before, TWICE)
        writer.verify(places.before)
        async with asyncio.timeout(20):
            while not await losses(redis, places.after):
                await writer.append(stream.number(4))


async def test_split_that_only_the_old_shard_has_lost_is_repeated_and_a_loss_in_the_new_one(
    stream: AccountStream, splitter: ShardSplitter, redis: Redis, places: Places
) -> None:
    async with stream.reading() as delivered, stream.writing() as writer:
        await writer.append(stream.message(1))
        before = await saved(redis, places.before)
        await splitter.raise_to(TWICE)
        await writer.append(stream.message(2))
        await delivered.reaches(1, 2)
        await restored(redis, places.before, before)
        assert await splitter.missing(TWICE) == [places.before]
        assert await splitter.number() == TWICE
        async with stream.writing() as unaware:
            await unaware.append(stream.number(3))
        await splitter.raise_to(TWICE)
        assert await splitter.missing(TWICE) == []
        await delivered.until(lambda: places.after in delivered.lost)
    await splitter.raise_to(TWICE)
    assert await losses(redis, places.after) == 1


async def test_split_that_a_reader_knows_is_repeated_when_it_reconnects(
    stream: AccountStream, splitter: ShardSplitter, redis: Redis, places: Places
) -> None:
    async with stream.reading() as delivered, stream.writing() as writer:
        await writer.append(stream.message(1))
        before = await saved(redis, places.before)
        await splitter.raise_to(TWICE)
        await writer.append(stream.message(2))
        await delivered.reaches(1, 2)
        await restored(redis, places.before, before)
        await disconnect_readers(redis)
        await delivered.until(lambda: places.after in delivered.lost)
    assert await splitter.missing(TWICE) == []


async def test_writer_that_cannot_read_the_marks_of_one_shard_writes_to_the_others(
    stream: AccountStream, splitter: ShardSplitter, redis: Redis, places: Places
) -> None:
    elsewhere = AccountStream(stream.redis_url, account_id=outside(places))
    async with stream.writing() as writer:
        await writer.append(stream.message(1))
        await splitter.raise_to(TWICE)
        await writer.append(stream.message(2))
        state: Any = await redis.getdel(places.before.epoch)
        await redis.rpush(places.before.epoch, "a value of another type")
        message = writer.append(stream.message(3))
        async with asyncio.timeout(20):
            await writer.append(elsewhere.number(1))
        assert not message.done()
        await redis.set(places.before.epoch, state)
        async with asyncio.timeout(20):
            await message


async def test_reader_that_meets_a_split_while_it_stops_is_stopped(
    stream: AccountStream, splitter: ShardSplitter, places: Places, monkeypatch: pytest.MonkeyPatch
) -> None:
    elsewhere = AccountStream(stream.redis_url, account_id=outside(places))
    original, stopped = ShardReader.stop, set[Shard]()

    async def stop(reader: ShardReader) -> None:
        is_first = not stopped
        stopped.add(reader.shard)
        if is_first:
            await splitter.raise_to(TWICE)
            async with stream.writing() as writer:
                for account in (stream, elsewhere):
                    await writer.append(account.number(1))
            await delivered.until(lambda: len(delivered) > 0)  # by a new reader
        await original(reader)

    async with stream.reading() as delivered:
        await delivered.reader.follow(elsewhere.account_id)
        monkeypatch.setattr(ShardReader, "stop", stop)
    assert stopped == {places.before, places.after, shard_of(elsewhere.account_id)}


async def test_new_epoch_after_a_split_is_a_loss_in_the_new_shard(
    stream: AccountStream, splitter: ShardSplitter, places: Places
) -> None:
    async with process(stream) as (writer, delivered), stream.writing() as other:
        writer.enter(1_000, False)
        await writer.append(stream.message(1))
        await splitter.raise_to(TWICE)
        await writer.append(stream.message(2))
        other.enter(2_000, True)
        await other.append(stream.message(2, closely=False))
        await delivered.reaches(1, 2, 2)
        assert (places.after, 2) in zip(delivered.lost, delivered.losses, strict=True)


async def test_message_that_a_split_refuses_is_not_appended_in_a_newer_epoch(
    stream: AccountStream, splitter: ShardSplitter
) -> None:
    """PostgreSQL may have lost it, and have given its `seq` again."""
    async with process(stream) as (writer, delivered):
        writer.enter(1_000, False)
        await writer.append(stream.message(1))
        await splitter.raise_to(TWICE)
        message, number = writer.append(stream.message(2)), writer.append(stream.number(3))
        await asyncio.sleep(0)  # both are in a write that Redis will refuse
        writer.enter(2_000, True)
        await number
        assert message.cancelled()
        await delivered.reaches(1, 3)


async def test_first_epoch_that_a_process_enters_while_a_split_refuses_its_write_is_announced(
    stream: AccountStream, splitter: ShardSplitter
) -> None:
    """It is older than the one of the stream: the database was replaced."""
    async with stream.writing() as earlier, stream.writing() as writer:
        earlier.enter(2_000, False)
        await earlier.append(stream.message(1))
        await splitter.raise_to(TWICE)
        number = writer.append(stream.number(2))
        await asyncio.sleep(0)  # it is in a write that Redis will refuse
        writer.enter(1_000, False)
        message = writer.append(stream.message(1, closely=False))
        await asyncio.wait([number, message])
        assert not message.cancelled()


async def test_seq_that_is_given_again_after_a_split_is_no_repeat(
    stream: AccountStream, splitter: ShardSplitter
) -> None:
    """A writer looks for marks of the shard that was split before it announces the epoch there."""
    async with process(stream) as (writer, delivered), stream.writing() as other:
        writer.enter(1_000, False)
        await writer.append(stream.message(1))
        await writer.append(stream.number(2, key="once"))
        await splitter.raise_to(TWICE)
        await other.append(stream.number(3))
        other.enter(2_000, True)
        await asyncio.gather(other.append(stream.message(1)), other.append(stream.number(2, key="once")))
        await delivered.reaches(1, 2, 3, 1, 2)


async def test_event_that_was_blocked_before_the_split_is_not_appended_in_a_newer_epoch(
    stream: AccountStream, splitter: ShardSplitter
) -> None:
    eraser = StreamEraser(Commands.of(stream.redis_url))
    async with process(stream) as (writer, delivered):
        writer.enter(1_000, False)
        await writer.append(stream.number(1))
        await eraser.block(stream.account_id, ["erased"])
        await eraser.close()
        await splitter.raise_to(TWICE)
        await writer.append(stream.number(2))
        writer.enter(2_000, True)
        await writer.append(stream.number(3, key="erased"))
        await writer.append(stream.number(4))
        await delivered.reaches(1, 2, 4)


async def test_outdated_epoch_is_outdated_in_the_new_shard_too(stream: AccountStream, splitter: ShardSplitter) -> None:
    async with process(stream) as (writer, delivered), stream.writing() as outdated:
        outdated.enter(1_000, False)
        await outdated.append(stream.message(1))
        writer.enter(2_000, True)
        await writer.append(stream.number(2))
        await splitter.raise_to(TWICE)
        message = outdated.append(stream.message(2))
        await outdated.append(stream.number(3))
        assert message.cancelled()
        await delivered.reaches(1, 2, 3)


async def test_writer_of_an_earlier_version_fails_after_the_split(
    stream: AccountStream, splitter: ShardSplitter, redis: Redis, places: Places
) -> None:
    """It would write where no one reads. Its events are in the outbox, and the relay publishes them."""
    async with stream.writing() as writer:
        writer.enter(1_000, False)
        await writer.append(stream.message(1))
        assert await redis.eval(OLD_SCRIPT, 1, places.before.epoch) == b"1000"
        await splitter.raise_to(TWICE)
        assert await redis.eval(OLD_SCRIPT, 1, places.before.epoch) is None
        with pytest.raises(ResponseError):
            await redis.eval(
                f"local epoch = (function() {OLD_SCRIPT} end)() return 1 > tonumber(epoch)", 1, places.before.epoch
            )
