"""The event stream in Redis: every process writes to it, every web process reads all of it from where it was."""

import asyncio
import logging
import time
from collections import OrderedDict, deque
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any, TypeVar
from uuid import uuid4

from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError

from hummdesk.background import end
from hummdesk.bus.envelope import Envelope, join, pack, unpack
from hummdesk.metrics import BUS_LAG_SECONDS

log = logging.getLogger(__name__)
T = TypeVar("T")

STREAM = "hummdesk:events"
COMMAND_SECONDS = 5.0
BLOCK_SECONDS = 2.0
RETRY_SECONDS = 0.25
BATCH = 500
"""Envelopes in one stream entry, and entries in one read, at the most."""

BACKLOG = 200_000
"""Envelopes kept while Redis is away; past it the oldest go, and `sync` closes the gap."""

WRITERS_REMEMBERED = 1_000
KEYS_REMEMBERED = 20_000
"""Keys of envelopes that were delivered; a repeat comes within minutes."""


def connect(url: str, *, timeout: float = COMMAND_SECONDS) -> Redis:
    """A Redis client that fails fast: whoever calls decides what a failure means."""
    return Redis.from_url(
        url,
        socket_timeout=timeout,
        socket_connect_timeout=COMMAND_SECONDS,
        health_check_interval=15,
        protocol=2,
        retry=Retry(NoBackoff(), 1),
    )


class Emitter:
    """Publishes envelopes in the order in which they were given, gathered while the previous write is in flight.

    What Redis does not take is kept and tried again, so that storing a message never waits for Redis. Every write has a
    number; a write that was repeated because its answer got lost is delivered once.
    """

    def __init__(self, redis: Redis, *, length: int, settled: bool = False) -> None:
        """`length` bounds the stream in entries. `settled` makes `emit` wait until Redis has the event."""
        self._redis: Any = redis  # its stubs give unions over every protocol and decoding
        self._length = length
        self._settled = settled
        self._name = uuid4().hex
        self._number = 0
        self._waiting: deque[bytes] = deque(maxlen=BACKLOG)
        self._flusher: asyncio.Task[None] | None = None

    async def emit(self, envelope: Envelope) -> None:
        self._waiting.append(pack(envelope))
        if self._flusher is None or self._flusher.done():
            self._flusher = asyncio.create_task(self._flush())
        if self._settled:
            await asyncio.shield(self._flusher)

    async def settle(self, *, timeout: float) -> bool:
        """Wait until everything is published, at most `timeout` seconds; tells whether it is."""
        if self._flusher is not None and not self._flusher.done():
            await asyncio.wait([self._flusher], timeout=timeout)
        return not self._waiting and (self._flusher is None or self._flusher.done())

    async def close(self) -> None:
        if self._flusher is not None:
            await end(self._flusher)
        await self._redis.aclose()

    async def _flush(self) -> None:
        while self._waiting:
            batch = [self._waiting.popleft() for _ in range(min(BATCH, len(self._waiting)))]
            self._number += 1
            entry = {"writer": self._name, "number": self._number, "at": time.time(), "events": join(batch)}
            await self._write(entry)

    async def _write(self, entry: dict[str, Any]) -> None:
        """Write, and try again until Redis has it."""
        while True:
            try:
                await self._redis.xadd(STREAM, entry, maxlen=self._length, approximate=True)
            except RedisError as fault:
                log.warning("the event stream cannot be written", extra={"fault": type(fault).__name__})
                await asyncio.sleep(RETRY_SECONDS)
            else:
                return


class Reader:
    """Reads the stream from the moment of `start`, delivers in order, and goes on where it was after a failure."""

    def __init__(self, redis: Redis, deliver: Callable[[Envelope], Awaitable[None]]) -> None:
        self._redis: Any = redis  # its stubs give unions over every protocol and decoding
        self._deliver = deliver
        self._offset = ""
        self._written: OrderedDict[str, int] = OrderedDict()
        self._keys: OrderedDict[str, None] = OrderedDict()
        self._task: asyncio.Task[None] | None = None
        self._read_at = 0.0

    async def start(self) -> None:
        """Begin reading; what is published after this returns is delivered, if Redis is there."""
        self._offset = f"{int(time.time() * 1000)}-0"  # stream ids are Redis's clock in milliseconds
        with suppress(RedisError):
            self._offset = await self._end()
        self._task = asyncio.create_task(self._run())

    async def stop(self) -> None:
        if self._task is not None:
            await end(self._task)
        await self._redis.aclose()

    def is_current(self) -> bool:
        """Whether Redis answered within the last two blocking reads."""
        return time.monotonic() - self._read_at < 2 * BLOCK_SECONDS + 1

    async def _end(self) -> str:
        newest = await self._redis.xrevrange(STREAM, count=1)
        return str(newest[0][0], "ascii") if newest else "0-0"

    async def _run(self) -> None:
        while True:
            try:
                await self._read()
            except RedisError as fault:
                log.warning("the event stream cannot be read", extra={"fault": type(fault).__name__})
                await asyncio.sleep(RETRY_SECONDS)

    async def _read(self) -> None:
        answer = await self._redis.xread({STREAM: self._offset}, count=BATCH, block=int(BLOCK_SECONDS * 1000))
        self._read_at = time.monotonic()
        for _, entries in answer or ():
            for offset, entry in entries:
                self._offset = offset.decode()
                if self._is_new(entry):
                    await self._deliver_all(entry)

    def _is_new(self, entry: dict[bytes, bytes]) -> bool:
        """Whether a writer's entry is no repeat of a write whose answer had got lost."""
        writer, number = entry[b"writer"].decode(), int(entry[b"number"])
        if number <= self._written.get(writer, 0):
            return False
        _remember(self._written, writer, number, most=WRITERS_REMEMBERED)
        return True

    def _is_repeat(self, key: str | None) -> bool:
        if key is None:
            return False
        repeated = key in self._keys
        _remember(self._keys, key, None, most=KEYS_REMEMBERED)
        return repeated

    async def _deliver_all(self, entry: dict[bytes, bytes]) -> None:
        BUS_LAG_SECONDS.set(max(0.0, time.time() - float(entry[b"at"])))
        for envelope in unpack(entry[b"events"]):
            if self._is_repeat(envelope.key):
                continue
            try:
                await self._deliver(envelope)
            except Exception:
                log.exception("an event was not delivered", extra={"event_name": envelope.event})


def _remember(memory: OrderedDict[str, T], key: str, value: T, *, most: int) -> None:
    """Keep the `most` that were used last."""
    memory[key] = value
    memory.move_to_end(key)
    if len(memory) > most:
        memory.popitem(last=False)
