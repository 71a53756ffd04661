"""Fault 36: relays, web processes, Redis, PostgreSQL and receivers of webhooks killed under load."""

import asyncio
import signal
from collections import defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

import pytest

from hummdesk.core.encryption import Encryption
from hummdesk.dev.process import POLL_SECONDS
from hummdesk.storage import webhooks
from hummdesk.storage.database import Database
from tests.integration.relay.receiver import Received, Receiver, receiving, status
from tests.running_time import running_seconds
from tests.system.chaos.deployment import Deployment, deploy
from tests.system.chaos.load import load
from tests.system.chaos.report import FULL, Row, row, size

pytestmark = pytest.mark.timeout(size(300, 900))

KEYS = "a key of the tests with at least 32 bytes"
TIMES = size(1, 15)
PAUSE_SECONDS = 0.02 if FULL else 0.1
"""Between two messages of a sender."""
CAUGHT_UP_SECONDS = size(60, 120)
"""A lease of a killed relay ends after 15 s, a pause of a receiver that was unavailable after 60 s at most."""

Fault = Callable[[Deployment, "Hooks"], Awaitable[None]]


@dataclass
class Hooks:
    """A receiver with the webhooks of all accounts, and one that hangs."""

    receiver: Receiver
    hanging: Receiver
    secrets: dict[str, str] = field(default_factory=dict)
    """By account."""

    def verified(self) -> list[Received]:
        """The accepted requests. Raises WebhookVerificationError."""
        for one in self.receiver.accepted:
            one.verify(self.secrets[one.event["accountId"]])
        return self.receiver.accepted


@pytest.fixture(scope="module")
async def shared() -> AsyncIterator[Deployment]:
    changes: dict[str, Any] = {"webhook_allowed_networks": "127.0.0.0/8", "encryption_keys": KEYS}
    async with deploy(webhook_timeout_seconds=2.0, **changes) as made:
        yield made


@pytest.fixture
async def deployment(shared: Deployment) -> Deployment:
    await shared.restart_missing()
    return shared


async def hang(_: Received) -> bytes:
    await asyncio.sleep(60)
    return b""


async def subscribe(deployment: Deployment, account_id: UUID, url: str) -> str:
    """Add a webhook of the account for all its messages; return the secret."""
    database = Database(deployment.settings.postgres, role="hummdesk_app", size=1, timeout=30)
    await database.open()
    try:
        async with database.account(account_id) as tx:
            _, secret = await webhooks.add(
                tx, Encryption([KEYS]), None, account_id, url=url, events=["new_message"], after=0
            )
    finally:
        await database.close()
    return secret


@asynccontextmanager
async def hooks() -> AsyncIterator[Hooks]:
    async with receiving() as receiver, receiving() as hanging:
        hanging.answer = hang
        yield Hooks(receiver, hanging)


async def kill_relay(deployment: Deployment, _: Hooks) -> None:
    await deployment.kill("relay")
    await deployment.start_relay()


async def stop_relay(deployment: Deployment, _: Hooks) -> None:
    await deployment.stop("relay")
    await deployment.start_relay()


async def pause_relay(deployment: Deployment, _: Hooks) -> None:
    deployment.signal("relay", signal.SIGSTOP)
    await asyncio.sleep(1)
    deployment.signal("relay", signal.SIGCONT)


async def restart_redis(deployment: Deployment, _: Hooks) -> None:
    await deployment.restart("redis")


async def restart_postgres(deployment: Deployment, _: Hooks) -> None:
    await deployment.restart("postgres")


async def fail_receiver(_: Deployment, made: Hooks) -> None:
    working = made.receiver.answer
    made.receiver.answer = status(500)
    await asyncio.sleep(1.5)
    made.receiver.answer = working


async def hang_receiver(_: Deployment, made: Hooks) -> None:
    working = made.receiver.answer
    made.receiver.answer = hang
    await asyncio.sleep(1.5)
    made.receiver.answer = working


async def kill_receiver(_: Deployment, made: Hooks) -> None:
    await made.receiver.stop()
    await asyncio.sleep(1.5)
    await made.receiver.start()


