"""Writers and readers of the stream on a real Redis. Each test has an account, and so a shard, of its own."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from uuid import UUID

import pytest
from redis.asyncio import Redis

from hummdesk.bus import stream_reader
from hummdesk.bus.client import connect
from hummdesk.bus.envelope import Envelope, Event, OrderKey
from hummdesk.bus.shards import Shard
from hummdesk.bus.stream_reader import Drain, ShardReader, StreamReader, no_drain
from hummdesk.bus.stream_writer import StreamWriter
from hummdesk.core.config import Settings
from hummdesk.core.ids import new_id


@dataclass
class AccountStream:
    """The stream of one account in one Redis, with its writers and readers."""

    redis_url: str
    account_id: UUID = field(default_factory=new_id)
    conversation_id: UUID = field(default_factory=new_id)

    def number(self, value: int, **more: object) -> Envelope:
        return Envelope(account_id=self.account_id, event="number", data={"number": value}, rooms=("room",), **more)  # type: ignore[arg-type]

    def message(self, seq: int, *, closely: bool = True) -> Envelope:
        order = OrderKey(conversation_id=self.conversation_id, seq=seq, has_pending_predecessor=closely)
        return self.number(seq, order=order)

    @asynccontextmanager
    async def writing(self, **more: object) -> AsyncIterator[StreamWriter]:
        options = {"length": 10_000} | more
        writer = StreamWriter(connect(self.redis_url), **options)  # type: ignore[arg-type]
        try:
            yield writer
        finally:
            await writer.close()

    @asynccontextmanager
    async def reading(self, *, drain: Drain = no_drain, keep_bytes: int = 10**7) -> AsyncIterator["Delivered"]:
        delivered = Delivered()
        reader = StreamReader(
            connect(self.redis_url),
            deliver=delivered.record,
            drain=drain,
            on_loss=delivered.record_loss,
            keep_seconds=60,
            keep_bytes=keep_bytes,
        )
        try:
            delivered.reader, delivered.shard = reader, await reader.follow(self.account_id)
            yield delivered
        finally:
            await reader.stop()


class Delivered(list[int]):
    """The numbers of the events that a reader has delivered."""

    reader: StreamReader
    shard: ShardReader

    def __init__(self) -> None:
        self.events: list[Event] = []
        self.losses: list[int] = []
        """The number of delivered events at each loss."""
        self.lost: list[Shard] = []
        self._news = asyncio.Event()

    def record(self, event: Event) -> None:
        if event.event == "number":
            self.events.append(event)
            self.append(event.data["number"])
            self._news.set()

    def record_loss(self, shard: Shard) -> None:
        self.losses.append(len(self))
        self.lost.append(shard)
        self._news.set()

    async def reaches(self, *numbers: int) -> None:
        await self.until(lambda: len(self) >= len(numbers))
        assert self == list(numbers)

    async def until(self, holds: Callable[[], bool]) -> None:
        async with asyncio.timeout(20):
            while not holds():
                self._news.clear()
                await self._news.wait()


@asynccontextmanager
async def process(stream: AccountStream) -> AsyncIterator[tuple[StreamWriter, Delivered]]:
    """A writer and a reader, connected as in a web process."""
    async with stream.reading() as delivered, stream.writing() as writer:
        writer.on_appended = delivered.reader.deliver_appended
        yield writer, delivered


@pytest.fixture(autouse=True)
def begins_with_redis(monkeypatch: pytest.MonkeyPatch) -> None:
    """Readers begin with the first answer of Redis, however busy the machine is: earlier events would count as lost."""
    monkeypatch.setattr(stream_reader, "BEGIN_SECONDS", 20.0)


@pytest.fixture
def stream(settings: Settings) -> AccountStream:
    return AccountStream(settings.redis)


@pytest.fixture
async def writer(stream: AccountStream) -> AsyncIterator[StreamWriter]:
    async with stream.writing() as writer:
        yield writer


@pytest.fixture
async def redis(stream: AccountStream) -> AsyncIterator[Redis]:
    async with Redis.from_url(stream.redis_url) as client:
        yield client
