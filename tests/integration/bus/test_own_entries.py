"""Processes that write and read the stream, on a real Redis: own entries are delivered without being read."""

import asyncio
from contextlib import AsyncExitStack
from dataclasses import replace
from typing import Any

import pytest

from hummdesk.bus import ordering, stream_reader
from hummdesk.bus.own_connection import Command
from hummdesk.bus.stream_reader import ShardReader
from hummdesk.bus.stream_writer import StreamWriter
from tests.integration.bus.conftest import AccountStream, process


async def test_own_entries_are_delivered_without_reading(
    stream: AccountStream, writer: StreamWriter, monkeypatch: pytest.MonkeyPatch
) -> None:
    request, may_read = ShardReader._request, asyncio.Event()

    async def held(self: ShardReader) -> Any:
        await may_read.wait()
        return await request(self)

    monkeypatch.setattr(ShardReader, "_request", held)
    async with process(stream) as (own, delivered):
        for value in range(3):
            await own.append(stream.number(value))
        assert delivered == [0, 1, 2]
        await writer.append(stream.number(3))
        await own.append(stream.number(4))
        assert delivered == [0, 1, 2]  # an entry of another process comes first
        may_read.set()
        await delivered.reaches(0, 1, 2, 3, 4)
        await own.append(stream.number(5))
        await delivered.reaches(0, 1, 2, 3, 4, 5)
        assert not delivered.losses


async def test_entries_of_two_processes_are_delivered_once_and_in_one_order(stream: AccountStream) -> None:
    async with AsyncExitStack() as stack:
        processes = [await stack.enter_async_context(process(stream)) for _ in range(2)]

        async def append(number: int, writer: StreamWriter) -> None:
            for value in range(150):
                future = writer.append(stream.number(1000 * number + value))
                if value % 3:
                    await future

        await asyncio.gather(*(append(number, writer) for number, (writer, _) in enumerate(processes)))
        (_, first), (_, second) = processes
        await first.until(lambda: len(first) >= 300)
        await second.until(lambda: len(second) >= 300)
        assert first == second
        assert sorted(first) == [*range(150), *range(1000, 1150)]
        assert [event.offset for event in first.events] == [event.offset for event in second.events]
        assert not first.losses
        assert not second.losses


async def test_paused_reader_reads_when_an_own_entry_reveals_others(
    stream: AccountStream, writer: StreamWriter, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stream_reader, "OWN_FREQUENT_SECONDS", 3600)
    monkeypatch.setattr(stream_reader, "PAUSE_SECONDS", 3600)
    pause, has_paused = ShardReader._pause, asyncio.Event()

    async def observed(self: ShardReader) -> None:
        has_paused.set()
        await pause(self)

    monkeypatch.setattr(ShardReader, "_pause", observed)
    async with process(stream) as (own, delivered):
        for value in range(2):
            await own.append(stream.number(value))
        async with asyncio.timeout(20):
            await has_paused.wait()
        await own.append(stream.number(2))
        await delivered.reaches(0, 1, 2)
        await writer.append(stream.number(3))
        await own.append(stream.number(4))
        await delivered.reaches(0, 1, 2, 3, 4)


async def test_own_entry_leaves_out_repeats_and_messages_without_predecessor(
    stream: AccountStream, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The offsets are those of the entry in the stream, which recovery compares."""
    monkeypatch.setattr(ordering, "HOLD_SECONDS", 15)  # longer than any machine is suspended
    async with process(stream) as (own, delivered), stream.reading() as reading:
        once = replace(stream.number(1), key=f"once/{stream.account_id}")
        await own.append(once)
        first = own.append(once)
        held = own.append(stream.message(2))
        await asyncio.gather(first, own.append(stream.number(3)))
        await asyncio.gather(own.append(stream.message(1)), held)
        await delivered.reaches(1, 3, 1, 2)
        await reading.reaches(1, 3, 1, 2)
        assert [event.offset for event in delivered.events] == [event.offset for event in reading.events]
        assert delivered.events == reading.events


async def test_own_entry_delivered_while_the_position_is_verified_is_no_loss(
    stream: AccountStream, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with process(stream) as (own, delivered):
        await own.append(stream.number(1))
        reading = delivered.shard._connection
        finding = reading.another()
        request = reading.request

        async def slow(*commands: Command) -> list[Any]:
            if commands[0][0] != "GET":
                return await request(*commands)
            answers = await finding.request(*commands)
            await own.append(stream.number(2))
            return answers

        monkeypatch.setattr(reading, "request", slow)
        await delivered.shard._find_position()
        await finding.close()
        assert delivered == [1, 2]
        assert not delivered.losses
