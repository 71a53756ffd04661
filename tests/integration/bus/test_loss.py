"""Failures of a Redis of its own: events that it has kept are delivered, and lost events are recognized."""

import asyncio
import shutil
import signal
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import psutil
import pytest
from redis.asyncio import Redis

from hummdesk.bus import shared_limits
from hummdesk.bus.commands import Commands
from hummdesk.bus.kept_entries import ENTRY_BYTES, EVENT_BYTES
from hummdesk.bus.own_connection import COMMAND_SECONDS
from hummdesk.bus.shards import shard_of
from hummdesk.bus.shared_limits import SharedLimits
from hummdesk.bus.stream_writer import StreamWriter
from hummdesk.bus.token_leases import Charge, Limit
from hummdesk.core import temporary
from hummdesk.core.metrics import EVENTS_DROPPED
from hummdesk.dev import redis
from hummdesk.dev.process import Process
from tests.integration.bus.conftest import AccountStream, Delivered, process


@dataclass
class OwnRedis:
    folder: Path
    server: redis.Server
    process: Process

    def signal(self, number: signal.Signals) -> None:
        psutil.Process(self.process.pid).send_signal(number)

    async def end(self) -> None:
        """Kill the server; its files remain."""
        self.process.kill()
        await self.process.wait()

    async def start(self) -> None:
        self.process = await redis.start(self.server, self.folder)

    def forget(self) -> None:
        """Remove the files of the server."""
        shutil.rmtree(self.server.folder / "appendonlydir")


@pytest.fixture
async def own_redis() -> AsyncIterator[OwnRedis]:
    folder = temporary.make("redis")
    server = redis.prepare(folder)
    own = OwnRedis(folder, server, await redis.start(server, folder))
    yield own
    own.signal(signal.SIGCONT)
    await own.process.stop()
    shutil.rmtree(folder)


@pytest.fixture
def stream(own_redis: OwnRedis) -> AccountStream:
    return AccountStream(own_redis.server.url)


async def delivered_up_to(delivered: Delivered, last: int) -> None:
    await delivered.until(lambda: last in delivered)
    assert delivered == sorted(set(delivered))


async def test_restart_of_redis_delays_but_loses_no_events(
    own_redis: OwnRedis, stream: AccountStream, writer: StreamWriter
) -> None:
    """Fault row 5: the stream is on disk, the writer buffers new events, the reader continues at its position."""
    async with stream.reading() as delivered:
        for value in range(100):
            writer.append(stream.message(value + 1))
        await delivered.reaches(*range(1, 101))
        own_redis.signal(signal.SIGTERM)  # it saves its data
        await own_redis.process.wait()
        for value in range(100, 200):
            writer.append(stream.message(value + 1))
        await own_redis.start()
        await delivered.reaches(*range(1, 201))
        assert not delivered.losses


async def test_stopped_redis_delays_but_loses_no_events(
    own_redis: OwnRedis, stream: AccountStream, writer: StreamWriter
) -> None:
    """Fault row 6, longer than a command may take."""
    async with stream.reading() as delivered:
        writer.append(stream.message(1))
        await delivered.reaches(1)
        own_redis.signal(signal.SIGSTOP)
        for seq in range(2, 60):
            writer.append(stream.message(seq))
            await asyncio.sleep(0.1)
        assert not delivered.shard.is_current()
        own_redis.signal(signal.SIGCONT)
        await delivered.reaches(*range(1, 60))
        assert not delivered.losses


async def test_stopped_process_reports_no_failure_of_redis(
    stream: AccountStream, writer: StreamWriter, caplog: pytest.LogCaptureFixture
) -> None:
    """By the clock of the process, Redis has not answered in time."""
    async with stream.reading() as delivered:
        writer.append(stream.message(1))
        await delivered.reaches(1)
        await asyncio.sleep(0.1)  # it waits for the next entry
        time.sleep(COMMAND_SECONDS + 0.5)
        writer.append(stream.message(2))
        await delivered.reaches(1, 2)
        assert not delivered.losses
        assert "stream.read_failed" not in caplog.text


