"""Removes entries from the event stream before they expire.

A reader that has not read a removed entry yet finds a gap in the stream and resynchronizes its clients; a client that
returns from before it is not recovered, and synchronizes.
"""

import re
from collections.abc import AsyncIterator, Callable, Iterable, Set
from uuid import UUID

from hummdesk.bus import assist_requests, draft_progress
from hummdesk.bus.commands import Commands
from hummdesk.bus.envelope import Event
from hummdesk.bus.kept_entries import Entry
from hummdesk.bus.shards import SHARDS, Shard, doublings, shard_of
from hummdesk.bus.splitting import MARK_SECONDS, ShardSplitter
from hummdesk.bus.stream_writer import ENTRY_SECONDS

BATCH = 500
IDS = re.compile(rb"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")

Holds = Callable[[Event], bool]
"""Whether the payload of an event holds content."""


class StreamEraser:
    """Every method raises Unavailable while Redis is."""

    def __init__(self, commands: Commands) -> None:
        self._commands = commands
        self._splitter = ShardSplitter(commands)

    async def close(self) -> None:
        await self._commands.close()

    async def block(self, account_id: UUID, keys: Iterable[str]) -> None:
        """Make the stream drop events with these deduplication keys, as if they had been published."""
        shards, blocked = await self._shards_of(account_id), list(keys)
        marks = (shard.mark(key) for shard in shards for key in blocked)
        await self._commands.run_all(("SET", mark, "blocked", "EX", MARK_SECONDS) for mark in marks)

    async def remove(self, account_id: UUID, ids: Set[UUID], holds: Holds) -> int:
        """Remove the entries with an event that names one of the ids and holds content; return their number."""
        number = 0
        for shard in await self._shards_of(account_id):
            found = [entry_id async for entry_id in self._holding(shard, ids, holds)]
            for start in range(0, len(found), BATCH):
                await self._commands.run("XDEL", shard.stream, *found[start : start + BATCH])
            number += len(found)
        return number

    async def count(self, account_id: UUID, ids: Set[UUID], holds: Holds) -> int:
        """Count the entries that `remove` would remove."""
        shards = await self._shards_of(account_id)
        return len([entry_id for shard in shards async for entry_id in self._holding(shard, ids, holds)])

    async def delete_draft(self, account_id: UUID, conversation_id: UUID) -> None:
        """Delete the draft that is being generated; its run shows no more of it."""
        await self._commands.run("DEL", draft_progress.key_of(account_id, conversation_id))

    async def delete_assists(self, account_id: UUID, run_ids: Iterable[UUID]) -> None:
        """Delete the texts that runs were to translate or rewrite."""
        await self._commands.run_all(("DEL", assist_requests.key_of(account_id, run_id)) for run_id in run_ids)

    async def delete_keys(self, account_id: UUID) -> int:
        """Delete the keys that name an account, those of its presence and sockets; return their number."""
        found = [key async for key in self._commands.scan(f"hummdesk:*:{account_id}*")]
        return sum(await self._commands.run_all(("DEL", key) for key in found))

    async def trim(self) -> None:
        """Remove expired entries. A write does this for its shard, but an idle shard keeps its last entries."""
        seconds, _ = await self._commands.run("TIME")
        oldest = (int(seconds) - ENTRY_SECONDS) * 1000
        shards = map(Shard, range(await self._splitter.number()))
        await self._commands.run_all(("XTRIM", shard.stream, "MINID", oldest) for shard in shards)

    async def _shards_of(self, account_id: UUID) -> list[Shard]:
        """Return the shards of an account under each number of shards: entries from before a split are in the first."""
        numbers = [SHARDS, *doublings(SHARDS, await self._splitter.number())]
        return list(dict.fromkeys(shard_of(account_id, number) for number in numbers))

    async def _holding(self, shard: Shard, ids: Set[UUID], holds: Holds) -> AsyncIterator[bytes]:
        wanted = {str(one).encode() for one in ids}
        first = "-"
        while True:
            entries = await self._commands.run("XRANGE", shard.stream, first, "+", "COUNT", BATCH)
            for entry_id, fields in entries:
                if any(_names(packed, wanted) for packed in fields[1::2]) and any(
                    holds(event) and _names(event.body + " ".join(event.rooms).encode(), wanted)
                    for event in Entry.from_redis(entry_id, fields).events
                ):
                    yield entry_id
            if len(entries) < BATCH:
                return
            first = f"({entries[-1][0].decode()}"


def _names(packed: bytes, wanted: Set[bytes]) -> bool:
    return not wanted.isdisjoint(IDS.findall(packed))
