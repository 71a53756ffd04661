"""The event stream on a real Redis: order, deduplication, and recovery from failures."""

import asyncio
from dataclasses import replace
from typing import Any

import pytest
import uvloop
from redis.asyncio import Redis
from redis.asyncio.connection import AbstractConnection
from redis.exceptions import ConnectionError as RedisConnectionError

from hummdesk.bus import stream_reader as readers
from hummdesk.bus import stream_writer as emitters
from hummdesk.bus.client import connect
from hummdesk.bus.envelope import Event
from hummdesk.bus.shards import shard_of
from hummdesk.bus.stream_reader import StreamReader
from hummdesk.bus.stream_writer import StreamWriter
from hummdesk.core.ids import new_id
from tests.integration.bus.conftest import Line


async def test_every_reader_delivers_all_events_in_order(line: Line, emitter: StreamWriter) -> None:
    async with line.reading() as first, line.reading() as second:
        for value in range(1200):
            emitter.append(line.number(value))
        await first.reaches(*range(1200))
        await second.reaches(*range(1200))


async def test_events_before_the_reader_are_not_delivered(line: Line, emitter: StreamWriter) -> None:
    emitter.append(line.number(1))
    assert await emitter.drain(timeout=5)
    async with line.reading() as heard:
        emitter.append(line.number(2))
        await heard.reaches(2)
        assert not heard.losses


async def test_events_of_one_iteration_share_an_entry_and_have_distinct_offsets(
    line: Line, emitter: StreamWriter, redis: Redis
) -> None:
    stream = shard_of(line.account_id).stream
    async with line.reading() as heard:
        before = await redis.xlen(stream)
        for value in range(3):
            emitter.append(line.number(value))
        await heard.reaches(0, 1, 2)
        assert await redis.xlen(stream) == before + 1
        entry = heard.shard.position
        assert [event.offset for event in heard.events] == [f"{entry}.0", f"{entry}.1", entry]


async def test_other_shards_are_not_read_and_idle_shards_are_stopped(
    line: Line, emitter: StreamWriter, redis: Redis
) -> None:
    """And a shard that nobody needs is not read any more, once nobody has needed it twice."""
    heard: list[Event] = []
    reader = StreamReader(connect(line.redis_url), deliver=heard.append, on_loss=pytest.fail, keep_seconds=60)
    others = [other for other in (new_id() for _ in range(200)) if shard_of(other) != shard_of(line.account_id)]
    shard = await reader.follow(line.account_id)
    assert await reader.follow(line.account_id) is shard
    for other in others:
        emitter.append(replace(line.number(1), account_id=other))
    emitter.append(line.number(2))
    assert await emitter.drain(timeout=5)
    async with asyncio.timeout(5):
        while not heard:
            await asyncio.sleep(0.01)
    assert [event.data["number"] for event in heard] == [2]
    await reader.stop_idle([line.account_id])
    await reader.stop_idle([])
    assert reader.position(line.account_id)
    await reader.stop_idle([])
    assert not reader.position(line.account_id)
    await reader.stop()


async def test_write_with_lost_answer_is_delivered_once(line: Line, emitter: StreamWriter) -> None:
    honest = emitter._execute
    lost: list[bool] = []

    async def forgetful(writes: list[emitters._Write]) -> list[str]:
        answer = await honest(writes)
        if not lost:
            lost.append(True)
            raise RedisConnectionError("the answer was lost")
        return answer

    emitter._execute = forgetful  # type: ignore[method-assign]
    async with line.reading() as heard:
        emitter.append(line.number(1))
        emitter.append(line.number(2))
        await heard.reaches(1, 2)
        emitter.append(line.number(3))
        await heard.reaches(1, 2, 3)
        assert not heard.losses


async def test_event_with_repeated_key_is_delivered_once(line: Line, emitter: StreamWriter) -> None:
    async with line.reading() as heard, line.emitting() as other:
        for value, key in enumerate(("a", "b", "a", None, None, "b")):
            key = key and f"{key}/{line.account_id}"
            emitter.append(replace(line.number(value), key=key))
        await heard.reaches(0, 1, 3, 4)
        other.append(replace(line.number(5), key=f"a/{line.account_id}"))
        other.append(line.number(6))
        await heard.reaches(0, 1, 3, 4, 6)