async def test_flush_is_recognized_with_the_next_event(stream: AccountStream, writer: StreamWriter) -> None:
    """Fault row 8: later events are delivered."""
    async with stream.reading() as delivered, Redis.from_url(stream.redis_url) as client:
        writer.append(stream.number(1))
        await delivered.reaches(1)
        await client.flushall()
        writer.append(stream.number(2))
        await delivered.reaches(1, 2)
        assert delivered.losses == [1]


async def test_own_entry_after_a_flush_is_reported_as_a_loss(stream: AccountStream) -> None:
    async with process(stream) as (own, delivered), Redis.from_url(stream.redis_url) as client:
        await own.append(stream.number(1))
        await client.flushall()
        await own.append(stream.number(2))
        await delivered.reaches(1, 2)
        assert delivered.losses == [1]


async def test_own_entry_that_redis_has_lost_is_reported_with_an_entry_of_another_process(
    stream: AccountStream, writer: StreamWriter
) -> None:
    """A failover to an older state, in which the other process has lost nothing."""
    async with process(stream) as (own, delivered), Redis.from_url(stream.redis_url) as client:
        await own.append(stream.number(1))
        await writer.append(stream.number(2))
        await delivered.reaches(1, 2)
        older = {key: await client.dump(key) for key in await client.keys()}
        await own.append(stream.number(3))
        await delivered.reaches(1, 2, 3)
        for key, value in older.items():
            await client.restore(key, 0, value or b"", replace=True)
        await writer.append(stream.number(4))
        await delivered.reaches(1, 2, 3, 4)
        assert delivered.losses == [3]


async def test_restart_without_data_is_recognized_at_once(
    own_redis: OwnRedis, stream: AccountStream, writer: StreamWriter
) -> None:
    async with stream.reading() as delivered:
        writer.append(stream.number(1))
        await delivered.reaches(1)
        assert await writer.drain(timeout=20)  # otherwise the writer repeats a write whose answer was lost
        await own_redis.end()
        own_redis.forget()
        await own_redis.start()
        await delivered.until(lambda: bool(delivered.losses))
        writer.append(stream.number(2))
        await delivered.reaches(1, 2)


async def test_reader_stopped_while_the_stream_is_trimmed_reports_a_loss(
    stream: AccountStream, writer: StreamWriter
) -> None:
    async with stream.reading() as delivered, Redis.from_url(stream.redis_url) as client:
        writer.append(stream.number(1))
        await delivered.reaches(1)
        task = delivered.shard._task
        task.cancel()
        await asyncio.wait([task])
        for value in range(2, 5):
            writer.append(stream.number(value))
            assert await writer.drain(timeout=20)
        await client.xtrim(shard_of(stream.account_id).stream, maxlen=1, approximate=False)
        delivered.shard._task = asyncio.create_task(delivered.shard._run())
        await delivered.reaches(1, 4)
        assert delivered.losses == [1]


async def test_confirmed_write_that_redis_has_lost_is_recognized_by_all_readers(
    stream: AccountStream, writer: StreamWriter
) -> None:
    """A restart with a file that is a second old: only the writer can recognize it."""
    async with stream.reading() as delivered, stream.writing() as other, Redis.from_url(stream.redis_url) as client:
        writer.append(stream.number(1))
        other.append(stream.number(2))
        await delivered.until(lambda: len(delivered) == 2)
        (writer_key,) = await client.keys(f"*:writer:{writer._lanes[shard_of(stream.account_id)].writer}")
        await client.delete(writer_key)
        other.append(stream.number(3))
        await delivered.until(lambda: len(delivered) == 3)
        assert not delivered.losses
        writer.append(stream.number(4))
        await delivered.until(lambda: len(delivered) == 4)
        assert delivered.losses == [3]


