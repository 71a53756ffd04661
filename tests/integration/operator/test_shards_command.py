"""`hummdesk shards` doubles the number of shards; the relay completes it, and doctor finds what is missing."""

from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import pytest
from redis.asyncio import Redis

from hummdesk.bus.commands import Commands
from hummdesk.bus.shards import SHARDS, Shard
from hummdesk.bus.splitting import ShardSplitter
from hummdesk.core.config import Settings
from hummdesk.core.errors import CommandError
from hummdesk.operator import shards
from hummdesk.relay.shards import ShardKeeper
from hummdesk.storage.database import Database
from tests import superuser
from tests.integration.operator.test_people_commands import ask, deployment, refusal, run

__all__ = ["deployment"]

AN_HOUR_AGO = "UPDATE event_stream SET raised_at = raised_at - interval '61 minutes'"


@pytest.fixture
async def here(settings: Settings) -> AsyncIterator[Settings]:
    """With a database of Redis that no other process uses."""
    found = replace(settings, redis_url=settings.redis.removesuffix("/0") + "/3")
    await superuser.execute(settings.postgres, "DELETE FROM event_stream")
    async with Redis.from_url(found.redis) as redis:
        await redis.flushdb()
        yield found
        await redis.flushdb()
    await superuser.execute(settings.postgres, "DELETE FROM event_stream")


@pytest.fixture
async def splitter(here: Settings) -> AsyncIterator[ShardSplitter]:
    found = ShardSplitter(Commands.of(here.redis))
    yield found
    await found.close()


async def doubled(here: Settings, number: int) -> dict[str, Any]:
    return await shards.doubled(here, number, all_upgraded=True)


async def split_an_hour_ago(here: Settings) -> None:
    """Make the ids of the last entries before each split older."""
    async with Redis.from_url(here.redis) as redis:
        for number in range(32):
            state: Any = await redis.get(Shard(number).epoch)
            epoch, generation, shards_then, last, split_epoch = state.split()
            milliseconds, _, counter = last.partition(b"-")
            older = b"%d-%s" % (int(milliseconds) - 3_660_000, counter)
            await redis.set(Shard(number).epoch, b" ".join((epoch, generation, shards_then, older, split_epoch)))


@pytest.fixture
def environment(here: Settings, deployment: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REDIS_URL", here.redis)


def test_command_shows_and_doubles_the_number(environment: None) -> None:
    assert ask("shards") == {"shards": 16, "ready": 16}
    assert "--all-upgraded" in refusal("shards", "32")
    assert ask("shards", "32", "--all-upgraded") == {"shards": 32, "ready": 32}
    assert "ready: 32" in run("shards")
    assert "There are 32 shards; it can be raised to 64" in refusal("shards", "16")


async def test_number_is_only_doubled_and_once_an_hour(here: Settings) -> None:
    for number in (8, 17, 64):
        with pytest.raises(CommandError, match="it can be raised to 32"):
            await doubled(here, number)
    await doubled(here, 32)
    with pytest.raises(CommandError, match="within the last hour"):
        await doubled(here, 64)
    await split_an_hour_ago(here)
    with pytest.raises(CommandError, match="within the last hour"):
        await doubled(here, 64)  # the row in PostgreSQL is of another command
    await superuser.execute(here.postgres, AN_HOUR_AGO)
    assert await doubled(here, 64) == {"shards": 64, "ready": 64}


async def test_number_is_not_doubled_before_an_hour_after_the_last_split(
    here: Settings, splitter: ShardSplitter
) -> None:
    """The command was interrupted, and a relay has completed it later."""
    await superuser.execute(here.postgres, "INSERT INTO event_stream (shards) VALUES (32)")
    await superuser.execute(here.postgres, AN_HOUR_AGO)
    with pytest.raises(CommandError, match=r"Redis has 0 of 32 shards: start a relay, or run `hummdesk shards 32`"):
        await doubled(here, 64)
    await splitter.raise_to(32)
    with pytest.raises(CommandError, match="within the last hour"):
        await doubled(here, 64)


async def test_number_is_not_doubled_while_processes_of_earlier_versions_may_run(
    here: Settings, splitter: ShardSplitter
) -> None:
    with pytest.raises(CommandError, match="add --all-upgraded"):
        await shards.doubled(here, 32, all_upgraded=False)
    assert await splitter.number() == SHARDS
    await doubled(here, 32)
    assert await shards.doubled(here, 32, all_upgraded=False) == {"shards": 32, "ready": 32}, "it was confirmed before"


async def test_largest_number_cannot_be_raised(here: Settings) -> None:
    await superuser.execute(here.postgres, "INSERT INTO event_stream (shards) VALUES (1024)")
    with pytest.raises(CommandError, match="cannot be raised further"):
        await doubled(here, 2048)


async def test_interrupted_command_is_found_by_doctor_and_completed_by_repeating_it(
    here: Settings, splitter: ShardSplitter
) -> None:
    await superuser.execute(here.postgres, "INSERT INTO event_stream (shards) VALUES (32)")
    await splitter.begin(Shard(16))
    [finding] = await shards.shard_findings(here)
    assert finding.problem == "Redis has 2 of 32 shards of the event stream", "shard 0 was split, 16 has begun"
    assert not finding.is_error
    assert await doubled(here, 32) == {"shards": 32, "ready": 32}
    assert await shards.shard_findings(here) == []


async def test_relay_repeats_a_split_that_one_shard_has_lost(here: Settings, splitter: ShardSplitter) -> None:
    database = Database(here.postgres, role="hummdesk_relay", size=1, timeout=20, pipelined=True)
    await database.open()
    await doubled(here, 32)
    async with Redis.from_url(here.redis) as redis:
        await redis.delete(*await redis.keys(f"{Shard(0).stream}*"))
    assert await shards.shown(here) == {"shards": 32, "ready": 31}
    assert await splitter.number() == 32
    await ShardKeeper(database, splitter).complete()
    assert await shards.shown(here) == {"shards": 32, "ready": 32}
    await database.close()


async def test_command_and_doctor_name_the_migration_that_is_missing(here: Settings) -> None:
    await superuser.execute(here.postgres, "ALTER TABLE event_stream RENAME TO event_stream_later")
    try:
        assert await shards.shard_findings(here) == []
        with pytest.raises(CommandError, match="run `python -m hummdesk migrate` first"):
            await shards.shown(here)
    finally:
        await superuser.execute(here.postgres, "ALTER TABLE event_stream_later RENAME TO event_stream")


async def test_relay_completes_what_an_interrupted_command_has_left(here: Settings, splitter: ShardSplitter) -> None:
    database = Database(here.postgres, role="hummdesk_relay", size=1, timeout=20, pipelined=True)
    await database.open()
    keeper = ShardKeeper(database, splitter)
    await keeper.complete()
    assert await splitter.number() == SHARDS, "nothing is wanted"
    await superuser.execute(here.postgres, "INSERT INTO event_stream (shards) VALUES (32)")
    await keeper.complete()
    assert await splitter.missing(32) == []
    await database.close()


async def test_doctor_leaves_servers_that_do_not_answer_to_other_checks(here: Settings) -> None:
    assert await shards.shard_findings(replace(here, redis_url="redis://127.0.0.1:1/0")) == []
    unknown = "postgresql://nobody@127.0.0.1:1/none"
    assert await shards.shard_findings(replace(here, database_url=unknown, db_timeout_seconds=0.5)) == []
