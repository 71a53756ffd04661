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

from hummdesk.bus import stream_writer as emitters
from hummdesk.bus.client import COMMAND_SECONDS, connect
from hummdesk.bus.shards import shard_of
from hummdesk.bus.stream_writer import StreamWriter
from hummdesk.core import temporary
from hummdesk.dev import redis
from hummdesk.dev.process import Process
from tests.integration.bus.conftest import Heard, Line


@dataclass
class OwnRedis:
    folder: Path
    server: redis.Server
    process: Process

    def signal(self, number: signal.Signals) -> None:
        psutil.Process(self.process.pid).send_signal(number)

    async def end(self) -> None:
        """With what it has on disk."""
        self.process.kill()
        await self.process.wait()

    async def start(self) -> None:
        self.process = await redis.start(self.server, self.folder)

    def forget(self) -> None:
        """Remove what it has on disk."""
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
def line(own_redis: OwnRedis) -> Line:
    return Line(own_redis.server.url)


async def heard_up_to(heard: Heard, last: int) -> None:
    await heard.until(lambda: last in heard)
    assert heard == sorted(set(heard))


async def test_restart_of_redis_delays_but_loses_no_events(
    own_redis: OwnRedis, line: Line, emitter: StreamWriter
) -> None:
    """Fault row 5: the stream is on disk, the writer keeps the rest, the reader goes on where it was."""
    async with line.reading() as heard:
        for value in range(100):
            emitter.append(line.message(value + 1))
        await heard.reaches(*range(1, 101))
        own_redis.signal(signal.SIGTERM)  # it writes what it has
        await own_redis.process.wait()
        for value in range(100, 200):
            emitter.append(line.message(value + 1))
        await own_redis.start()
        await heard.reaches(*range(1, 201))
        assert not heard.losses


async def test_stopped_redis_delays_but_loses_no_events(own_redis: OwnRedis, line: Line, emitter: StreamWriter) -> None:
    """Fault row 6, longer than a command may take."""
    async with line.reading() as heard:
        emitter.append(line.message(1))
        await heard.reaches(1)
        own_redis.signal(signal.SIGSTOP)
        for seq in range(2, 60):
            emitter.append(line.message(seq))
            await asyncio.sleep(0.1)
        assert not heard.shard.is_current()
        own_redis.signal(signal.SIGCONT)
        await heard.reaches(*range(1, 60))
        assert not heard.losses


async def test_stopped_process_reports_no_failure_of_redis(
    line: Line, emitter: StreamWriter, caplog: pytest.LogCaptureFixture
) -> None:
    """By its clock Redis has not answered in time."""
    async with line.reading() as heard:
        emitter.append(line.message(1))
        await heard.reaches(1)
        await asyncio.sleep(0.1)  # it asks for what comes next
        time.sleep(COMMAND_SECONDS + 0.5)
        emitter.append(line.message(2))
        await heard.reaches(1, 2)
        assert not heard.losses
        assert "stream.read_failed" not in caplog.text


async def test_flush_is_recognized_with_the_next_event(line: Line, emitter: StreamWriter) -> None:
    """Fault row 8: and what comes after it is delivered."""
    async with line.reading() as heard, connect(line.redis_url) as client:
        emitter.append(line.number(1))
        await heard.reaches(1)
        await client.flushall()
        emitter.append(line.number(2))
        await heard.reaches(1, 2)
        assert heard.losses == [1]


async def test_restart_without_data_is_recognized_at_once(
    own_redis: OwnRedis, line: Line, emitter: StreamWriter
) -> None:
    async with line.reading() as heard:
        emitter.append(line.number(1))
        await heard.reaches(1)
        assert await emitter.drain(timeout=5)  # or its writer would repeat what it was not told
        await own_redis.end()
        own_redis.forget()
        await own_redis.start()
        await heard.until(lambda: bool(heard.losses))
        emitter.append(line.number(2))
        await heard.reaches(1, 2)


