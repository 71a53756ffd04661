"""People who talk while something breaks, and the comparison that counts: acknowledged sends, rows, and receipts."""

import asyncio
import secrets
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from uuid import UUID

from hummdesk.dev.process import POLL_SECONDS
from tests.integration.server.accounts import Account
from tests.system.chaos.client import Client, Refused
from tests.system.chaos.deployment import Arena
from tests.system.chaos.report import Row

SETTLE_SECONDS = 20.0


@dataclass(frozen=True)
class Acknowledged:
    at: float
    seconds: float
    """From the first try to the answer."""
    conversation: str
    message_id: str
    seq: int


@dataclass
class Load:
    arena: Arena
    speakers: list[tuple[Client, str]]
    """Who talks in which conversation."""
    listeners: list[Client]
    """Everybody, speakers included."""
    acknowledged: dict[str, Acknowledged] = field(default_factory=dict)
    """By clientMessageId."""
    refused: list[str] = field(default_factory=list)
    pause: float = 0.0
    is_over: bool = False

    async def speak(self) -> None:
        """Everybody talks, each waiting for the answer before the next message, until the load is over."""
        async with asyncio.TaskGroup() as group:
            for client, conversation in self.speakers:
                group.create_task(self._speak(client, conversation))

    async def _speak(self, client: Client, conversation: str) -> None:
        while not self.is_over:
            await self.say(client, conversation)
            await asyncio.sleep(self.pause)

    async def say(self, client: Client, conversation: str) -> None:
        token = secrets.token_hex(8)
        began = time.monotonic()
        try:
            answer = await client.send(conversation, f"message {token}", token)
        except Refused as refusal:
            self.refused.append(str(refusal))
            return
        now = time.monotonic()
        self.acknowledged[token] = Acknowledged(now, now - began, conversation, answer["messageId"], answer["seq"])

    @asynccontextmanager
    async def speaking(self) -> AsyncIterator[None]:
        """Load around the fault; then everybody gets the answer to what was sent last."""
        self.is_over = False
        talk = asyncio.create_task(self.speak())
        try:
            yield
        finally:
            self.is_over = True
            await asyncio.wait([talk], timeout=SETTLE_SECONDS)
            talk.cancel()
            await asyncio.wait([talk])
        assert not talk.cancelled(), "somebody was never answered"
        talk.result()

    async def settle(self) -> float:
        """Wait until everybody is whole and was shown everything; the seconds that took, at most SETTLE_SECONDS."""
        began = time.monotonic()
        last = await self._last_seqs()
        while time.monotonic() - began < SETTLE_SECONDS:
            if all(client.whole.is_set() and self._has_all(client, last) for client in self.listeners):
                break
            await asyncio.sleep(POLL_SECONDS)
        return time.monotonic() - began

    def _has_all(self, client: Client, last: dict[str, int]) -> bool:
        return all(talk.last >= last.get(conversation, 0) for conversation, talk in client.talks.items())

    async def _last_seqs(self) -> dict[str, int]:
        rows = await self.arena.rows("SELECT conversation_id::text, max(seq) FROM messages GROUP BY 1")
        return dict(rows)

    async def compare(self, row: Row) -> None:
        """The three-way comparison, into the table."""
        await self.settle()
        stored = await self.arena.rows(
            """SELECT client_message_id, id::text, conversation_id::text, seq
            FROM messages
            WHERE conversation_id = ANY (%s)
            ORDER BY conversation_id, seq""",
            [UUID(conversation) for _, conversation in self.speakers],
        )
        by_token: dict[str, list[tuple[str, str, int]]] = {}
        by_conversation: dict[str, list[int]] = {}
        for token, message_id, conversation, seq in stored:
            by_token.setdefault(token, []).append((message_id, conversation, seq))
            by_conversation.setdefault(conversation, []).append(seq)
        lost = sum(
            (one.message_id, one.conversation, one.seq) not in by_token.get(token, ())
            for token, one in self.acknowledged.items()
        )
        unseen = sum(
            len(set(by_conversation.get(conversation, ())) - set(talk.seen))
            for client in self.listeners
            for conversation, talk in client.talks.items()
        )
        row.acknowledged += len(self.acknowledged)
        row.tell(f"{len(self.acknowledged):,} sent by {len(self.speakers)}, heard by {len(self.listeners)}")
        row.measure("acknowledged and lost", lost)
        row.measure("stored twice", sum(len(found) - 1 for found in by_token.values()))
        row.measure("gaps in seq", sum(seqs != list(range(1, len(seqs) + 1)) for seqs in by_conversation.values()))
        row.measure("never shown", unseen)
        row.measure("shown twice", sum(client.faults.repeated for client in self.listeners))
        row.measure("shown out of order", sum(client.faults.skipped for client in self.listeners))
        row.measure("refused", len(self.refused))

    def outages(self) -> list[float]:
        return [seconds for client in self.listeners for seconds in client.outages]

    async def stop(self) -> None:
        await asyncio.gather(*(client.stop() for client in self.listeners))


@asynccontextmanager
async def load(arena: Arena, *, accounts: int = 2, pause: float = 0.02) -> AsyncIterator[Load]:
    """People of new accounts on all web processes: in each two customers and an agent talk, a viewer listens."""
    people = [await arena.account() for _ in range(accounts)]
    speakers: list[tuple[Client, str]] = []
    listeners: list[Client] = []
    for account in people:
        both = (str(account.conversation), str(account.other_conversation))
        made = {
            "customer": client_of(arena, account, "customer", both[:1]),
            "stranger": client_of(arena, account, "stranger", both[1:]),
            "agent": client_of(arena, account, "agent", both),
            "viewer": client_of(arena, account, "viewer", both),
        }
        speakers += [(made["customer"], both[0]), (made["stranger"], both[1]), (made["agent"], both[0])]
        listeners += made.values()
    for number, client in enumerate(listeners):
        client.go_to(number)
    await asyncio.gather(*(client.start() for client in listeners))
    talk = Load(arena, speakers, listeners, pause=pause)
    try:
        yield talk
    finally:
        await talk.stop()


def client_of(arena: Arena, account: Account, name: str, conversations: tuple[str, ...] = ()) -> Client:
    return Client(arena.addresses, account.token(name), conversations)