async def test_backlog_is_delivered_as_sockets_drain(line: Line, emitter: StreamWriter, redis: Redis) -> None:
    asked, answer = asyncio.Event(), asyncio.Event()

    async def drain() -> None:
        asked.set()
        await answer.wait()

    large = [replace(line.number(0), data={"number": value, "padding": "x" * 100_000}) for value in range(4)]
    async with line.reading(drain=drain) as heard:
        await asyncio.gather(*(emitter.append(one) for one in large))
        async with asyncio.timeout(5):
            await asked.wait()
        await emitter.append(line.number(4))  # Redis has it
        assert await redis.xlen(shard_of(line.account_id).stream) >= 3
        assert heard == [0, 1, 2]
        answer.set()
        await heard.reaches(0, 1, 2, 3, 4)


async def test_killed_connections_lose_no_events(line: Line, emitter: StreamWriter, redis: Redis) -> None:
    """Fault row 7, short."""
    async with line.reading() as heard:
        for value in range(300):
            emitter.append(line.number(value))
            if value % 100 == 50:
                await redis.client_kill_filter(_type="normal", skipme=True)
            await asyncio.sleep(0.002)
        await heard.reaches(*range(300))
        assert not heard.losses


def test_connection_closed_by_uvloop_loses_no_events(line: Line, monkeypatch: pytest.MonkeyPatch) -> None:
    """Fault row 5, where a connection breaks just before it is used: uvloop's own error, which redis-py hands on."""
    unlucky: list[Redis] = []
    send = AbstractConnection.send_packed_command

    async def close_and_send(connection: Any, *arguments: Any, **options: Any) -> None:
        if unlucky and connection in unlucky[0].connection_pool._in_use_connections:
            unlucky.clear()
            connection._writer.transport.abort()
        await send(connection, *arguments, **options)

    async def talk() -> None:
        async with line.emitting() as emitter, line.reading() as heard:
            for value, user in enumerate([emitter, heard.shard]):
                emitter.append(line.number(2 * value))
                await heard.until(lambda value=value: 2 * value in heard)
                unlucky.append(user._redis)
                emitter.append(line.number(2 * value + 1))
                await heard.until(lambda value=value: 2 * value + 1 in heard)
            emitter.append(line.number(4))
            await heard.reaches(0, 1, 2, 3, 4)
            assert not unlucky
            assert not heard.losses

    monkeypatch.setattr(AbstractConnection, "send_packed_command", close_and_send)
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(talk())


async def test_paused_redis_delays_but_loses_no_events(line: Line, redis: Redis) -> None:
    """Fault row 6, short: nobody who emits waits for it."""
    emitter = StreamWriter(connect(line.redis_url, timeout=0.3), length=10_000)
    async with line.reading() as heard:
        emitter.append(line.number(0))
        await heard.reaches(0)
        await redis.execute_command("CLIENT", "PAUSE", 1500, "ALL")
        async with asyncio.timeout(1):
            for value in range(1, 50):
                emitter.append(line.number(value))
        assert not await emitter.drain(timeout=0.2)
        await heard.reaches(*range(50))
        assert heard.shard.is_current()
        assert not heard.losses
    await emitter.close()


async def test_failed_delivery_does_not_affect_other_events(line: Line, emitter: StreamWriter) -> None:
    async with line.reading() as heard:
        honest = heard.shard._deliver

        def deliver(event: Event) -> None:
            if event.data["number"] == 1:
                raise ValueError("a bad event")
            honest(event)

        heard.shard._deliver = deliver
        for value in range(3):
            emitter.append(line.number(value))
        await heard.reaches(0, 2)


async def test_stream_is_trimmed_to_its_length(line: Line, redis: Redis) -> None:
    async with line.emitting(length=100) as emitter:
        for value in range(600):
            await emitter.append(line.number(value))
    assert await redis.xlen(shard_of(line.account_id).stream) < 300


async def test_reader_that_begins_before_redis_answers_reports_a_loss(
    line: Line, redis: Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What came between the socket's authentication and the first word of Redis is not known here."""
    monkeypatch.setattr(readers, "BEGIN_SECONDS", 0.05)
    await redis.execute_command("CLIENT", "PAUSE", 300, "ALL")
    async with line.reading() as heard:
        assert not heard.shard.position
        await heard.until(lambda: bool(heard.losses))
        assert heard.shard.position