async def test_reader_stopped_while_the_stream_is_trimmed_reports_a_loss(line: Line, emitter: StreamWriter) -> None:
    async with line.reading() as heard, connect(line.redis_url) as client:
        emitter.append(line.number(1))
        await heard.reaches(1)
        task = heard.shard._task
        task.cancel()
        await asyncio.wait([task])
        for value in range(2, 5):
            emitter.append(line.number(value))
            assert await emitter.drain(timeout=5)
        await client.xtrim(shard_of(line.account_id).stream, maxlen=1, approximate=False)
        heard.shard._task = asyncio.create_task(heard.shard._run())
        await heard.reaches(1, 4)
        assert heard.losses == [1]


async def test_confirmed_write_that_redis_has_lost_is_recognized_by_all_readers(
    line: Line, emitter: StreamWriter
) -> None:
    """A restart with a file that was a second old: no reader can tell, but the writer can."""
    async with line.reading() as heard, line.emitting() as other, connect(line.redis_url) as client:
        emitter.append(line.number(1))
        other.append(line.number(2))
        await heard.until(lambda: len(heard) == 2)
        (writer,) = await client.keys(f"*:writer:{emitter._lanes[shard_of(line.account_id).number].writer}")
        await client.delete(writer)
        other.append(line.number(3))
        await heard.until(lambda: len(heard) == 3)
        assert not heard.losses
        emitter.append(line.number(4))
        await heard.until(lambda: len(heard) == 4)
        assert heard.losses == [3]


async def test_overflowed_backlog_is_reported_as_a_loss(
    own_redis: OwnRedis, line: Line, emitter: StreamWriter, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(emitters, "BACKLOG", 10)
    async with line.reading() as heard:
        emitter.append(line.number(0))
        await heard.reaches(0)
        await own_redis.end()
        for value in range(1, 100):
            emitter.append(line.number(value))
            await asyncio.sleep(0)
        await own_redis.start()
        await heard.until(lambda: 99 in heard)
        assert heard.losses


async def test_recovery_after_a_loss_is_refused(line: Line, emitter: StreamWriter) -> None:
    async with line.reading() as heard, connect(line.redis_url) as client:
        emitter.append(line.number(1))
        await heard.reaches(1)
        before = heard.shard.position
        assert await heard.shard.load(before, None)
        await client.flushall()
        emitter.append(line.number(2))
        await heard.reaches(1, 2)
        assert not await heard.shard.load(before, None)
        assert heard.shard.after(before, None) is None
        assert await heard.shard.load(heard.shard.position, None)


async def test_events_before_the_reader_are_loaded_once_for_recovery(line: Line, emitter: StreamWriter) -> None:
    async with line.reading() as first:
        for value in range(700):
            emitter.append(line.number(value))
            if value % 2:
                await asyncio.sleep(0)
        await first.until(lambda: len(first) == 700)
        offsets = [event.offset.partition(".") for event in first.events]
        async with line.reading() as second:
            for index in (600, 0, 350, 699):
                entry, _, rest = offsets[index]
                place = int(rest) if rest else None
                assert await second.shard.load(entry, place)
                missed = second.shard.after(entry, place)
                assert missed is not None
                assert [event.data["number"] for event in missed] == list(range(index + 1, 700))
            emitter.append(line.number(700))
            await second.reaches(700)
            missed = second.shard.after(entry, None)
            assert missed is not None
            assert [event.data["number"] for event in missed] == [700]


async def test_recovery_beyond_the_kept_entries_is_refused(
    line: Line, emitter: StreamWriter, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("hummdesk.bus.stream_reader.KEPT_ENTRIES", 20)
    async with line.reading() as first:
        for value in range(60):
            emitter.append(line.number(value))
            assert await emitter.drain(timeout=5)
        await first.until(lambda: len(first) == 60)
        async with line.reading() as second:
            assert await second.shard.load(first.events[45].offset, None)
            assert not await second.shard.load(first.events[5].offset, None)
        assert len(first.shard._kept) <= 40
