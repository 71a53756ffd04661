"""The command for the number of shards of the event stream."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from hummdesk.core.config import Settings
from hummdesk.core.errors import CommandError, Unavailable
from hummdesk.core.findings import Finding
from hummdesk.operator.options import home_option, json_option, settings_of
from hummdesk.operator.records import print_record

if TYPE_CHECKING:
    from hummdesk.bus.splitting import ShardSplitter

TOO_EARLY = "Shards were split within the last hour; wait until an hour has passed"


@click.command("shards")
@home_option
@json_option
@click.option("--all-upgraded", is_flag=True, help="Confirm that every running process is of this version.")
@click.argument("number", type=int, required=False)
def shards_command(home: Path, as_json: bool, all_upgraded: bool, number: int | None) -> None:
    """Show the number of shards of the event stream, or double it while all processes work.

    The shards are distributed over the masters of a Redis Cluster. NUMBER is twice the present one, at most 1,024, and
    is not lowered again. Before that, upgrade all processes to this version, and confirm it with --all-upgraded: those
    of earlier versions deliver no events after it. Wait an hour before the next time. A command that was interrupted is
    repeated with the same NUMBER.
    """
    settings = settings_of(home, needs_secret=False)
    work = shown(settings) if number is None else doubled(settings, number, all_upgraded=all_upgraded)
    print_record(asyncio.run(work), as_json=as_json)


async def shown(settings: Settings) -> dict[str, Any]:
    """Return the wanted number of shards, and how many of them Redis has, all of their splits included."""
    wanted = await _wanted(settings)
    async with _splitter(settings) as splitter:
        return {"shards": wanted, "ready": wanted - len(await splitter.missing(wanted))}


async def doubled(settings: Settings, number: int, *, all_upgraded: bool) -> dict[str, Any]:
    """Raise the number of shards, or complete that. Raises CommandError for another number, or too early."""
    from hummdesk.bus.shards import MAX_SHARDS
    from hummdesk.bus.splitting import MARK_SECONDS
    from hummdesk.storage import event_stream
    from hummdesk.storage.database import operator

    wanted = await _wanted(settings)
    if number != wanted:
        if number != 2 * wanted or number > MAX_SHARDS:
            can = f"it can be raised to {2 * wanted}" if wanted < MAX_SHARDS else "it cannot be raised further"
            raise CommandError(f"There are {wanted} shards; {can}")
        if not all_upgraded:
            raise CommandError(
                "Processes of earlier versions deliver no events once a shard is split: upgrade all of them, then add "
                "--all-upgraded"
            )
        async with _splitter(settings) as splitter:
            await _require_old_splits(splitter, wanted, seconds=MARK_SECONDS)
        async with operator(settings) as database, database.all_accounts() as tx:
            if not await event_stream.raise_shards(tx, number, seconds=MARK_SECONDS):
                raise CommandError(TOO_EARLY)
    async with _splitter(settings) as splitter:
        await splitter.raise_to(number)
    return await shown(settings)


async def _require_old_splits(splitter: "ShardSplitter", number: int, *, seconds: float) -> None:
    """Raise CommandError unless all splits up to a number were made that long ago.

    A new shard finds the marks of repeated events in the one that it was split from, and in no earlier one. A split may
    be later than the command, which can be interrupted, or be repeated since Redis has lost it.
    """
    if missing := await splitter.missing(number):
        raise CommandError(
            f"Redis has {number - len(missing)} of {number} shards: start a relay, or run `hummdesk shards {number}`"
        )
    if await splitter.seconds_since_split(number) < seconds:
        raise CommandError(TOO_EARLY)


async def shard_findings(settings: Settings) -> list[Finding]:
    """Check that Redis has the wanted shards. Servers that do not answer are found by other checks."""
    try:
        found = await shown(settings)
    except (CommandError, Unavailable):
        return []
    if found["ready"] == found["shards"]:
        return []
    problem = f"Redis has {found['ready']} of {found['shards']} shards of the event stream"
    return [Finding("REDIS_URL", problem, f"start a relay, or run `hummdesk shards {found['shards']}`")]


async def _wanted(settings: Settings) -> int:
    from hummdesk.bus.shards import SHARDS
    from hummdesk.storage import event_stream
    from hummdesk.storage.database import operator

    async with operator(settings) as database, database.all_accounts() as tx:
        wanted = await event_stream.shards(tx)
    return SHARDS if wanted is None else wanted.number


@asynccontextmanager
async def _splitter(settings: Settings) -> AsyncIterator["ShardSplitter"]:
    from hummdesk.bus.commands import Commands
    from hummdesk.bus.splitting import ShardSplitter

    splitter = ShardSplitter(Commands.of(settings.redis))
    try:
        yield splitter
    finally:
        await splitter.close()