async def test_overflowed_backlog_is_reported_as_a_loss(own_redis: OwnRedis, stream: AccountStream) -> None:
    dropped = EVENTS_DROPPED.labels("backlog")._value
    before = dropped.get()
    async with stream.reading() as delivered, stream.writing(backlog_bytes=10_000) as writer:
        writer.append(stream.number(0))
        await delivered.reaches(0)
        await own_redis.end()
        for value in range(1, 100):
            writer.append(stream.number(value))
            await asyncio.sleep(0)
            assert writer.backlog_bytes <= 10_000
        await own_redis.start()
        await delivered.until(lambda: 99 in delivered)
        assert delivered.losses
        assert dropped.get() - before == 100 - len(delivered)


async def test_events_that_redis_has_no_memory_for_are_stored_when_it_has(
    own_redis: OwnRedis, stream: AccountStream, writer: StreamWriter
) -> None:
    async with stream.reading() as delivered, Redis.from_url(stream.redis_url) as client:
        writer.append(stream.number(0))
        await delivered.reaches(0)
        await client.config_set("maxmemory", "1mb")
        for value in range(1, 20):
            writer.append(stream.number(value))
        assert not await writer.drain(timeout=0.1)
        await client.config_set("maxmemory", "0")
        await delivered.reaches(*range(20))
        assert not delivered.losses


async def test_each_process_applies_limits_alone_while_redis_refuses_writes(
    stream: AccountStream, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A master with `min-replicas-to-write` whose replica is away."""
    monkeypatch.setattr(shared_limits, "ANSWER_SECONDS", 20)
    limits = SharedLimits(Commands.of(stream.redis_url))
    async with Redis.from_url(stream.redis_url) as client:
        await client.config_set("min-replicas-to-write", 1)
        assert await limits.take(Charge(Limit("test", rate=1, burst=4), "subject")) is None
        await limits.wait_idle()
    assert limits.is_local
    await limits.close()


async def test_recovery_after_a_loss_is_refused(stream: AccountStream, writer: StreamWriter) -> None:
    async with stream.reading() as delivered, Redis.from_url(stream.redis_url) as client:
        writer.append(stream.number(1))
        await delivered.reaches(1)
        before = delivered.shard.position
        assert await delivered.shard.load(before, None)
        await client.flushall()
        writer.append(stream.number(2))
        await delivered.reaches(1, 2)
        assert not await delivered.shard.load(before, None)
        assert delivered.shard.after(before, None) is None
        assert await delivered.shard.load(delivered.shard.position, None)


async def test_events_before_the_reader_are_loaded_once_for_recovery(
    stream: AccountStream, writer: StreamWriter
) -> None:
    async with stream.reading() as first:
        for value in range(700):
            writer.append(stream.number(value))
            if value % 2:
                await asyncio.sleep(0)
        await first.until(lambda: len(first) == 700)
        offsets = [event.offset.partition(".") for event in first.events]
        async with stream.reading() as second:
            for index in (600, 0, 350, 699):
                entry, _, rest = offsets[index]
                place = int(rest) if rest else None
                assert await second.shard.load(entry, place)
                missed = second.shard.after(entry, place)
                assert missed is not None
                assert [event.data["number"] for event in missed] == list(range(index + 1, 700))
            writer.append(stream.number(700))
            await second.reaches(700)
            missed = second.shard.after(entry, None)
            assert missed is not None
            assert [event.data["number"] for event in missed] == [700]


async def test_recovery_beyond_the_kept_bytes_is_refused(stream: AccountStream, writer: StreamWriter) -> None:
    most = 40 * (ENTRY_BYTES + EVENT_BYTES + 100)
    async with stream.reading(keep_bytes=most) as first:
        for value in range(60):
            writer.append(stream.number(value))
            assert await writer.drain(timeout=20)
        await first.until(lambda: len(first) == 60)
        async with stream.reading(keep_bytes=most) as second:
            assert await second.shard.load(first.events[52].offset, None)
            assert not await second.shard.load(first.events[5].offset, None)
        assert 20 < len(first.shard._kept.entries) <= 50
        assert first.shard._kept.bytes <= most
