"""The epoch of the data, on a database of its own."""

import re
from collections.abc import AsyncIterator
from pathlib import Path
from uuid import UUID

import pytest

from hummdesk.core.epochs import Epochs
from hummdesk.publish import feed
from hummdesk.storage.database import Database
from tests.integration.storage.conftest import Account, opened, the_only_account

PAGE = Path(__file__).parents[3] / "docs" / "postgresql.md"
CHANGE = "UPDATE epochs SET history = 'that of another server'"


@pytest.fixture
async def alone(fresh_database_url: str) -> AsyncIterator[Account]:
    async with the_only_account(fresh_database_url) as account:
        yield account


async def entered(url: str, epochs: Epochs) -> int:
    """The epoch in which a process that has just connected works."""
    database = Database(url, role="hummdesk_app", size=1, timeout=20, epochs=epochs)
    await database.open()
    await database.check()
    await database.close()
    return epochs.current


async def feed_epoch(account: Account) -> UUID:
    async with account.tx() as tx:
        return (await feed.page(tx, after=0)).epoch


async def test_epoch_lasts_as_long_as_the_history_of_the_server(fresh_database_url: str) -> None:
    first = await entered(fresh_database_url, Epochs())
    assert first > 0
    assert await entered(fresh_database_url, Epochs()) == first


async def test_epoch_in_another_history_is_higher_and_the_same_for_all_processes(alone: Account) -> None:
    first = await entered(alone.url, Epochs())
    [(history,)] = await alone.execute("SELECT history FROM epochs")
    assert history.endswith("/00000001"), "an ordinary role reads the timeline"
    await alone.execute(CHANGE)
    second = await entered(alone.url, Epochs())
    assert second > first
    assert await entered(alone.url, Epochs()) == second
    await alone.execute("UPDATE epochs SET number = 9e15, history = ''")
    assert await entered(alone.url, Epochs()) == 9e15 + 1, "also where a clock is behind"


async def test_history_that_cannot_be_read_begins_no_epoch(alone: Account) -> None:
    first = await entered(alone.url, Epochs())
    await alone.execute("CREATE OR REPLACE FUNCTION current_history() RETURNS text LANGUAGE sql RETURN ''")
    assert await entered(alone.url, Epochs()) == first


async def test_process_enters_a_new_epoch_before_its_first_transaction_there(alone: Account) -> None:
    entries = list[tuple[int, bool]]()
    epochs = Epochs()
    epochs.subscribe(lambda number, has_earlier: entries.append((number, has_earlier)))
    first = await entered(alone.url, epochs)
    await alone.execute(CHANGE)
    assert entries == [(first, False)]
    second = await entered(alone.url, epochs)
    assert entries == [(first, False), (second, True)]


async def test_feed_has_another_epoch_with_the_data(alone: Account) -> None:
    first = await feed_epoch(alone)
    await entered(alone.url, Epochs())
    assert await feed_epoch(alone) == first
    found = {first}
    for _ in range(2):
        await alone.execute(CHANGE)
        await entered(alone.url, Epochs())
        found.add(await feed_epoch(alone))
    assert len(found) == 3


async def test_documented_statement_after_a_restore_begins_an_epoch_of_data_and_feed(alone: Account) -> None:
    before = await entered(alone.url, Epochs()), await feed_epoch(alone)
    [restored] = re.findall("```sql\n(UPDATE epochs .*)\n```", PAGE.read_text())
    await alone.execute(restored)
    after = await entered(alone.url, Epochs()), await feed_epoch(alone)
    assert after[0] > before[0]
    assert after[1] != before[1]


async def test_message_writer_enters_the_epoch(alone: Account) -> None:
    async with opened(alone.url, alone.app) as harness:
        harness.batches._epochs = epochs = Epochs()
        await harness.send(alone, "agent")
        assert epochs.current > 0
