"""A study measures one or more figures, in rounds: each round measures all contenders one after the other."""

from collections.abc import Awaitable, Callable, Collection, Mapping
from dataclasses import dataclass, field
from typing import TypeVar

from bench.contenders import Server, StartServer
from bench.npm import PeerUnavailable
from bench.sockets import LoadError
from bench.testbed import Testbed
from hummdesk.core.errors import CommandError

T = TypeVar("T")
OURS = "hummdesk"
PEERS = ("node", "bun", "stock", "nats", "nchan", "limit", "unbatched")

Round = dict[str, dict[str, float]]
"""The results of one round: by figure, then by contender."""


@dataclass(frozen=True, kw_only=True)
class Size:
    """The amount of load. `seconds` is the duration of one measurement."""

    rounds: int = 3
    seconds: float = 1.5
    receivers: int = 500
    many_receivers: int = 10_000
    most_receivers: int = 18_000
    connections: int = 2_000
    senders: int = 200
    trials: int = 100
    sustained_seconds: float = 20.0
    beside_ai_seconds: float = 30.0
    settle_seconds: float = 1.0
    idle_seconds: float = 10.0
    heartbeat_seconds: float = 25.0
    """The interval of the heartbeats of all contenders."""


SMOKE = Size(
    rounds=1,
    seconds=0.2,
    receivers=20,
    many_receivers=40,
    most_receivers=60,
    connections=20,
    senders=8,
    trials=5,
    sustained_seconds=1.0,
    beside_ai_seconds=1.0,
    settle_seconds=0.1,
    idle_seconds=0.2,
    heartbeat_seconds=0.2,
)


@dataclass
class Bench:
    testbed: Testbed
    size: Size
    peers: Collection[str]
    """The peers to measure."""
    skipped: dict[str, str] = field(default_factory=dict)
    """The reason for each contender that was skipped."""

    async def measure_each(
        self, contenders: Mapping[str, StartServer], measure: Callable[[Server], Awaitable[T]]
    ) -> dict[str, T]:
        """Measure each contender; skip one that is unavailable or fails."""
        results: dict[str, T] = {}
        for name, start in contenders.items():
            if name in PEERS and name not in self.peers:
                continue
            await self.testbed.reset()
            try:
                async with start(self.testbed) as server:
                    results[name] = await measure(server)
            except (PeerUnavailable, CommandError, LoadError, OSError) as reason:
                self.skipped[name] = str(reason).partition(" (see ")[0]  # the log file is deleted with its folder
        return results
