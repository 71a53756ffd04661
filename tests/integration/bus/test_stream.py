"""The event stream on a real Redis: order, deduplication, and recovery from failures."""

import asyncio
import time
from dataclasses import replace
from functools import partial
from operator import contains
from typing import Any

import pytest
import uvloop
from redis.asyncio import Redis
from redis.exceptions import ConnectionError as RedisConnectionError

from hummdesk.bus import stream_reader, stream_writer
from hummdesk.bus.client import connect
from hummdesk.bus.envelope import Event
from hummdesk.bus.link import ProtocolLink
from hummdesk.bus.own_connection import OwnConnection
from hummdesk.bus.shards import shard_of
from hummdesk.bus.stream_reader import ShardReader, StreamReader
from hummdesk.bus.stream_writer import StreamWriter
from hummdesk.core.ids import new_id
from tests.integration.bus.conftest import AccountStream


async def test_every_reader_delivers_all_events_in_order(stream: AccountStream, writer: StreamWriter) -> None:
    async with stream.reading() as first, stream.reading() as second:
        for value in range(1200):
            writer.append(stream.number(value))
        await first.reaches(*range(1200))
        await second.reaches(*range(1200))


async def test_events_before_the_reader_are_not_delivered(stream: AccountStream, writer: StreamWriter) -> None:
    writer.append(stream.number(1))
    assert await writer.drain(timeout=20)
    async with stream.reading() as delivered:
        writer.append(stream.number(2))
        await delivered.reaches(2)
        assert not delivered.losses


async def test_events_of_one_iteration_share_an_entry_and_have_distinct_offsets(
    stream: AccountStream, writer: StreamWriter, redis: Redis
) -> None:
    key = shard_of(stream.account_id).stream
    async with stream.reading() as delivered:
        before = await redis.xlen(key)
        for value in range(3):
            writer.append(stream.number(value))
        await delivered.reaches(0, 1, 2)
        assert await redis.xlen(key) == before + 1
        entry = delivered.shard.position
        assert [event.offset for event in delivered.events] == [f"{entry}.0", f"{entry}.1", entry]


async def test_other_shards_are_not_read_and_idle_shards_are_stopped(
    stream: AccountStream, writer: StreamWriter, redis: Redis
) -> None:
    """A shard is idle when no account needed it in two successive calls."""
    delivered: list[Event] = []
    reader = StreamReader(
        connect(stream.redis_url),
        deliver=delivered.append,
        on_loss=lambda shard: pytest.fail(str(shard)),
        keep_seconds=60,
    )
    others = [other for other in (new_id() for _ in range(200)) if shard_of(other) != shard_of(stream.account_id)]
    shard = await reader.follow(stream.account_id)
    assert await reader.follow(stream.account_id) is shard
    for other in others:
        writer.append(replace(stream.number(1), account_id=other))
    writer.append(stream.number(2))
    assert await writer.drain(timeout=20)
    async with asyncio.timeout(20):
        while not delivered:
            await asyncio.sleep(0.01)
    assert [event.data["number"] for event in delivered] == [2]
    await reader.stop_idle([stream.account_id])
    await reader.stop_idle([])
    assert reader.position(stream.account_id)
    await reader.stop_idle([])
    assert not reader.position(stream.account_id)
    await reader.stop()


async def test_write_with_lost_answer_is_delivered_once(stream: AccountStream, writer: StreamWriter) -> None:
    original = writer._write
    lost: list[bool] = []

    async def forgetful(writes: list[stream_writer._Write]) -> list[bytes | Exception]:
        answers = await original(writes)
        if not lost:
            lost.append(True)
            return [RedisConnectionError("the answer was lost")] * len(answers)
        return answers

    writer._write = forgetful  # type: ignore[method-assign]
    async with stream.reading() as delivered:
        writer.append(stream.number(1))
        writer.append(stream.number(2))
        await delivered.reaches(1, 2)
        writer.append(stream.number(3))
        await delivered.reaches(1, 2, 3)
        assert not delivered.losses


async def test_event_with_repeated_key_is_delivered_once(stream: AccountStream, writer: StreamWriter) -> None:
    async with stream.reading() as delivered, stream.writing() as other:
        for value, key in enumerate(("a", "b", "a", None, None, "b")):
            key = key and f"{key}/{stream.account_id}"
            writer.append(replace(stream.number(value), key=key))
        await delivered.reaches(0, 1, 3, 4)
        other.append(replace(stream.number(5), key=f"a/{stream.account_id}"))
        other.append(stream.number(6))
        await delivered.reaches(0, 1, 3, 4, 6)


