"""Clients that send messages during a fault, and the comparison of acknowledged sends, rows and receipts."""

import asyncio
import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from uuid import UUID

from hummdesk.dev.process import POLL_SECONDS
from tests.integration.server.accounts import Account
from tests.running_time import running_seconds
from tests.system.chaos.client import Client, Refused
from tests.system.chaos.deployment import Deployment
from tests.system.chaos.report import Row

SETTLE_SECONDS = 60.0


@dataclass(frozen=True)
class Acknowledged:
    at: float
    seconds: float
    """From the first attempt to the acknowledgement."""
    conversation: str
    message_id: str
    seq: int


@dataclass
class Load:
    deployment: Deployment
    senders: list[tuple[Client, str]]
    """(client, conversation) of each sender."""
    clients: list[Client]
    """All clients, senders included."""
    accounts: list[UUID] = field(default_factory=list)
    acknowledged: dict[str, Acknowledged] = field(default_factory=dict)
    """By clientMessageId."""
    refused: list[str] = field(default_factory=list)
    pause: float = 0.0
    is_over: bool = False

    async def send_all(self) -> None:
        """Send from all senders until the load is over, each awaiting the acknowledgement before the next message."""
        async with asyncio.TaskGroup() as group:
            for client, conversation in self.senders:
                group.create_task(self._keep_sending(client, conversation))

    async def _keep_sending(self, client: Client, conversation: str) -> None:
        while not self.is_over:
            await self.send(client, conversation)
            await asyncio.sleep(self.pause)

    async def send(self, client: Client, conversation: str) -> None:
        token = secrets.token_hex(8)
        began = running_seconds()
        try:
            receipt = await client.send(conversation, f"message {token}", token)
        except Refused as refusal:
            self.refused.append(str(refusal))
            return
        now = running_seconds()
        self.acknowledged[token] = Acknowledged(now, now - began, conversation, receipt["messageId"], receipt["seq"])

    @asynccontextmanager
    async def sending(self) -> AsyncIterator[None]:
        """Send during the block; at exit, wait until every last send is acknowledged."""
        self.is_over = False
        task = asyncio.create_task(self.send_all())
        try:
            yield
        finally:
            self.is_over = True
            await asyncio.wait([task], timeout=SETTLE_SECONDS)
            task.cancel()
            await asyncio.wait([task])
        assert not task.cancelled(), "a send was never acknowledged"
        task.result()

    async def settle(self) -> float:
        """Wait until all clients have all messages, at most SETTLE_SECONDS, and return the seconds."""
        began = running_seconds()
        last = await self._last_seqs()
        while running_seconds() - began < SETTLE_SECONDS:
            if all(client.synchronized.is_set() and self._has_all(client, last) for client in self.clients):
                break
            await asyncio.sleep(POLL_SECONDS)
        return running_seconds() - began

    def _has_all(self, client: Client, last: dict[str, int]) -> bool:
        return all(view.last >= last.get(conversation, 0) for conversation, view in client.views.items())

    async def _last_seqs(self) -> dict[str, int]:
        rows = await self.deployment.rows("SELECT conversation_id::text, max(seq) FROM messages GROUP BY 1")
        return dict(rows)

    async def compare(self, row: Row) -> None:
        """Add the comparison of acknowledged sends, rows and receipts to the table."""
        await self.settle()
        stored = await self.deployment.rows(
            """SELECT client_message_id, id::text, conversation_id::text, seq
            FROM messages
            WHERE conversation_id = ANY (%s)
            ORDER BY conversation_id, seq""",
            [UUID(conversation) for _, conversation in self.senders],
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
            len(set(by_conversation.get(conversation, ())) - set(view.seen))
            for client in self.clients
            for conversation, view in client.views.items()
        )
        row.acknowledged += len(self.acknowledged)
        row.note(f"{len(self.acknowledged):,} sent by {len(self.senders)}, received by {len(self.clients)}")
        row.measure("acknowledged but lost", lost)
        row.measure("stored twice", sum(len(found) - 1 for found in by_token.values()))
        row.measure("gaps in seq", sum(seqs != list(range(1, len(seqs) + 1)) for seqs in by_conversation.values()))
        row.measure("never displayed", unseen)
        row.measure("displayed twice", sum(client.faults.repeated for client in self.clients))
        row.measure("displayed out of order", sum(client.faults.skipped for client in self.clients))
        row.measure("refused", len(self.refused))

    def outages(self) -> list[float]:
        return [seconds for client in self.clients for seconds in client.outages]

    async def stop(self) -> None:
        await asyncio.gather(*(client.stop() for client in self.clients))


@asynccontextmanager
async def load(deployment: Deployment, *, accounts: int = 2, pause: float = 0.02) -> AsyncIterator[Load]:
    """Clients of new accounts on all web processes: in each, two customers and an agent send, a viewer receives."""
    made_accounts = [await deployment.account() for _ in range(accounts)]
    senders: list[tuple[Client, str]] = []
    clients: list[Client] = []
    for account in made_accounts:
        both = (str(account.conversation), str(account.other_conversation))
        made = {
            "customer": client_of(deployment, account, "customer", both[:1]),
            "stranger": client_of(deployment, account, "stranger", both[1:]),
            "agent": client_of(deployment, account, "agent", both),
            "viewer": client_of(deployment, account, "viewer", both),
        }
        senders += [(made["customer"], both[0]), (made["stranger"], both[1]), (made["agent"], both[0])]
        clients += made.values()
    for number, client in enumerate(clients):
        client.use_address(number)
    await asyncio.gather(*(client.start() for client in clients))
    traffic = Load(deployment, senders, clients, [account.id for account in made_accounts], pause=pause)
    try:
        yield traffic
    finally:
        await traffic.stop()


def client_of(deployment: Deployment, account: Account, name: str, conversations: tuple[str, ...] = ()) -> Client:
    return Client(deployment.addresses, account.token(name), conversations)
