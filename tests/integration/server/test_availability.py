"""Business hours: the state that staff and customers receive, by request and when it changes."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from hummdesk.contract.resources.hours import NewHours
from hummdesk.relay.hours import RETRY, HoursPublisher
from hummdesk.server.node import Node
from hummdesk.storage import hours
from hummdesk.storage.database import Database
from hummdesk.storage.hours import BusinessHours
from tests.integration.server.accounts import Account

DAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
OFFICE = [{"day": day, "opens": "09:00", "closes": "17:00"} for day in DAYS]
TEXTS = {"en": "See you tomorrow", "de": "Bis morgen"}


@dataclass
class Desk:
    account: Account
    node: Node
    publisher: HoursPublisher

    async def put(self, **changes: Any) -> None:
        """Set the hours, and wait until the web process knows them."""
        body = {"timeZone": "Europe/Berlin", "weekly": OFFICE, "texts": TEXTS} | changes
        wanted = BusinessHours.of(NewHours().load(body))
        async with self.node.context.database.account(self.account.id) as tx:
            await hours.put(tx, None, self.account.id, wanted)
        while await self.node.context.hours.of(self.account.id) != wanted:
            await asyncio.sleep(0.01)

    async def due(self) -> datetime | None:
        [[due]] = await self.account.execute("SELECT changes_at FROM business_hours WHERE account_id = %(account)s")
        assert isinstance(due, datetime | None)
        return due

    async def pass_time(self) -> None:
        """Publish the next change of the account as if its time had come."""
        await self.publisher.publish_due(at=await self.due())


@pytest.fixture(scope="module")
async def database_of_relay(web_settings: Any) -> AsyncIterator[Database]:
    database = Database(web_settings.postgres, role="hummdesk_relay", size=1, timeout=20, pipelined=True)
    await database.open()
    yield database
    await database.close()


@pytest.fixture
def desk(account: Account, node: Node, database_of_relay: Database) -> Desk:
    return Desk(account, node, HoursPublisher(database_of_relay, node.context.publisher))


async def test_account_without_hours_is_open(account: Account) -> None:
    for name in ("viewer", "customer"):
        client = await account.connect(name)
        assert await client.do("get_availability") == {"ok": True, "isOpen": True}


async def test_closed_account_says_when_it_opens_and_its_texts(desk: Desk) -> None:
    await desk.put(weekly=[], closedDates=[])
    for name in ("agent", "customer"):
        client = await desk.account.connect(name)
        assert await client.do("get_availability") == {"ok": True, "isOpen": False, "message": TEXTS}
    soon = datetime.now(UTC) + timedelta(hours=26)
    opens = soon.replace(minute=0, second=0, microsecond=0)
    weekly = [{"day": DAYS[opens.weekday()], "opens": f"{opens:%H}:00", "closes": f"{opens:%H}:30"}]
    await desk.put(timeZone="UTC", weekly=weekly)
    answer = await client.do("get_availability")
    assert answer["opensAt"] == f"{opens:%Y-%m-%dT%H}:00:00.000Z"
    assert "closesAt" not in answer


async def test_changed_settings_and_times_are_published_to_staff_and_customers_once(desk: Desk) -> None:
    staff, customer = await desk.account.connect("viewer"), await desk.account.connect("stranger")
    await desk.put(timeZone="Australia/Lord_Howe")
    changes = []
    for _ in range(3):
        await desk.pass_time()
        changes.append([await client.receives("availability_changed") for client in (staff, customer)])
    for to_staff, to_customer in changes:
        assert to_staff == to_customer
    [(changed, _), (first, _), (second, _)] = changes
    assert first["isOpen"] == (not second["isOpen"]) == (not changed["isOpen"])
    opened, closed = (first, second) if first["isOpen"] else (second, first)
    assert "message" not in opened
    assert closed["message"] == TEXTS
    assert opened["closesAt"] if opened is first else closed["opensAt"]
    assert not staff.received
    assert not customer.received


async def test_change_whose_relay_was_killed_is_published_once(desk: Desk, database_of_relay: Database) -> None:
    staff = await desk.account.connect("viewer")
    await desk.put()
    due = await desk.due()
    await desk.publisher.publish_due(at=due)
    await desk.account.execute(  # as if the relay had died before it recorded the next time
        "UPDATE business_hours SET changes_at = %(due)s WHERE account_id = %(account)s", due=due
    )
    await desk.publisher.publish_due(at=due)
    await desk.pass_time()
    received = [await staff.receives("availability_changed") for _ in range(2)]
    assert received[0]["isOpen"] != received[1]["isOpen"]


async def test_settings_that_change_while_the_relay_publishes_stay_due(desk: Desk, database_of_relay: Database) -> None:
    await desk.put()
    async with database_of_relay.all_accounts() as tx:
        found = [one for one in await hours.due(tx, at=None, limit=100) if one.account_id == desk.account.id]
    await desk.put(timeZone="UTC")
    async with database_of_relay.all_accounts() as tx:
        await hours.schedule(tx, found[0], None)
    assert await desk.due() is not None


async def test_hours_that_are_not_announced_are_for_staff_only(desk: Desk) -> None:
    staff, customer = await desk.account.connect("viewer"), await desk.account.connect("customer")
    await desk.put(weekly=[], outside="queue")
    await desk.pass_time()
    assert (await staff.receives("availability_changed"))["isOpen"] is False
    assert await customer.do("get_availability") == {"ok": True, "isOpen": True}
    assert not (await staff.do("get_availability"))["isOpen"]
    assert customer.names() == []


async def test_disabled_hours_are_published_as_open_and_never_due_again(desk: Desk) -> None:
    customer = await desk.account.connect("customer")
    await desk.put(weekly=[])
    await desk.pass_time()
    assert not (await customer.receives("availability_changed"))["isOpen"]
    await desk.put(enabled=False)
    await desk.pass_time()
    opened = await customer.receives("availability_changed")
    assert opened == {"isOpen": True, "timestamp": opened["timestamp"]}
    assert await desk.due() is None


async def test_unknown_time_zone_of_one_account_does_not_stop_the_others(desk: Desk, foreign: Account) -> None:
    staff = await desk.account.connect("viewer")
    other = Desk(foreign, desk.node, desk.publisher)
    await other.put(weekly=[])
    await foreign.execute("UPDATE business_hours SET time_zone = 'Mars/Olympus' WHERE account_id = %(account)s")
    await desk.put(weekly=[])
    await desk.pass_time()
    assert not (await staff.receives("availability_changed"))["isOpen"]
    retried = await other.due()
    assert retried is not None
    assert retried > datetime.now(UTC) + RETRY / 2, "it does not stay due"
    desk.node.context.hours.forget(foreign.id)
    asking = await foreign.connect("viewer")
    assert await asking.do("get_availability") == {"ok": True, "isOpen": True}
    await foreign.execute("UPDATE business_hours SET is_enabled = false WHERE account_id = %(account)s")
    await other.pass_time()
    assert await other.due() is None
