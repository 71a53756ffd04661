"""Measuring in rounds: in each one every contender after the other, so that all meet the same hours of the machine."""

from collections.abc import Awaitable, Callable, Collection, Mapping
from dataclasses import dataclass, field
from typing import TypeVar

from bench.contenders import Server, Start
from bench.npm import Missing
from bench.sockets import Lost
from bench.world import World
from hummdesk.core.errors import CommandError

T = TypeVar("T")
OURS = "hummdesk"
PEERS = ("node", "bun", "stock", "nats", "nchan", "limit", "ungathered")

Round = dict[str, dict[str, float]]
"""By figure, and in that by contender."""


@dataclass(frozen=True, kw_only=True)
class Size:
    """How much is measured. `seconds` is the length of one measurement."""

    rounds: int = 3
    seconds: float = 1.5
    receivers: int = 500
    many_receivers: int = 10_000
    connections: int = 2_000
    senders: int = 200
    trials: int = 100
    sustained_seconds: float = 20.0
    settle_seconds: float = 1.0


SMOKE = Size(
    rounds=1,
    seconds=0.2,
    receivers=20,
    many_receivers=40,
    connections=20,
    senders=8,
    trials=5,
    sustained_seconds=1.0,
    settle_seconds=0.1,
)


@dataclass
class Bench:
    world: World
    size: Size
    wanted: Collection[str]
    """The peers to measure."""
    skipped: dict[str, str] = field(default_factory=dict)
    """Who was left out, and why."""

    async def each(self, contenders: Mapping[str, Start], measure: Callable[[Server], Awaitable[T]]) -> dict[str, T]:
        """What `measure` finds of each contender; one that cannot be had or fails is left out."""
        found: dict[str, T] = {}
        for name, start in contenders.items():
            if name in PEERS and name not in self.wanted:
                continue
            await self.world.forget()
            try:
                async with start(self.world) as server:
                    found[name] = await measure(server)
            except (Missing, CommandError, Lost, OSError) as reason:
                self.skipped[name] = str(reason).partition(" (see ")[0]  # the log goes with the folder
        return found
