"""Raises the number of shards, while all processes work.

A shard is split in one step of Redis, which is atomic with the writes to it. From then on Redis refuses the writes of
a process that does not know of the split; the process learns of it by the answer, and writes to the new shard what
belongs there, in the same order. Readers find the place in the stream. So no process needs to be notified, or waited
for, and any process completes a split that another one began.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import inf

from hummdesk.bus.commands import Commands, Script
from hummdesk.bus.shards import SHARDS, Shard, doublings, moment

MARK_SECONDS = 3600
"""How long an event is deduplicated by its mark; a repeat comes within minutes."""


@dataclass(frozen=True, slots=True)
class Split:
    """The id of the entry of a split, the epoch at that time, and the marks that were asked for."""

    split_entry: str
    epoch: str
    marks: str
    is_new: bool
    """It was made by this call."""

    @classmethod
    def parsed(cls, answer: bytes) -> "Split":
        split_entry, epoch, is_new, marks = answer.decode().split(";")
        return cls(split_entry, epoch, marks, is_new == "1")


@dataclass(frozen=True, slots=True)
class ShardState:
    """The number of all shards at the last split of a shard, and the id of the entry of that split."""

    number: int
    split_entry: str

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
        """Return the number of shards, the new one as soon as any shard is split."""
        return max(state.number for state in (await self._states(SHARDS)).values())

    async def missing(self, number: int) -> list[Shard]:
        """Return the shards that have not begun, of so many, or are still to be split."""
        return [shard for shard, state in (await self._states(number)).items() if state.number < number]

    async def seconds_since_split(self, number: int) -> float:
        """Return the time since the newest split of so many shards; infinite without one."""
        states = await self._states(number)
        newest = max((moment(state.split_entry)[0] for state in states.values() if state.split_entry), default=None)
        seconds, _ = await self._commands.run("TIME")
        return inf if newest is None else int(seconds) - newest / 1000

    async def raise_to(self, number: int) -> None:
        """Split every shard until there are so many."""
        missing = await self.missing(number)
        for shard in reversed(missing):  # each new one directly after the shard that it is split from
            await self.restore(shard, number)

    async def _states(self, number: int) -> dict[Shard, "ShardState"]:
        shards = [Shard(one) for one in range(number)]
        found = await self._commands.run_all(("GET", shard.epoch) for shard in shards)
        return dict(zip(shards, map(ShardState.parsed, found), strict=True))

    async def begin(self, shard: Shard) -> None:
        """Begin a shard that was split from another one, after the split.

        If Redis had lost that split, processes that did not know it have written to the other shard what the readers
        of this one have missed: these are notified of a loss.
        """
        found = await self.split(shard.origin, shard.created_with)
        keys = [shard.stream, shard.tip, shard.epoch]
        await self._begin(keys=keys, args=[shard.created_with, found.split_entry, found.epoch, int(found.is_new)])

    async def split(self, shard: Shard, number: int, marks: Sequence[str] = ()) -> Split:
        """Split a shard, unless it is; return the split. `marks` are keys of the shard."""
        if shard.number >= SHARDS and not marks:
            await self.begin(shard)
        keys = [shard.stream, shard.tip, shard.epoch, *marks]
        answer: bytes = await self._split(keys=keys, args=[number, MARK_SECONDS])
        return Split.parsed(answer)

    async def restore(self, shard: Shard, number: int) -> None:
        """Repeat what Redis lacks of a shard: its beginning, and its splits up to so many shards."""
        if shard.number >= SHARDS:
            await self.begin(shard)
        for doubled in doublings(shard.created_with, number):
            await self.begin(Shard(shard.number + doubled // 2))