SINGLE: dict[str, Fault] = {
    "receiver killed": kill_receiver,
    "relay killed": kill_relay,
    "relay stopped": stop_relay,
    "relay paused": pause_relay,
    "Redis killed": restart_redis,
    "PostgreSQL killed": restart_postgres,
    "receiver answers 500": fail_receiver,
    "receiver hangs": hang_receiver,
}
SHORT = "relay killed"
TOGETHER = {"relay, Redis, PostgreSQL and receiver killed in turn": list(SINGLE.values())}
FAULTS = {name: [fault] for name, fault in SINGLE.items() if FULL or name == SHORT} | TOGETHER


@pytest.mark.parametrize(
    "fault", [name if name == SHORT else pytest.param(name, marks=pytest.mark.systems) for name in FAULTS]
)
async def test_webhooks_lose_no_event_and_keep_the_order(deployment: Deployment, fault: str) -> None:
    with row("36", f"{fault}, {TIMES}x, webhooks of 2 accounts beside 2 whose receiver hangs") as found:
        async with AsyncExitStack() as stack:
            made = await stack.enter_async_context(hooks())
            traffic = await stack.enter_async_context(load(deployment, pause=PAUSE_SECONDS))
            accounts = {UUID(view) for view in await accounts_of(deployment, [one for _, one in traffic.senders])}
            for account_id in accounts:
                made.secrets[str(account_id)] = await subscribe(deployment, account_id, made.receiver.url)
                await subscribe(deployment, account_id, made.hanging.url)
            async with traffic.sending():
                for cause in TIMES * FAULTS[fault]:
                    await asyncio.sleep(1)
                    await cause(deployment, made)
            began = running_seconds()
            stored = await seqs(deployment, accounts)
            await caught_up(made, stored)
            found.measure("caught up after", running_seconds() - began, at_most=CAUGHT_UP_SECONDS, unit=" s")
            found.acknowledged += len(traffic.acknowledged)
            compare(found, made, stored)
            await deployment.rows("DELETE FROM webhooks")


async def accounts_of(deployment: Deployment, conversations: list[str]) -> list[str]:
    rows = await deployment.rows(
        "SELECT DISTINCT account_id::text FROM conversations WHERE id = ANY(%s)", [UUID(one) for one in conversations]
    )
    return [account_id for (account_id,) in rows]


async def seqs(deployment: Deployment, accounts: set[UUID]) -> dict[str, list[int]]:
    """The numbers of the stored messages, by conversation."""
    rows = await deployment.rows(
        "SELECT conversation_id::text, seq FROM messages WHERE account_id = ANY(%s) ORDER BY conversation_id, seq",
        list(accounts),
    )
    found: dict[str, list[int]] = defaultdict(list)
    for conversation, seq in rows:
        found[conversation].append(seq)
    return dict(found)


async def caught_up(made: Hooks, stored: dict[str, list[int]]) -> None:
    """Wait until each stored message has been accepted once."""
    until = running_seconds() + CAUGHT_UP_SECONDS
    while running_seconds() < until:
        arrived = delivered(made)
        if not any(set(seqs) - set(arrived.get(conversation, ())) for conversation, seqs in stored.items()):
            break
        await asyncio.sleep(5 * POLL_SECONDS)


def delivered(made: Hooks) -> dict[str, list[int]]:
    """The numbers of the accepted messages by conversation, in the order of their first arrival."""
    found: dict[str, dict[int, None]] = defaultdict(dict)
    for one in made.receiver.accepted:
        message = one.event["data"]
        found[message["conversationId"]][message["seq"]] = None
    return {conversation: list(seqs) for conversation, seqs in found.items()}


def compare(found: Row, made: Hooks, stored: dict[str, list[int]]) -> None:
    """Add the comparison of stored messages and accepted deliveries to the table."""
    accepted, first = made.verified(), delivered(made)
    distinct = {one.headers["webhook-id"] for one in accepted}
    found.note(f"{sum(map(len, stored.values())):,} messages, {len(accepted):,} accepted, all signatures verified")
    found.note(f"{len(accepted) - len(distinct):,} repeated")
    lost = sum(len(set(seqs) - set(first.get(conversation, ()))) for conversation, seqs in stored.items())
    found.measure("lost", lost)
    found.measure("conversations out of order", sum(seqs != sorted(seqs) for seqs in first.values()))
    found.measure("most attempts at the receiver that hangs", made.hanging.most_open, at_most=2 * 8)
