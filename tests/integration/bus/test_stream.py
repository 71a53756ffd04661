"""The event stream on the real Redis: in order, once, and whole again after a failure."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace

import pytest
from redis.asyncio import Redis
from redis.exceptions import ConnectionError as RedisConnectionError

from hummdesk.bus import stream
from hummdesk.bus.envelope import Envelope
from hummdesk.bus.stream import Emitter, Reader, connect
from hummdesk.config import Settings


class Heard(list[int]):
    """The numbers of the events that one reader has delivered."""

    async def deliver(self, envelope: Envelope) -> None:
        if envelope.event == "number":
            self.append(envelope.data["number"])

    async def reaches(self, *numbers: int) -> None:
        async with asyncio.timeout(8):
            while len(self) < len(numbers):
                await asyncio.sleep(0.01)
        assert self == list(numbers)


def number(value: int) -> Envelope:
    return Envelope(event="number", data={"number": value}, rooms=("room",))


@asynccontextmanager
async def reading(settings: Settings) -> AsyncIterator[tuple[Heard, Reader]]:
    heard = Heard()
    reader = Reader(connect(settings.redis), heard.deliver)
    await reader.start()
    yield heard, reader
    await reader.stop()


@pytest.fixture
async def emitter(settings: Settings) -> AsyncIterator[Emitter]:
    emitter = Emitter(connect(settings.redis), length=10_000)
    yield emitter
    await emitter.close()


@pytest.fixture
async def redis(settings: Settings) -> AsyncIterator[Redis]:
    async with connect(settings.redis) as client:
        yield client


async def test_every_reader_delivers_everything_in_order(settings: Settings, emitter: Emitter) -> None:
    async with reading(settings) as (first, _), reading(settings) as (second, _):
        for value in range(1200):
            await emitter.emit(number(value))
        await first.reaches(*range(1200))
        await second.reaches(*range(1200))


async def test_what_was_before_is_not_delivered(settings: Settings, emitter: Emitter) -> None:
    await emitter.emit(number(1))
    assert await emitter.settle(timeout=5)
    async with reading(settings) as (heard, _):
        await emitter.emit(number(2))
        await heard.reaches(2)


async def test_a_write_whose_answer_was_lost_is_delivered_once(settings: Settings, emitter: Emitter) -> None:
    honest = emitter._redis.xadd
    lost: list[bool] = []

    async def forgetful(*args: object, **options: object) -> object:
        answer = await honest(*args, **options)
        if not lost:
            lost.append(True)
            raise RedisConnectionError("the answer was lost")
        return answer

    emitter._redis.xadd = forgetful
    async with reading(settings) as (heard, _):
        await emitter.emit(number(1))
        await emitter.emit(number(2))
        await heard.reaches(1, 2)


async def test_what_is_told_twice_is_heard_once(settings: Settings, emitter: Emitter) -> None:
    async with reading(settings) as (heard, _):
        for value, key in enumerate(("a", "b", "a", None, None, "b")):
            await emitter.emit(replace(number(value), key=key))
        await heard.reaches(0, 1, 3, 4)


async def test_killed_connections_lose_nothing(settings: Settings, emitter: Emitter, redis: Redis) -> None:
    """Fault row 7, short."""
    async with reading(settings) as (heard, _):
        for value in range(300):
            await emitter.emit(number(value))
            if value % 100 == 50:
                await redis.client_kill_filter(_type="normal", skipme=True)
            await asyncio.sleep(0.002)
        await heard.reaches(*range(300))


async def test_a_silent_redis_delays_and_loses_nothing(settings: Settings, redis: Redis) -> None:
    """Fault row 6, short: nobody who emits waits for it."""
    emitter = Emitter(connect(settings.redis, timeout=0.3), length=10_000)
    async with reading(settings) as (heard, reader):
        await emitter.emit(number(0))
        await heard.reaches(0)
        await redis.execute_command("CLIENT", "PAUSE", 1500, "ALL")
        async with asyncio.timeout(0.2):
            for value in range(1, 50):
                await emitter.emit(number(value))
        assert not await emitter.settle(timeout=0.2)
        await heard.reaches(*range(50))
        assert reader.is_current()
    await emitter.close()


async def test_a_flushed_redis_is_read_on(settings: Settings, emitter: Emitter, redis: Redis) -> None:
    """Fault row 8, short: what comes after the loss is delivered."""
    async with reading(settings) as (heard, _):
        await emitter.emit(number(1))
        await heard.reaches(1)
        await redis.delete(stream.STREAM)
        await emitter.emit(number(2))
        await heard.reaches(1, 2)


async def test_a_delivery_that_fails_does_not_stop_the_others(settings: Settings, emitter: Emitter) -> None:
    heard = Heard()

    async def deliver(envelope: Envelope) -> None:
        if envelope.data["number"] == 1:
            raise ValueError("a bad event")
        await heard.deliver(envelope)

    reader = Reader(connect(settings.redis), deliver)
    await reader.start()
    for value in range(3):
        await emitter.emit(number(value))
    await heard.reaches(0, 2)
    await reader.stop()


async def test_the_stream_is_bounded(settings: Settings, redis: Redis) -> None:
    emitter = Emitter(connect(settings.redis), length=100, settled=True)
    for value in range(600):
        await emitter.emit(number(value))
    assert await redis.xlen(stream.STREAM) < 300
    await emitter.close()
