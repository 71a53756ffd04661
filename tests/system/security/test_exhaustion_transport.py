"""Unauthenticated clients at the transport: what one address without a token can make a web process keep or compute.

Each attack is bounded, and its figure is measured in the process.
"""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace

import pytest

from hummdesk.core.config import Settings
from hummdesk.dev.redis import free_port
from tests.running_time import running_timeout
from tests.system.js.web_process import serving
from tests.system.security.raw_socket import (
    BINARY,
    CLOSE,
    CONTINUATION,
    PING,
    TEXT,
    RawSocket,
    cpu_seconds,
    frame,
    resident_bytes,
)

MIB = 1 << 20
MAX_PROCESS_BYTES = 8 * MIB
AUTH_SECONDS = 1.0
CLOSE_SECONDS = 2.0
"""How long the server waits for a client that does not answer its close frame."""


@dataclass(frozen=True)
class Desk:
    port: int
    pid: int

    @asynccontextmanager
    async def growing_less_than(self, limit: int) -> AsyncIterator[None]:
        """Assert the growth of the process during an attack, measured every 20 ms."""
        before, largest = resident_bytes(self.pid), 0

        async def watch() -> None:
            nonlocal largest
            while True:
                largest = max(largest, resident_bytes(self.pid) - before)
                await asyncio.sleep(0.02)

        watching = asyncio.create_task(watch())
        try:
            yield
        finally:
            watching.cancel()
        assert largest < limit, f"the process grew by {largest / MIB:.0f} MiB"


@pytest.fixture(scope="module")
async def desk(settings: Settings) -> AsyncIterator[Desk]:
    """A web process with small limits. It has seen one of each kind of packet, so that its memory is settled."""
    settings = replace(settings, port=free_port(0))
    env = {
        "AUTH_TIMEOUT_SECONDS": str(AUTH_SECONDS),
        "MAX_BUFFERED_BYTES": str(MIB),
        "MAX_BUFFERED_BYTES_PER_PROCESS": str(MAX_PROCESS_BYTES),
        "MAX_RECEIVED_BYTES_PER_PROCESS": str(MAX_PROCESS_BYTES),
        "RATE_LIMIT_CONNECTS_PER_MINUTE": "0",
        "RATE_LIMIT_EVENTS_PER_SECOND": "0",
        "RATE_LIMIT_ADDRESS_EVENTS_PER_SECOND": "0",
    }
    async with serving(settings, env, forks=False) as pid:
        running = Desk(settings.port, pid)
        raw = await RawSocket.connected(running.port)
        await raw.send(frame(PING, b"x") + frame(TEXT, b'42["x"]', fin=False) + frame(CONTINUATION))
        await raw.send(frame(BINARY, bytes(MIB)))
        await raw.ended()
        yield running


@pytest.fixture(autouse=True)
async def closing() -> AsyncIterator[None]:
    yield
    await RawSocket.close_all()


async def test_session_that_left_its_namespace_or_never_had_one_is_closed_in_time(desk: Desk) -> None:
    async def leave() -> RawSocket:
        raw = await RawSocket.connected(desk.port)
        await raw.send(frame(TEXT, b"41"))
        return raw

    left = await asyncio.gather(*(leave() for _ in range(20)))
    idle = await asyncio.gather(*(RawSocket.opened(desk.port) for _ in range(20)))
    async with running_timeout(AUTH_SECONDS + CLOSE_SECONDS + 1):
        await asyncio.gather(*(raw.ended() for raw in (*left, *idle)))


async def test_announced_attachments_are_refused_before_they_arrive(desk: Desk) -> None:
    """Ten clients, nine attachments of 1 MiB each."""
    placeholders = b",".join(b'{"_placeholder":true,"num":%d}' % number for number in range(10))

    async def attack() -> None:
        raw = await RawSocket.connected(desk.port)
        await raw.send(frame(TEXT, b'4510-["send_message",' + placeholders + b"]"))
        await raw.ended()

    async with desk.growing_less_than(4 * MIB):
        await asyncio.gather(*(attack() for _ in range(10)))


async def test_incomplete_frames_of_all_clients_are_bounded(desk: Desk) -> None:
    """Sixty sockets that send all but the last byte of 1 MiB."""

    async def attack(raw: RawSocket) -> None:
        try:
            await raw.send(frame(BINARY, bytes(MIB - 1000))[:-1])
        except ConnectionError:
            raw.abort()

    async with desk.growing_less_than(2 * MAX_PROCESS_BYTES):
        sockets = [await RawSocket.opened(desk.port) for _ in range(60)]
        await asyncio.gather(*map(attack, sockets))
        await asyncio.sleep(0.2)


async def test_unread_pongs_are_bounded(desk: Desk) -> None:
    raw = await RawSocket.opened(desk.port)
    async with desk.growing_less_than(4 * MIB):
        assert await raw.flood(frame(PING, bytes(125)) * 1000, seconds=5)


FLOODS = {
    "pings": frame(PING),
    "empty continuations": frame(CONTINUATION, fin=False),
    "one-byte continuations": frame(CONTINUATION, b"x", fin=False),
    "Engine.IO pongs": frame(TEXT, b"3"),
    "Engine.IO noops": frame(TEXT, b"6"),
}


@pytest.mark.parametrize("flood", FLOODS.values(), ids=FLOODS)
async def test_flood_without_content_is_closed(desk: Desk, flood: bytes) -> None:
    raw = await RawSocket.opened(desk.port)
    if flood[0] & 0x0F == CONTINUATION:
        await raw.send(frame(TEXT, b"4" * 100, fin=False))
    async with desk.growing_less_than(4 * MIB):
        assert await raw.flood(flood * 2000, seconds=5)


async def test_frames_after_the_close_frame_cost_nothing(desk: Desk) -> None:
    raw = await RawSocket.opened(desk.port)
    await raw.send(frame(TEXT, b"8"))
    async with desk.growing_less_than(4 * MIB):
        assert await raw.flood(frame(TEXT, b"4x") * 2000, seconds=5)


async def test_client_that_closes_without_reading_is_ended(desk: Desk) -> None:
    raw = await RawSocket.opened(desk.port)
    await raw.send(frame(CLOSE, (1000).to_bytes(2, "big")))
    await raw.ended()


async def test_floods_cost_little_cpu_time(desk: Desk) -> None:
    """Five clients flood until they are closed, reconnect and flood again, for three seconds."""

    async def attack(flood: bytes) -> None:
        while True:
            raw = await RawSocket.opened(desk.port)
            await raw.send(frame(TEXT, b"4" * 100, fin=False) if flood[0] & 0x0F == CONTINUATION else b"")
            await raw.flood(flood * 2000, seconds=5)
            raw.abort()

    before, began = cpu_seconds(desk.pid), time.monotonic()
    async with asyncio.TaskGroup() as group:
        attacks = [group.create_task(attack(flood)) for flood in FLOODS.values()]
        await asyncio.sleep(3)
        used = (cpu_seconds(desk.pid) - before) / (time.monotonic() - began)
        for task in attacks:
            task.cancel()
    assert used < 0.3