async def test_backlog_is_delivered_as_sockets_drain(stream: AccountStream, writer: StreamWriter, redis: Redis) -> None:
    asked, answer = asyncio.Event(), asyncio.Event()

    async def drain() -> None:
        asked.set()
        await answer.wait()

    large = [replace(stream.number(0), data={"number": value, "padding": "x" * 100_000}) for value in range(4)]
    async with stream.reading(drain=drain) as delivered:
        await asyncio.gather(*(writer.append(one) for one in large))
        async with asyncio.timeout(20):
            await asked.wait()
        await writer.append(stream.number(4))  # Redis has it
        assert await redis.xlen(shard_of(stream.account_id).stream) >= 3
        assert delivered == [0, 1, 2]
        answer.set()
        await delivered.reaches(0, 1, 2, 3, 4)


async def test_killed_connections_lose_no_events(stream: AccountStream, writer: StreamWriter, redis: Redis) -> None:
    """Fault row 7, short."""
    async with stream.reading() as delivered:
        for value in range(300):
            writer.append(stream.number(value))
            if value % 100 == 50:
                await redis.client_kill_filter(_type="normal", skipme=True)
            await asyncio.sleep(0.002)
        await delivered.reaches(*range(300))
        assert not delivered.losses


def test_connection_closed_by_uvloop_loses_no_events(stream: AccountStream, monkeypatch: pytest.MonkeyPatch) -> None:
    """Fault row 5, where a connection breaks just before it is used."""
    unlucky: list[OwnConnection] = []
    exchange = ProtocolLink.exchange

    async def close_and_exchange(link: ProtocolLink, *arguments: Any) -> list[Any]:
        if unlucky and link is unlucky[0]._link:
            unlucky.clear()
            link._transport.abort()
        return await exchange(link, *arguments)

    async def talk() -> None:
        async with stream.writing() as writer, stream.reading() as delivered:
            users: list[Any] = [writer, delivered.shard]
            for value, user in enumerate(users):
                writer.append(stream.number(2 * value))
                await delivered.until(partial(contains, delivered, 2 * value))
                unlucky.append(user._connection)
                writer.append(stream.number(2 * value + 1))
                await delivered.until(partial(contains, delivered, 2 * value + 1))
            writer.append(stream.number(4))
            await delivered.reaches(0, 1, 2, 3, 4)
            assert not unlucky
            assert not delivered.losses

    monkeypatch.setattr(ProtocolLink, "exchange", close_and_exchange)
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(talk())


async def test_paused_redis_delays_but_loses_no_events(stream: AccountStream, redis: Redis) -> None:
    """Fault row 6, short: `append` does not wait for Redis."""
    writer = StreamWriter(connect(stream.redis_url, timeout=0.3), length=10_000)
    async with stream.reading() as delivered:
        writer.append(stream.number(0))
        await delivered.reaches(0)
        paused = time.monotonic()
        await redis.client_pause(1500)
        for value in range(1, 50):
            writer.append(stream.number(value))
        is_drained = await writer.drain(timeout=0.2)
        assert not is_drained or time.monotonic() - paused > 1.5
        await delivered.reaches(*range(50))
        assert delivered.shard.is_current()
        assert not delivered.losses
    await writer.close()


async def test_failed_delivery_does_not_affect_other_events(stream: AccountStream, writer: StreamWriter) -> None:
    async with stream.reading() as delivered:
        original = delivered.shard._deliver

        def deliver(event: Event) -> None:
            if event.data["number"] == 1:
                raise ValueError("a bad event")
            original(event)

        delivered.shard._deliver = deliver
        for value in range(3):
            writer.append(stream.number(value))
        await delivered.reaches(0, 2)


async def test_stream_is_trimmed_to_its_length(stream: AccountStream, redis: Redis) -> None:
    async with stream.writing(length=100) as writer:
        for value in range(600):
            await writer.append(stream.number(value))
    assert await redis.xlen(shard_of(stream.account_id).stream) < 300


async def test_stream_is_trimmed_to_its_bytes(stream: AccountStream, redis: Redis) -> None:
    """10,000 entries may be kept, of 30 KB each."""
    key = shard_of(stream.account_id).stream
    async with stream.writing(shard_bytes=1_000_000) as writer:
        for value in range(120):
            await writer.append(replace(stream.number(value), data={"number": value, "padding": "x" * 30_000}))
    entries: Any = await redis.xrange(key)
    size = sum(len(part) for _, fields in entries for part in fields.values())
    assert 800_000 < size < 1_150_000
    assert (await redis.memory_usage(key, samples=0) or 0) < 1_500_000
    assert await redis.llen(f"{key}:parts") <= 16


async def test_reader_that_begins_before_redis_answers_reports_a_loss(
    stream: AccountStream, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Events between the socket's authentication and the first answer of Redis are unknown."""
    monkeypatch.setattr(stream_reader, "BEGIN_SECONDS", 0.05)
    find_position, may_answer = ShardReader._find_position, asyncio.Event()

    async def held(self: ShardReader) -> None:
        await may_answer.wait()
        await find_position(self)

    monkeypatch.setattr(ShardReader, "_find_position", held)
    async with stream.reading() as delivered:
        assert not delivered.shard.position
        may_answer.set()
        await delivered.until(lambda: bool(delivered.losses))
        assert delivered.shard.position
