"""Relays that deliver the webhooks of an account, inside the test process."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

import pytest

from hummdesk.core import webhooks as addresses
from hummdesk.core.config import Settings
from hummdesk.core.encryption import Encryption
from hummdesk.core.ids import new_id
from hummdesk.core.periodic import Periodic
from hummdesk.relay.webhooks import deliverer, schedule
from hummdesk.relay.webhooks.bodies import FeedBodies
from hummdesk.relay.webhooks.deliverer import Deliverer
from hummdesk.relay.webhooks.sender import Sender
from hummdesk.relay.webhooks.session import Services, Slots
from hummdesk.storage import feed, webhook_deliveries, webhooks
from hummdesk.storage.database import Database
from hummdesk.storage.webhook_deliveries import Delivery, Status
from tests.integration.relay.receiver import Receiver, receiving
from tests.integration.storage.conftest import Account, account, app, foreign

__all__ = ["account", "app", "foreign"]

KEYS = "a key of the tests with at least 32 bytes"
SETTINGS = Settings(webhook_allowed_networks="127.0.0.0/8", encryption_keys=KEYS)
PATIENCE_SECONDS = 15.0


@dataclass(frozen=True, slots=True)
class Hook:
    """A webhook of an account."""

    account: Account
    id: UUID
    secret: str

    async def log(self, status: Status | None = None) -> list[Delivery]:
        """Its deliveries, the newest first."""
        async with self.account.tx() as tx:
            return (await webhook_deliveries.page(tx, self.id, status=status, limit=1000, cursor=None))[0]

    async def statuses(self) -> dict[int, str]:
        return {one.number: one.status for one in await self.log()}

    async def until(self, *statuses: Status) -> list[Delivery]:
        """Wait until every delivery has one of these statuses, and there is one; return the log."""
        async with asyncio.timeout(PATIENCE_SECONDS):
            while not (found := await self.log()) or any(one.status not in statuses for one in found):
                await asyncio.sleep(0.02)
        return found

    async def is_enabled(self) -> bool:
        async with self.account.tx() as tx:
            return (await webhooks.get(tx, self.id)).enabled


async def hook(account: Account, url: str, *, events: tuple[str, ...] = ("new_message",)) -> Hook:
    """A webhook for the events from now on."""
    async with account.tx() as tx:
        after = await feed.sequence(tx)
        made, secret = await webhooks.add(tx, Encryption([KEYS]), None, account.id, url=url, events=events, after=after)
    return Hook(account, made.id, secret)


async def numbered(account: Account) -> int:
    """Number the changes of the account, as a relay does; return the last number."""
    async with account.tx() as tx:
        return await feed.sequence(tx)


@dataclass
class Relay:
    """A relay that only delivers webhooks. `failures` are the errors of its steps."""

    deliverer: Deliverer
    services: Services
    slots: int
    failures: list[Exception] = field(default_factory=list)
    _leasing: Periodic | None = None

    def start(self) -> None:
        self._leasing = Periodic(self.deliverer.lease, interval=0.05, on_failure=self.failures.append)
        self._leasing.start()

    async def stop(self) -> None:
        if self._leasing is not None:
            await self._leasing.stop()
            self._leasing = None
        await self.deliverer.stop(grace_seconds=PATIENCE_SECONDS)

    def in_flight(self, hook: Hook) -> int:
        """The attempts of a webhook that are in progress."""
        return self.deliverer._sessions[hook.account.id, hook.id].in_flight

    async def until_paused(self, hook: Hook) -> None:
        """Wait until this relay delivers nothing to a webhook, and no attempt is in progress."""
        async with asyncio.timeout(PATIENCE_SECONDS):
            while (hook.account.id, hook.id) in self.deliverer._sessions or self.services.slots.free < self.slots:
                await asyncio.sleep(0.02)

    async def kill(self) -> None:
        """End without recording or releasing anything, as by SIGKILL."""
        if self._leasing is not None:
            await self._leasing.stop()
            self._leasing = None
        for key in list(self.deliverer._sessions):
            await self.deliverer._end(key)


@asynccontextmanager
async def relay(
    url: str, *, slots: int = 64, seconds: float = 20.0, encryption: Encryption | None = None
) -> AsyncIterator[Relay]:
    """A relay that is started, with a timeout of `seconds` for each attempt."""
    async with AsyncExitStack() as resources:
        delivering = Database(url, role="hummdesk_relay", size=2, timeout=20, pipelined=True)
        reading = Database(url, role="hummdesk_app", size=2, timeout=20)
        for database in (delivering, reading):
            await database.open()
            resources.push_async_callback(database.close)
        failures: list[Exception] = []
        services = Services(
            relay=new_id(),
            database=delivering,
            sweeping=delivering,
            bodies=FeedBodies(reading),
            encryption=encryption or Encryption([KEYS]),
            sender=Sender(addresses.policy(SETTINGS), seconds=seconds),
            slots=Slots(slots),
        )
        made = Relay(Deliverer(services, log_days=30, on_failure=failures.append), services, slots, failures)
        made.start()
        resources.push_async_callback(made.stop)
        yield made


@pytest.fixture(autouse=True)
def short_times() -> Iterator[None]:
    """Short times where a test would wait."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(schedule, "FIRST_BACKOFF_SECONDS", 0.05)
        patch.setattr(schedule, "LONGEST_BACKOFF_SECONDS", 0.2)
        patch.setattr(schedule, "LONGEST_PAUSE_SECONDS", 0.2)
        patch.setattr(deliverer, "SESSION_INTERVAL_SECONDS", 0.2)
        yield


@pytest.fixture(autouse=True)
async def no_other_webhooks(account: Account) -> AsyncIterator[None]:
    """Leave no webhooks for the relays of the next tests."""
    yield
    await account.execute("DELETE FROM webhooks")


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    async with receiving() as one:
        yield one


@pytest.fixture
async def started(database_url: str) -> AsyncIterator[Relay]:
    async with relay(database_url) as one:
        yield one
        assert one.failures == []


async def conversations(account: Account, number: int) -> list[UUID]:
    """The first conversation of the account, and further ones of the same customer."""
    return [account.conversation, *[await account.start(account.customer) for _ in range(number - 1)]]


async def say(account: Account, conversation_id: UUID, content: str = "Hello", **more: Any) -> UUID:
    """Send a message of the customer, and return its id."""
    sent = await account.send(account.customer, content, conversation_id=conversation_id, **more)
    return sent.message.id
