"""Raises the number of shards, while all processes work.

A shard is split in one step of Redis, which is atomic with the writes to it. From then on Redis refuses the writes of
a process that does not know of the split; the process learns of it by the answer, and writes to the new shard what
belongs there, in the same order. Readers find the place in the stream. So no process needs to be notified, or waited
for, and any process completes a split that another one began.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from hummdesk.bus.commands import Commands, Script
from hummdesk.bus.shards import SHARDS, Shard

MARK_SECONDS = 3600
"""How long an event is deduplicated by its mark; a repeat comes within minutes."""


@dataclass(frozen=True, slots=True)
class Split:
    """The id of the last entry before a split, the epoch at that time, and the marks that were asked for."""

    seal: str
    epoch: str
    marks: str


@dataclass(frozen=True, slots=True)
class ShardState:
    """The number of all shards at the last split of a shard, and the id of the last entry before it."""

    number: int
    seal: str

    @classmethod
    def parsed(cls, epoch: bytes | None) -> "ShardState":
        """Parse the value of the key `Shard.epoch`."""
        parts = (epoch or b"").decode().split()
        return cls(int(parts[2]), parts[3]) if len(parts) > 2 else cls(SHARDS, "")


class ShardSplitter:
    """Every method raises Unavailable while Redis is, and may be repeated."""

    def __init__(self, commands: Commands) -> None:
        self._commands = commands
        self._split = Script(commands, "split_shard")
        self._begin = Script(commands, "begin_shard")

    async def close(self) -> None:
        await self._commands.close()

    async def number(self) -> int:
        """Return the number of shards, the new one as soon as the first shard is split."""
        return ShardState.parsed(await self._commands.run("GET", Shard(0).epoch)).number

    async def missing(self, number: int) -> list[Shard]:
        """Return the shards that have not begun, of so many."""
        shards = [Shard(one) for one in range(SHARDS, number)]
        found = await self._commands.run_all(("GET", shard.epoch) for shard in shards)
        states = map(ShardState.parsed, found)
        return [shard for shard, state in zip(shards, states, strict=True) if state.number < shard.created_with]

    async def raise_to(self, number: int) -> None:
        """Split every shard until there are so many."""
        for shard in await self.missing(number):
            await self.begin(shard)

    async def begin(self, shard: Shard) -> None:
        """Begin a shard that was split from another one, after the split."""
        found = await self.split(shard.origin, shard.created_with)
        keys = [shard.stream, shard.tip, shard.epoch]
        await self._begin(keys=keys, args=[shard.created_with, found.seal, found.epoch])

    async def split(self, shard: Shard, number: int, marks: Sequence[str] = ()) -> Split:
        """Split a shard, unless it is; return the split. `marks` are keys of the shard."""
        if shard.number >= SHARDS and not marks:
            await self.begin(shard)
        keys = [shard.stream, shard.tip, shard.epoch, *marks]
        answer: bytes = await self._split(keys=keys, args=[number, MARK_SECONDS])
        return Split(*answer.decode().split(";"))

    async def restore(self, shard: Shard, number: int) -> None:
        """Repeat the splits of a shard that Redis has lost."""
        if shard.number >= SHARDS:
            await self.begin(shard)
        if number > shard.created_with:
            await self.split(shard, number)
