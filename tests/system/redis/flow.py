"""Everything that HummDesk does with Redis, once, without faults."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from uuid import UUID

from hummdesk.bus.client import connect
from hummdesk.bus.commands import Commands
from hummdesk.bus.draft_progress import DraftProgress, Progress
from hummdesk.bus.envelope import Envelope, Event, OrderKey
from hummdesk.bus.presence import Lease, Presence
from hummdesk.bus.queue_positions import PublishedPositions
from hummdesk.bus.recovery_store import RecoverableSession, RecoveryStore, SessionEraser
from hummdesk.bus.shards import Shard, shard_of
from hummdesk.bus.shared_limits import SharedLimits
from hummdesk.bus.socket_counts import SocketCounts
from hummdesk.bus.stream_eraser import StreamEraser
from hummdesk.bus.stream_reader import StreamReader
from hummdesk.bus.stream_writer import StreamWriter
from hummdesk.bus.token_leases import Charge, Limit
from hummdesk.bus.viewers import View, ViewerLeases
from hummdesk.core.config import Settings
from hummdesk.core.ids import new_id

ACCOUNTS = 12
"""Enough for shards on every master."""


@dataclass
class Bus:
    """A writer and a reader, as a process has them."""

    writer: StreamWriter
    reader: StreamReader
    events: list[Event] = field(default_factory=list)
    losses: list[Shard] = field(default_factory=list)
    news: asyncio.Event = field(default_factory=asyncio.Event)

    def numbers(self, account_id: UUID) -> list[int]:
        return [event.data["number"] for event in self.events if event.data["account"] == str(account_id)]

    async def has(self, account_id: UUID, numbers: set[int]) -> None:
        async with asyncio.timeout(60):
            while not numbers <= set(self.numbers(account_id)):
                self.news.clear()
                await self.news.wait()

    async def has_lost(self, shard: Shard) -> None:
        async with asyncio.timeout(60):
            while shard not in self.losses:
                self.news.clear()
                await self.news.wait()


@asynccontextmanager
async def bus(url: str) -> AsyncIterator[Bus]:
    def deliver(event: Event) -> None:
        made.events.append(event)
        made.news.set()

    def on_loss(shard: Shard) -> None:
        made.losses.append(shard)
        made.news.set()

    reader = StreamReader(connect(url), deliver=deliver, on_loss=on_loss, keep_seconds=60)
    made = Bus(StreamWriter(connect(url), length=10_000), reader)
    made.writer.on_appended = reader.deliver_appended
    try:
        yield made
    finally:
        await made.writer.close()
        await reader.stop()


def number(account_id: UUID, value: int, **more: OrderKey | str) -> Envelope:
    data = {"number": value, "account": str(account_id)}
    return Envelope(account_id=account_id, event="number", data=data, rooms=("room",), **more)  # type: ignore[arg-type]


async def everything(url: str) -> None:
    """Use every part of the bus, with accounts of all shards."""
    settings = Settings(redis_url=url, presence_grace_seconds=60.0)
    await events(url)
    commands = Commands.of(url)
    accounts = [new_id() for _ in range(ACCOUNTS)]
    await presence(Presence(commands, settings), accounts)
    await leases(commands, accounts)
    await sessions(commands, accounts)
    await figures(commands, accounts)
    await erasure(commands, accounts)
    await commands.close()


async def events(url: str) -> None:
    accounts = [new_id() for _ in range(ACCOUNTS)]
    assert len({shard_of(account) for account in accounts}) > 1
    async with bus(url) as one, bus(url) as other:
        conversations = {account: new_id() for account in accounts}
        for account in accounts:
            await asyncio.gather(one.reader.follow(account), other.reader.follow(account))
        for seq in (1, 2, 3):
            for writer, account in zip([one.writer, other.writer] * ACCOUNTS, accounts, strict=False):
                order = OrderKey(conversation_id=conversations[account], seq=seq, has_pending_predecessor=True)
                writer.append(number(account, seq, order=order))
        stored = [one.writer.append(number(account, 4, key=f"once/{account}")) for account in accounts]
        await asyncio.gather(*stored)
        await asyncio.gather(*(other.writer.append(number(account, 4, key=f"once/{account}")) for account in accounts))
        for reading in (one, other):
            for account in accounts:
                await reading.has(account, {1, 2, 3, 4})
                assert [one for one in reading.numbers(account) if one < 4] == [1, 2, 3]
                assert reading.numbers(account).count(4) == 1
            assert not reading.losses
        first = next(event for event in other.events if event.data["number"] == 1)
        shard = await other.reader.follow(UUID(first.data["account"]))
        entry, _, index = first.offset.partition(".")
        assert await shard.load(entry, int(index) if index else None)


async def presence(found: Presence, accounts: list[UUID]) -> None:
    await found.check()
    held = [Lease(account, new_id(), "socket") for account in accounts]
    assert all(await asyncio.gather(*(found.join(lease) for lease in held)))
    assert await found.renew(held) == []
    for lease in held:
        assert await found.statuses(lease.account_id) == {lease.agent_id: "online"}
        assert await found.statuses(lease.account_id, [lease.agent_id]) == {lease.agent_id: "online"}
        assert await found.change(lease.account_id, lease.agent_id, "away") == "online"
        assert await found.confirm(lease.account_id, lease.agent_id) == "away"
        await found.leave(lease)
    assert await found.expire() == []
    await found.overdue(100)


async def leases(commands: Commands, accounts: list[UUID]) -> None:
    viewing = ViewerLeases(commands, lease_seconds=30)
    views = [View(account, new_id(), new_id(), "socket", "Ada") for account in accounts]
    assert [found.names for found in await viewing.enter(views)] == [{view.agent_id: "Ada"} for view in views]
    assert await viewing.renew(views) == []
    assert all(not found.names for found in await viewing.leave(views))
    drafts = DraftProgress(commands)
    for account in accounts:
        conversation, progress = new_id(), Progress(run_id=new_id(), attempt=1, index=1, text="Hello")
        await drafts.begin(account, conversation, progress)
        assert await drafts.save(account, conversation, progress)
        assert await drafts.of_conversation(account, conversation) == progress
        await drafts.end(account, conversation, progress)
    limits = SharedLimits(commands)
    charges = [Charge(Limit("test", rate=1, burst=5), account, 1) for account in accounts]
    for charge in charges:
        assert await limits.take(charge) is None
    await limits.wait_idle()
    assert not limits.is_local
    await limits.return_idle()


async def sessions(commands: Commands, accounts: list[UUID]) -> None:
    store = RecoveryStore(commands, node="node", window_seconds=60, report_seconds=10)
    eraser = SessionEraser(commands)
    for account in accounts:
        person, pid = new_id(), str(new_id())
        saved = RecoverableSession(sid="sid", account_id=account, person_id=person, rooms={}, joined=[])
        await store.save(pid, saved)
        assert await store.disconnect(pid)
        assert await store.claim(pid, account_id=account, person_id=person) == saved
        assert await eraser.count(account) == await eraser.delete(account) == 1
        await store.delete(pid)


async def figures(commands: Commands, accounts: list[UUID]) -> None:
    counts = SocketCounts(commands, lease_seconds=30)
    await counts.report("node", {"agent": 1})
    await counts.report_accounts("node", {account: {"agent": 1} for account in accounts})
    assert [await counts.of_account(account) for account in accounts] == [{"agent": 1}] * len(accounts)
    assert (await counts.statistics())["byRole"] == {"agent": 1}
    await counts.remove("node")
    positions = PublishedPositions(commands)
    for account in accounts:
        places = {new_id(): 1, new_id(): 2}
        async with positions.locked(account) as is_free:
            assert is_free
            await positions.write(account, places)
        assert await positions.read(account) == places


async def erasure(commands: Commands, accounts: list[UUID]) -> None:
    eraser = StreamEraser(commands)
    for account in accounts:
        await eraser.block(account, ["key"])
        assert await eraser.count(account, {account}, lambda _: True) == 0
        assert await eraser.remove(account, {account}, lambda _: True) == 0
        await eraser.delete_draft(account, new_id())
        assert await eraser.delete_keys(account) > 0
    await eraser.trim()
